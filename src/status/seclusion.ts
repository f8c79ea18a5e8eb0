/**
 * Signs that a log, or the others, are kept from this node: what it is shown is well signed, and old, or comes from too few. None of them
 * proves anything, so each needs to last, and speaks only where this is not how things usually are. Pure.
 */
import { grouped, span } from '../lib/words.js'
import { condition, type Condition, type ConditionName } from './condition-names.js'

/** What is known of one log. */
export interface LogSeclusion {
  /** How long its newest head has been the newest, and how long that took at most of late, in seconds; undefined when that is not known. */
  readonly tempo: { readonly since: number; readonly usual: number } | undefined
  /** Seconds that its polls have shown heads below one that it was proven to have signed; undefined when they do not. */
  readonly pollBehind: number | undefined
  /** How many witnesses that count have signed its newest head lately, and how many are needed. */
  readonly signedLately: { readonly by: number; readonly need: number }
}

/** What is known of those around. */
export interface NodeSeclusion {
  /** Of the witnesses that the policy names; undefined without one, and as long as nobody can tell. */
  readonly witnesses: { readonly heard: number; readonly need: number } | undefined
  /** The one network that all peers are in, how many they are, and for how many seconds that is so; undefined when there are several. */
  readonly network: { readonly name: string; readonly peers: number; readonly seconds: number } | undefined
}

/** Seconds in which a witness is heard: honest ones sign a head that stays again every half hour. */
export const HEARD_SECONDS = 7200
/** A log that moves every day may rest for one. */
const STILL_SECONDS = 86_400
/** How much longer than of late a log may rest. */
const STILL_TIMES = 8
/** Seconds that polls may be behind: answers of a log come through caches. */
const BEHIND_SECONDS = 600
/** A log that moves at least so often is heard of all the time, in seconds. */
export const LIVELY_SECONDS = 3600
/** Fewer peers than these may be in one network by chance. */
export const FEW_PEERS = 3
/** Seconds that all may be in one network: they come one after another. */
const ONE_NETWORK_SECONDS = 600

/** What holds of a log that is polled, answers, and is proven. */
export function secludedLog(
  { tempo, pollBehind, signedLately }: LogSeclusion,
  holds: (name: ConditionName, text: string) => Condition,
): Condition[] {
  const { by, need } = signedLately
  const isStill =
    tempo !== undefined && tempo.since > Math.max(STILL_SECONDS, STILL_TIMES * tempo.usual) && by >= Math.max(1, need)
  return [
    ...(isStill
      ? [holds('standing still', `no new head for ${span(tempo.since)}, though its old one was signed again just now`)]
      : []),
    ...(pollBehind !== undefined && pollBehind > BEHIND_SECONDS
      ? [holds('view behind', `for ${span(pollBehind)} it has shown this node older heads than others have of it`)]
      : []),
  ]
}

/** What holds of the node. */
export function secludedNode({ witnesses, network }: NodeSeclusion): Condition[] {
  return [
    ...(witnesses !== undefined && witnesses.heard < witnesses.need
      ? [
          condition(
            'few witnesses',
            `${grouped(witnesses.heard)} of the ${grouped(witnesses.need)} that a quorum needs were heard in the last ${span(HEARD_SECONDS)}`,
          ),
        ]
      : []),
    ...(network !== undefined && network.seconds > ONE_NETWORK_SECONDS
      ? [condition('one network', `all ${network.peers} peers are in ${network.name}`)]
      : []),
  ]
}
