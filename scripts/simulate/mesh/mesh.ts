/**
 * Gossipsub v1.1 of one node, modelled on its specification and the library that production runs: to which neighbours
 * messages are sent on, to which they are announced, and how peers are scored.
 */
import type { GossipVerdict } from '../../../src/witness/outcome.js'
import type { Dice } from '../dice.js'
import type { Frame, Message, Messages, TopicIndex } from '../frames.js'
import type { Link, Network } from '../network.js'
import type { VirtualTime } from '../virtual-time.js'
import { heartbeat } from './heartbeat.js'
import { MessageCache } from './message-cache.js'
import { LIBRARY, MAX_IHAVES, type MeshRules } from './rules.js'

export interface MeshWorld {
  readonly time: VirtualTime
  readonly network: Network
  readonly messages: Messages
}

export interface SimulatedMeshOptions {
  readonly world: MeshWorld
  readonly dice: Dice
  readonly rules: MeshRules
  /** Judges a message; the answer may come later. */
  readonly validate: (message: Message, link: Link, decided: (verdict: GossipVerdict) => void) => void
}

export class SimulatedMesh {
  /** Open connections, in the order in which they were made. */
  readonly links = new Set<Link>()
  /** By topic. */
  readonly members: readonly [Set<Link>, Set<Link>] = [new Set(), new Set()]
  readonly cache = new MessageCache()
  readonly #options: SimulatedMeshOptions
  /** Messages that are being judged, and the other peers that sent them meanwhile. */
  readonly #judged = new Map<number, string[]>()
  #ticks = 0

  constructor(options: SimulatedMeshOptions) {
    this.#options = options
  }

  get rules(): MeshRules {
    return this.#options.rules
  }

  get dice(): Dice {
    return this.#options.dice
  }

  get now(): number {
    return this.#options.world.time.ms
  }

  score({ standing, name }: Link): number {
    return standing.score(name, this.rules.score, this.now)
  }

  // ---- messages ------------------------------------------------------------------------------------------------

  /** Sends a message of our own: to the mesh, or to every peer that is not ignored. */
  publish(message: Message, toAll: boolean): void {
    if (this.cache.see(message.number, this.now)) return
    this.cache.put(message)
    const mayGet = (link: Link): boolean => this.score(link) >= this.rules.thresholds.publish
    if (toAll) {
      for (const link of this.links) if (mayGet(link)) this.#send(link, message.frame)
      return
    }
    const members = this.members[message.topic]
    const missing = this.rules.degree - members.size
    const others = missing > 0 ? [...this.links].filter((link) => !members.has(link) && mayGet(link)) : []
    for (const link of [...members, ...this.dice.shuffled(others).slice(0, Math.max(0, missing))])
      this.#send(link, message.frame)
  }

  /** The other peers that have sent a message that is being judged. */
  otherSenders({ number }: Message): readonly string[] {
    return this.#judged.get(number) ?? []
  }

  /** The neighbours on a topic, by their ids. */
  neighbours(topic: TopicIndex): string[] {
    return Array.from(this.members[topic], ({ name }) => name)
  }

  receive(link: Link, frame: Frame): void {
    if (frame.message !== undefined) return this.#onMessage(link, frame.message)
    if (this.score(link) < this.rules.thresholds.graylist) return
    if (frame.ihave !== undefined) this.#onIhave(link, frame.ihave.numbers)
    if (frame.iwant !== undefined) this.#onIwant(link, frame.iwant)
    if (frame.graft !== undefined) this.#onGraft(link, frame.graft)
    for (const topic of frame.prune ?? []) this.#leave(link, topic)
  }

  #onMessage(link: Link, message: Message): void {
    // Most are copies of known messages, so that is checked first; they change little.
    if (this.cache.has(message.number)) {
      this.#judged.get(message.number)?.push(link.name)
      return
    }
    if (this.score(link) < this.rules.thresholds.graylist) return
    this.cache.see(message.number, this.now)
    const { validate, rules } = this.#options
    this.#judged.set(message.number, [])
    validate(message, link, (verdict) => {
      this.#judged.delete(message.number)
      if (verdict === 'accept') {
        link.standing.delivered(message.topic, rules.score, this.now)
        this.cache.put(message)
        for (const member of this.members[message.topic]) if (member !== link) this.#send(member, message.frame)
      } else if (verdict === 'reject') link.standing.broughtInvalid(message.topic, rules.score, this.now)
    })
  }

  #onIhave(link: Link, numbers: readonly number[]): void {
    const { standing } = link
    if (this.score(link) < this.rules.thresholds.gossip || ++standing.ihaves > MAX_IHAVES) return
    const wanted = this.dice.shuffled(numbers.filter((number) => !this.cache.has(number)))
    if (wanted.length === 0) return
    standing.promised.push({ number: wanted[0]!, by: this.now + LIBRARY.gossipsubIWantFollowupMs })
    this.#send(link, this.#options.world.messages.iwant(wanted))
  }

  #onIwant(link: Link, numbers: readonly number[]): void {
    if (this.score(link) < this.rules.thresholds.gossip) return
    for (const number of numbers) {
      const message = this.cache.get(number)
      if (message !== undefined) this.#send(link, message.frame)
    }
  }

  #send(link: Link, frame: Frame): void {
    this.#options.world.network.send(link, frame)
  }

  // ---- the mesh ------------------------------------------------------------------------------------------------

  /** The heartbeat, once a second. */
  beat(): void {
    heartbeat(this, ++this.#ticks)
  }

  connected(link: Link): void {
    this.links.add(link)
  }

  disconnected(link: Link): void {
    this.links.delete(link)
    for (const members of this.members) members.delete(link)
  }

  /** Adds a peer to the mesh and tells it. */
  graft(link: Link, topic: TopicIndex): void {
    this.#join(link, topic)
    this.#send(link, this.#options.world.messages.graft([topic]))
  }

  /** Removes a peer from the mesh, for at least a minute, and tells it. */
  prune(link: Link, topic: TopicIndex): void {
    this.#leave(link, topic)
    this.#send(link, this.#options.world.messages.prune([topic]))
  }

  tell(link: Link, topic: TopicIndex, numbers: readonly number[]): void {
    this.#send(link, this.#options.world.messages.ihave(topic, numbers))
  }

  #onGraft(link: Link, topics: readonly TopicIndex[]): void {
    for (const topic of topics) {
      const members = this.members[topic]
      if (members.has(link)) continue
      const { backoffUntil } = link.standing.on[topic]
      if (this.now < backoffUntil) {
        link.standing.misbehaved(this.rules.score, this.now)
        const isFlood = this.now < backoffUntil + LIBRARY.graftFloodThreshold - LIBRARY.pruneBackoff
        if (isFlood) link.standing.misbehaved(this.rules.score, this.now)
        this.prune(link, topic)
      } else if (this.score(link) < 0 || (members.size >= this.rules.most && !link.isOutbound)) this.prune(link, topic)
      else this.#join(link, topic)
    }
  }

  #join(link: Link, topic: TopicIndex): void {
    this.members[topic].add(link)
    link.standing.on[topic].meshSince = this.now
  }

  #leave(link: Link, topic: TopicIndex): void {
    this.members[topic].delete(link)
    const standing = link.standing.on[topic]
    standing.meshSince = -1
    standing.backoffUntil = this.now + LIBRARY.pruneBackoff
  }
}
