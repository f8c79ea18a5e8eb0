/**
 * How a node's gossipsub rates a peer: the score of the gossipsub v1.1 specification, for the weights that are not zero
 * here. What decays does so once in each interval, and is computed on demand.
 */
import type { PeerScoreParams } from '@chainsafe/libp2p-gossipsub/score'
import type { TopicIndex } from '../frames.js'

/** A number that decays. */
interface Counter {
  value: number
  at: number
}

interface OnTopic {
  /** When it joined the mesh, in milliseconds; -1 while it is not in it. */
  meshSince: number
  /** The time before which it is not grafted. */
  backoffUntil: number
  readonly first: Counter
  readonly invalid: Counter
}

function onTopic(): OnTopic {
  return { meshSince: -1, backoffUntil: 0, first: { value: 0, at: 0 }, invalid: { value: 0, at: 0 } }
}

export class Standing {
  readonly on: readonly [OnTopic, OnTopic] = [onTopic(), onTopic()]
  readonly #behaviour: Counter = { value: 0, at: 0 }
  /** IHAVEs received since the last heartbeat. */
  ihaves = 0
  /** Messages that it announced and was asked for, with the time by which one must have arrived. */
  promised: { readonly number: number; readonly by: number }[] = []

  isInMesh(topic: TopicIndex): boolean {
    return this.on[topic].meshSince >= 0
  }

  /** Called when it was the first to send a message that was news. */
  delivered(topic: TopicIndex, params: PeerScoreParams, now: number): void {
    const { first } = this.on[topic]
    const { firstMessageDeliveriesDecay: decay, firstMessageDeliveriesCap: most } = paramsOf(params, topic)
    first.value = Math.min(most, valueOf(first, decay, params, now) + 1)
  }

  /** Called when it sent what no honest node passes on. */
  broughtInvalid(topic: TopicIndex, params: PeerScoreParams, now: number): void {
    const { invalid } = this.on[topic]
    invalid.value = valueOf(invalid, paramsOf(params, topic).invalidMessageDeliveriesDecay, params, now) + 1
  }

  misbehaved(params: PeerScoreParams, now: number): void {
    this.#behaviour.value = valueOf(this.#behaviour, params.behaviourPenaltyDecay, params, now) + 1
  }

  score(peer: string, params: PeerScoreParams, now: number): number {
    let score = this.#onTopic(0, params, now) + this.#onTopic(1, params, now)
    if (params.topicScoreCap > 0) score = Math.min(score, params.topicScoreCap)
    score += params.appSpecificScore(peer) * params.appSpecificWeight
    const excess =
      valueOf(this.#behaviour, params.behaviourPenaltyDecay, params, now) - params.behaviourPenaltyThreshold
    return excess > 0 ? score + excess * excess * params.behaviourPenaltyWeight : score
  }

  #onTopic(topic: TopicIndex, params: PeerScoreParams, now: number): number {
    const { meshSince, first, invalid } = this.on[topic]
    const its = paramsOf(params, topic)
    let score = 0
    if (meshSince >= 0) {
      score += Math.min((now - meshSince) / its.timeInMeshQuantum, its.timeInMeshCap) * its.timeInMeshWeight
    }
    score += valueOf(first, its.firstMessageDeliveriesDecay, params, now) * its.firstMessageDeliveriesWeight
    const bad = valueOf(invalid, its.invalidMessageDeliveriesDecay, params, now)
    return (score + bad * bad * its.invalidMessageDeliveriesWeight) * its.topicWeight
  }
}

function valueOf(
  counter: Counter,
  decay: number,
  { decayInterval, decayToZero }: PeerScoreParams,
  now: number,
): number {
  if (counter.value === 0) {
    counter.at = now
    return 0
  }
  const intervals = Math.floor((now - counter.at) / decayInterval)
  if (intervals > 0) {
    counter.at += intervals * decayInterval
    counter.value *= decay ** intervals
    if (counter.value < decayToZero) counter.value = 0
  }
  return counter.value
}

const byTopic = new WeakMap<PeerScoreParams, PeerScoreParams['topics'][string][]>()

function paramsOf(params: PeerScoreParams, topic: TopicIndex): PeerScoreParams['topics'][string] {
  let topics = byTopic.get(params)
  if (topics === undefined) byTopic.set(params, (topics = Object.values(params.topics)))
  return topics[topic]!
}
