/**
 * Signs that a log, or other nodes, are kept from this node: what it is shown is validly signed but old, or comes from
 * too few. None of them proves anything, so each has to last, and is reported only if it is unusual. Pure.
 */
import { grouped, span } from '../lib/words.js'
import { condition, type Condition, type ConditionName } from './condition-names.js'

/** What is known of one log. */
export interface LogSeclusion {
  /**
   * For how long its newest head has been the newest, and the longest that this took recently, in seconds; undefined
   * when unknown.
   */
  readonly tempo: { readonly since: number; readonly usual: number } | undefined
  /**
   * Seconds for which its polls have shown heads below one that it was proven to have signed; undefined when they do
   * not.
   */
  readonly pollBehind: number | undefined
  /** How many counted witnesses have recently signed its newest head, and how many are needed. */
  readonly signedLately: { readonly by: number; readonly need: number }
}

/** What is known of other nodes. */
export interface NodeSeclusion {
  /** The witnesses of the policy; undefined without a policy, and while it cannot be known. */
  readonly witnesses: { readonly heard: number; readonly need: number } | undefined
  /**
   * The one network that all peers are in, how many they are, and for how many seconds; undefined when there are
   * several.
   */
  readonly network: { readonly name: string; readonly peers: number; readonly seconds: number } | undefined
}

/** Seconds within which every witness is heard: honest ones sign an unchanged head again every half hour. */
export const HEARD_SECONDS = 7200
/** A log that grows daily may rest for one day. */
const STILL_SECONDS = 86_400
/** How many times its recent longest pause a log may rest. */
const STILL_TIMES = 8
/** Seconds by which polls may be behind: a log's answers come through caches. */
const BEHIND_SECONDS = 600
/** A log that grows at least this often is expected to be heard of all the time, in seconds. */
export const LIVELY_SECONDS = 3600
/** Fewer peers than these may be in one network by chance. */
export const FEW_PEERS = 3
/** Seconds for which all peers may be in one network: they connect one after another. */
const ONE_NETWORK_SECONDS = 600

/** Conditions of a log that is polled, answers, and is proven. */
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
      ? [holds('view behind', `for ${span(pollBehind)} it has shown this node older heads than others have`)]
      : []),
  ]
}

/** Conditions of the node. */
export function secludedNode({ witnesses, network }: NodeSeclusion): Condition[] {
  return [
    ...(witnesses !== undefined && witnesses.heard < witnesses.need
      ? [
          condition(
            'few witnesses',
            `${grouped(witnesses.heard)} of the ${grouped(witnesses.need)} witnesses that a quorum needs were heard in the last ${span(HEARD_SECONDS)}`,
          ),
        ]
      : []),
    ...(network !== undefined && network.seconds > ONE_NETWORK_SECONDS
      ? [condition('one network', `all ${network.peers} peers are in ${network.name}`)]
      : []),
  ]
}
