/**
 * The gossip door: what arrives on a topic goes to the handlers, and their verdict decides whether it is forwarded.
 *
 * Trusted: nothing. A message counts for what it proves, whoever sent it; gossipsub's own signatures are not used.
 *
 * Each verdict is marked where it is decided, here and in witness/outcome.ts: [ACCEPT] forwards the message, [IGNORE]
 * drops it without consequences, [REJECT] drops it and lowers the score of the peer that sent it.
 */
import { TopicValidatorResult } from '@chainsafe/libp2p-gossipsub'
import type { PeerId } from '@libp2p/interface'
import { GossumError } from '../errors.js'
import type { Candidate } from '../witness/head.js'
import { gossipVerdict, isDelivery, type GossipVerdict, type Outcome } from '../witness/outcome.js'
import type { DeliveredNews } from './host/delivered-news.js'
import type { FloodMeter } from './host/flood.js'
import { otherSenders, type PubSub } from './host/host.js'
import { ValidationSlots } from './validation-slots.js'
import { evidenceTopic, headsTopic, MAX_MESSAGE_BYTES, type Topic } from './topics.js'

/**
 * The result for an evidence file: it convicts and is new, we had it, it proves nothing, or it is about a key unknown
 * here.
 */
export type EvidenceFate = 'new' | 'known' | 'invalid' | 'unknown'

/** Decides about what the doors bring in. */
export interface DoorHandlers {
  submit(candidate: Candidate): Promise<Outcome>
  submitEvidence(log: string, bytes: Uint8Array, peer: string): Promise<EvidenceFate>
}

/** Why something was dropped unexamined: the limit that was reached. */
export type Drop =
  'gossip-busy' | 'gossip-flood' | 'sync-busy' | 'sync-budget' | 'sync-promises' | 'sync-proofs' | 'sync-streams'

/** Callbacks with which the doors report; nothing here prints. */
export interface DoorReports {
  onError(error: unknown): void
  onDropped(drop: Drop): void
}

const RESULTS: Record<GossipVerdict, TopicValidatorResult> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}
/** What gossip does with an evidence file. */
export const EVIDENCE_VERDICTS: Record<EvidenceFate, GossipVerdict> = {
  // [ACCEPT] It convicts a log or witness, and is new.
  new: 'accept',
  // [IGNORE] We have it, so have our peers.
  known: 'ignore',
  // [REJECT] It proves nothing: the peer that passed it on has not checked it.
  invalid: 'reject',
  // [IGNORE] It is about a key that is unknown here, but others may know it.
  unknown: 'ignore',
}

/** The accounts kept of peers: what they cost, and what they bring. */
export interface PeerAccounts {
  readonly meter: FloodMeter
  readonly news: DeliveredNews
}

export class GossipDoor {
  readonly #pubsub: PubSub
  readonly #logs: ReadonlySet<string>
  readonly #accounts: PeerAccounts
  readonly #handlers: DoorHandlers
  readonly #reports: DoorReports

  constructor(
    pubsub: PubSub,
    logs: ReadonlySet<string>,
    accounts: PeerAccounts,
    handlers: DoorHandlers,
    reports: DoorReports,
  ) {
    this.#pubsub = pubsub
    this.#logs = logs
    this.#accounts = accounts
    this.#handlers = handlers
    this.#reports = reports
  }

  /** Joins the topics of the logs. */
  start(): void {
    this.join([...this.#logs])
  }

  /** Joins the topics of logs. The validators are installed first, so that no message gets through unexamined. */
  join(logs: readonly string[]): void {
    const topics = logs.flatMap((log) => [
      { name: headsTopic(log), topic: { kind: 'heads', log } as const },
      { name: evidenceTopic(log), topic: { kind: 'evidence', log } as const },
    ])
    for (const { name, topic } of topics) {
      const places = new ValidationSlots()
      this.#pubsub.topicValidators.set(
        name,
        async (peer, message) => RESULTS[await this.#validate(places, topic, peer, message.data)],
      )
    }
    for (const { name } of topics) this.#pubsub.subscribe(name)
  }

  /** Leaves the topics of logs that are no longer followed. */
  leave(logs: readonly string[]): void {
    for (const name of logs.flatMap((log) => [headsTopic(log), evidenceTopic(log)])) {
      this.#pubsub.unsubscribe(name)
      this.#pubsub.topicValidators.delete(name)
    }
  }

  /**
   * Publishes a head to the mesh, or an evidence file to every peer, since that is rare and must arrive. Returns the
   * number of peers that it was sent to, 0 when there are none. Throws LOG_UNKNOWN or NOTE_TOO_LARGE.
   */
  async publish(what: 'head' | 'evidence', log: string, data: Uint8Array): Promise<number> {
    const isEvidence = what === 'evidence'
    const topic = isEvidence ? evidenceTopic(log) : headsTopic(log)
    if (!this.#logs.has(log)) throw new GossumError('LOG_UNKNOWN', log)
    if (data.length > MAX_MESSAGE_BYTES) throw new GossumError('NOTE_TOO_LARGE', `${data.length} bytes`)
    try {
      return (await this.#pubsub.publish(topic, data, { floodPublish: isEvidence })).recipients.length
    } catch (error) {
      this.#reports.onError(error)
      return 0
    }
  }

  async #validate(places: ValidationSlots, topic: Topic, peer: PeerId, data: Uint8Array): Promise<GossipVerdict> {
    // [REJECT] Longer than any message may be: no honest node forwards it.
    if (data.length > MAX_MESSAGE_BYTES) return 'reject'
    const from = peer.toString()
    // [IGNORE] More messages than one peer may send, or than can be examined: it may still be a good one.
    if (!this.#accounts.meter.count(from, performance.now())) return this.#drop('gossip-flood')
    const leave = places.take(from, data.length)
    if (leave === undefined) return this.#drop('gossip-busy')
    try {
      // A copy: the bytes are a view of a frame with many messages, all of which it would keep in memory. (They may be
      // a Buffer, whose slice() does not copy.)
      return await this.#ask(topic, from, new Uint8Array(data))
    } catch (error) {
      // [IGNORE] Our own bug, or our own disk: no peer is blamed for it.
      this.#reports.onError(error)
      return 'ignore'
    } finally {
      leave()
    }
  }

  async #ask(topic: Topic, peer: string, data: Uint8Array): Promise<GossipVerdict> {
    if (topic.kind === 'evidence') {
      const fate = await this.#handlers.submitEvidence(topic.log, data, peer)
      if (fate === 'new') this.#delivered(topic, peer, data)
      return EVIDENCE_VERDICTS[fate]
    }
    const candidate: Candidate = { source: 'gossip', note: data, log: topic.log, peer, receivedAt: Date.now() }
    const outcome = await this.#handlers.submit(candidate)
    const verdict = gossipVerdict(outcome, () => this.#accounts.meter.forged(peer, performance.now()))
    if (verdict === 'accept' && isDelivery(outcome)) this.#delivered(topic, peer, data)
    return verdict
  }

  #delivered({ kind, log }: Topic, peer: string, data: Uint8Array): void {
    const isHead = kind === 'heads'
    const topic = isHead ? headsTopic(log) : evidenceTopic(log)
    // Evidence is sent to every peer: that it came from one outside the mesh means nothing.
    this.#accounts.news.delivered({ topic, by: [peer, ...otherSenders(this.#pubsub, topic, data)], viaMesh: isHead })
  }

  #drop(drop: Drop): GossipVerdict {
    this.#reports.onDropped(drop)
    return 'ignore'
  }
}
