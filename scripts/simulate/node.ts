/** An honest node: it polls the log, judges messages, passes on news, and tells its peers what it holds. */
import { EVIDENCE_VERDICTS } from '../../src/gossip/gossip.js'
import { DeliveredNews } from '../../src/gossip/host/delivered-news.js'
import { FloodMeter } from '../../src/gossip/host/flood.js'
import { formatHash } from '../../src/tlog/hash.js'
import type { Tree } from '../../src/tlog/merkle.js'
import type { SignerKey, VerifierKey } from '../../src/tlog/note.js'
import type { Proof } from '../../src/witness/decide.js'
import { gossipVerdict, isDelivery, type GossipVerdict } from '../../src/witness/outcome.js'
import type { HeadSource } from '../../src/witness/source.js'
import { roundTripMs } from './cities.js'
import type { Dice } from './dice.js'
import type { Frame, Message, TopicIndex } from './frames.js'
import { Judge, type JudgeWorld } from './judge.js'
import type { View } from './log.js'
import { SimulatedMesh, type MeshWorld } from './mesh/mesh.js'
import { LIBRARY, type productionRules, type MeshRules } from './mesh/rules.js'
import type { Link, Station } from './network.js'
import type { Processor, Work } from './processor.js'
import { askHello, ROUND_MS, syncOnConnect } from './sync.js'
import type { Watcher } from './watcher.js'

/** The city of the log: Washington. */
const LOG_CITY = 2
/** Peers that are asked for a proof in addition to the one that sent the head. */
const OTHERS_ASKED = 3
/** Milliseconds that a promise waits for a peer to keep it. */
const DEPOSIT_MS = 2_000

/** What all nodes of a simulation share. */
export interface NodeWorld extends JudgeWorld, MeshWorld {
  readonly watcher: Watcher
  readonly processor: Processor
  /** Milliseconds between two polls. */
  readonly pollMs: number
  /** The gossipsub parameters of a node. */
  readonly rules: (...given: Parameters<typeof productionRules>) => MeshRules
  /** What the log shows this node now. */
  readonly viewOf: (node: SimulatedNode) => View
  /** Keys that spammers name in their hellos: an honest node relays for its neighbours. */
  readonly spamKeys: readonly VerifierKey[]
}

const NO_KEYS: readonly VerifierKey[] = []

export class SimulatedNode implements Station {
  readonly isHonest = true
  readonly judge: Judge
  readonly mesh: SimulatedMesh
  readonly #dice: Dice
  readonly #meter = new FloodMeter()
  readonly #news: DeliveredNews
  readonly isWitness: boolean
  isRunning = true
  /** Proofs in progress: all that wait for one cost the work of one. */
  readonly #underWay = new Set<string>()

  constructor(
    readonly id: number,
    readonly city: number,
    readonly world: NodeWorld,
    dice: Dice,
    signer?: SignerKey,
  ) {
    this.#dice = dice
    this.isWitness = signer !== undefined
    const { messages, time, watcher } = world
    this.mesh = new SimulatedMesh({
      ...{ world, dice },
      rules: world.rules(messages.names, {
        overBudget: (peer) => this.#meter.isPaused(peer, time.ms),
        worth: (peer) => this.#news.worth(peer),
      }),
      validate: (message, link, decided) => this.#validate(message, link, decided),
    })
    this.#news = new DeliveredNews((topic) => this.mesh.neighbours(messages.names.indexOf(topic) as TopicIndex))
    this.judge = new Judge({
      ...{ world, signer },
      relayed: () => this.#relayed(),
      prove: (of, size, peer, answered) => this.#prove(of, size, peer, answered),
      fromLog: (of, size) => world.viewOf(this).prefix(of, size),
      deposit: (deposited) => this.#deposit(deposited),
      told: {
        publishHead: (note) => this.mesh.publish(messages.of(0, note), false),
        publishEvidence: (file) => {
          watcher.evidence(this)
          this.mesh.publish(messages.of(1, file), true)
        },
        onQuorum: (size) => watcher.quorum(this, size),
      },
    })
  }

  /**
   * Starts polling, heartbeats and sync. The first poll is after this many milliseconds; the second is at a random
   * point of an interval, as for nodes that were started on different days.
   */
  start(firstPoll: number): void {
    const { time, pollMs } = this.world
    time.after(firstPoll, () => this.poll())
    const second = time.ms + firstPoll + this.#dice.share() * pollMs
    this.#every(
      second,
      () => pollMs * (0.8 + 0.4 * this.#dice.share()),
      () => this.poll(),
    )
    this.#every(
      time.ms + this.#dice.share() * LIBRARY.heartbeatInterval,
      () => LIBRARY.heartbeatInterval,
      () => this.#work('beat', () => this.mesh.beat()),
    )
    this.#every(
      time.ms + this.#dice.share() * ROUND_MS,
      () => ROUND_MS,
      () => this.#syncRound(),
    )
  }

  stop(): void {
    this.isRunning = false
    this.judge.stop()
    for (const link of [...this.mesh.links]) this.world.network.disconnect(link)
  }

  #every(first: number, pause: () => number, act: () => void): void {
    this.world.time.at(first, () => {
      if (!this.isRunning) return
      act()
      this.#every(this.world.time.ms + pause(), pause, act)
    })
  }

  // ---- the log -------------------------------------------------------------------------------------------------

  get #logRoundTrip(): number {
    return roundTripMs(this.city, LOG_CITY)
  }

  /** Asks the log for its newest head. */
  poll(): void {
    const { time, processor, log, watcher } = this.world
    const answered = (note: Uint8Array): void => {
      this.take('poll', note)
      this.judge.retrySuspects()
    }
    const asked = (): void => {
      const view = this.world.viewOf(this)
      watcher.shown(view)
      const note = view.head()
      time.after(this.#logRoundTrip / 2, () => this.#work('poll', () => answered(note)))
    }
    time.after(this.#logRoundTrip / 2, () => processor.work(log, 'answer', asked))
  }

  /**
   * The log first; if it does not have this tree, the peer that sent the head and a few others, each from its own view.
   */
  #prove(of: Tree, size: number, peer: string | undefined, proven: (proof: Proof) => void): void {
    const { time, processor, log } = this.world
    const what = `${formatHash(of.root)} ${size}`
    const isUnderWay = this.#underWay.has(what)
    this.#underWay.add(what)
    const answered = (proof: Proof): void =>
      this.#work(isUnderWay ? 'again' : 'advance', () => {
        if (!isUnderWay) this.#underWay.delete(what)
        proven(proof)
      })
    const served = (): void => {
      const prefix = this.world.viewOf(this).prefix(of, size)
      if (prefix !== undefined) return answered({ prefix })
      const links = this.#dice.shuffled(this.mesh.links)
      const bringer = links.filter(({ name }) => name === peer)
      const asked = [...bringer, ...links.filter((link) => !bringer.includes(link)).slice(0, OTHERS_ASKED)]
      const helpful = asked.flatMap(({ peer: other, oneWay }) => {
        if (!(other instanceof SimulatedNode)) return []
        const found = this.world.viewOf(other).prefix(of, size)
        return found === undefined ? [] : { found, ms: 2 * oneWay + other.#logRoundTrip }
      })
      const [fastest] = helpful.sort((a, b) => a.ms - b.ms)
      const slowest = Math.max(0, ...asked.map(({ oneWay }) => 4 * oneWay))
      time.after(fastest?.ms ?? slowest, () =>
        answered(fastest === undefined ? { failed: 'TILE_INVALID' } : { prefix: fastest.found }),
      )
    }
    time.after(this.#logRoundTrip, () => processor.work(log, isUnderWay ? 'again' : 'serve', served))
  }

  /** With the peers that we dialled: the promise is deposited when the second nearest has confirmed it. */
  #deposit(deposited: () => void): void {
    const { time, processor } = this.world
    const chosen = [...this.mesh.links].filter(({ isOutbound, peer }) => isOutbound && peer.isHonest)
    const [, second] = chosen.sort((a, b) => a.oneWay - b.oneWay)
    const done = (): void => this.#work('deposit', deposited)
    time.after(second === undefined ? DEPOSIT_MS : 2 * second.oneWay, () =>
      second === undefined ? done() : processor.work(second.peer, 'keep', done),
    )
  }

  // ---- peers ---------------------------------------------------------------------------------------------------

  connected(link: Link): void {
    this.mesh.connected(link)
    syncOnConnect(this, link)
  }

  disconnected(link: Link): void {
    this.#news.gone(link.name)
    this.mesh.disconnected(link)
  }

  receive(link: Link, frame: Frame): void {
    if (frame.call !== undefined) frame.call(this, link)
    else this.mesh.receive(link, frame)
  }

  take(source: HeadSource, note: Uint8Array, link?: Link): void {
    const peer = link === undefined ? {} : { peer: link.name }
    this.judge.submit({ source, note, receivedAt: this.world.time.now(), ...peer })
  }

  takeEvidence(file: Uint8Array): void {
    this.world.time.awaits()
    void this.judge.receiveEvidence(file)
  }

  async filesOf(ids: readonly string[]): Promise<Uint8Array[]> {
    const files = await Promise.all(ids.map((id) => this.judge.evidenceFile(id)))
    return files.filter((file) => file !== undefined)
  }

  #syncRound(): void {
    const links = [...this.mesh.links]
    if (links.length > 0) askHello(this, this.#dice.pick(links))
  }

  /** What src/gossip/gossip.ts does with a message. */
  #validate(message: Message, { name: peer }: Link, decided: (verdict: GossipVerdict) => void): void {
    const { time, watcher } = this.world
    if (!this.#meter.count(peer, time.ms)) return decided('ignore')
    this.#work(message.topic === 0 ? 'judge' : 'convict', () => {
      if (message.topic === 1) {
        time.awaits()
        void this.judge.receiveEvidence(message.data).then((fate) => {
          if (fate === 'new') this.#delivered(message, peer)
          decided(EVIDENCE_VERDICTS[fate])
        })
        return
      }
      watcher.judged()
      const candidate = { source: 'gossip', note: message.data, peer, receivedAt: time.now() } as const
      this.judge.submit(candidate, (outcome) => {
        const verdict = gossipVerdict(outcome, () => this.#meter.forged(peer, time.ms))
        if (verdict === 'accept' && isDelivery(outcome)) this.#delivered(message, peer)
        decided(verdict)
      })
    })
  }

  #delivered(message: Message, peer: string): void {
    const topic = this.world.messages.names[message.topic]!
    const by = [peer, ...this.mesh.otherSenders(message)]
    this.#news.delivered({ topic, by, viaMesh: message.topic === 0 })
  }

  #work(work: Work, done: () => void): void {
    this.world.processor.work(this, work, done)
  }

  #relayed(): readonly VerifierKey[] {
    const { spamKeys } = this.world
    if (spamKeys.length === 0) return NO_KEYS
    for (const { peer } of this.mesh.links) if ('namesKeys' in peer && peer.namesKeys === true) return spamKeys
    return NO_KEYS
  }
}
