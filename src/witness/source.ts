/** Where a head comes from, and what follows from that: one table, and no code outside it names a source. Pure. */

/** Where a head comes from. */
export type HeadSource =
  /** We asked the log for its newest head. */
  | 'poll'
  /** It came with the log's answer to a lookup of the go command. */
  | 'lookup'
  /** The log, or anyone else, pushed it with a proof (c2sp.org/tlog-witness). */
  | 'push'
  /** A client submitted it without a proof. */
  | 'submit'
  /** A peer published it. */
  | 'gossip'
  /** A peer, or another service, returned it when asked. */
  | 'sync'
  /** We had it before, and judge it again. */
  | 'replay'

/** The four doors, as named in events, metrics and suspects. */
export type Door = 'poll' | 'push' | 'gossip' | 'sync'

interface Traits {
  readonly door: Door
  /** The log showed it to us, or it was pushed: such a head may be the first of its log (trust on first use). */
  readonly firsthand: boolean
  /** It waits for its turn: heads from others make us cosign a log at most every two seconds. */
  readonly paced: boolean
  /** What a proof for it is charged to: the peer that brought it, one budget shared by all who push, or nothing. */
  readonly payer: 'peer' | 'pushers' | 'nobody'
  /** A log list may limit how many of these are cosigned per day. */
  readonly quota: boolean
  /** Gossip forwards these very bytes if they are news. */
  readonly relayed: boolean
  /** Its cosignature is published at a limited pace: hundreds may arrive in a second. */
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
