/**
 * Where a head comes from, and what follows from that. Pure: one table, and no code outside it names a source.
 */

/** Where a head comes from. */
export type HeadSource =
  /** We asked the log for its newest head. */
  | 'poll'
  /** It stood in the log's answer to a lookup of the go command. */
  | 'lookup'
  /** The log, or anybody, pushed it with a proof (c2sp.org/tlog-witness). */
  | 'push'
  /** Somebody handed it in without a proof. */
  | 'submit'
  /** A peer published it. */
  | 'gossip'
  /** A peer, or another service, told us when it was asked. */
  | 'sync'
  /** We had it before, and look at it again. */
  | 'replay'

/** The four doors that events, metrics and suspects name. */
export type Door = 'poll' | 'push' | 'gossip' | 'sync'

interface Traits {
  readonly door: Door
  /** It comes from the log itself, as we see it: such a head may be the first one of a log (trust on first use). */
  readonly firsthand: boolean
  /** It waits for its turn, so that one log is cosigned at the word of others no more than every two seconds. */
  readonly paced: boolean
  /** Who pays for a proof that it needs: the peer that brought it, all who push together, or nobody. */
  readonly payer: 'peer' | 'pushers' | 'nobody'
  /** A log list may say how many of these are cosigned in a day. */
  readonly quota: boolean
  /** Gossip forwards the very bytes by itself when they are news. */
  readonly relayed: boolean
  /** Its cosignature is told at the pace of all heads: hundreds may come in a second. */
  readonly bursts: boolean
}

const ELSEWHERE = { firsthand: false, paced: true, quota: false, relayed: false, bursts: false } as const
const OURSELVES = { firsthand: true, paced: false, quota: false, relayed: false, bursts: false } as const

export const SOURCES: Readonly<Record<HeadSource, Traits>> = {
  poll: { ...OURSELVES, door: 'poll', payer: 'nobody' },
  lookup: { ...OURSELVES, door: 'poll', payer: 'nobody' },
  push: { ...OURSELVES, door: 'push', payer: 'pushers', quota: true, bursts: true },
  submit: { ...ELSEWHERE, door: 'push', payer: 'pushers' },
  gossip: { ...ELSEWHERE, door: 'gossip', payer: 'peer', relayed: true },
  sync: { ...ELSEWHERE, door: 'sync', payer: 'peer' },
  replay: { ...ELSEWHERE, door: 'sync', paced: false, payer: 'nobody' },
}
