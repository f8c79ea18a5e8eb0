/**
 * Who has brought us news: what a peer has earned, as the score of the host counts it. Pure.
 *
 * Gossipsub pays for time in the mesh, so that a peer which takes a place and never sends anything stands as well as any. Here only
 * news earns: a head that advanced us, a cosignature that we count, evidence. It fades as other news come and not with time: a log may
 * be quiet for an hour, and silence is no fault when there is nothing to tell. Nor is being late: nothing is ever taken below 0, where
 * peers lose their places. Who has earned nothing only gives way to somebody who has.
 */

/** What is left of what peers have earned on a topic when the next news come: as much as the last 20 of them. */
const KEPT_PER_NEWS = 0.95
/** As that, for neighbours when the news came from somebody else than a neighbour: they had it, or ought to. */
const KEPT_BY_NEIGHBOURS = 0.8
/** How much one delivery changes the share of news that came from elsewhere. */
const SHARE_STEP = 0.1
/** The share of news from elsewhere beyond which the mesh of a topic withholds them. */
const WITHHOLDING_SHARE = 0.5
/** What a neighbour of such a topic must have earned there to be worth anything: one delivery, and not long ago. */
const FAIR = 0.5
/** What is as good as nothing, and is forgotten: whoever is gone does not stay in the books. */
const FAINT = 0.05
/** The most that a peer is worth: less than a provably bad message costs, so that nothing buys one. */
export const MOST_EARNED = 10

interface Account {
  /** By peer id. */
  readonly earned: Map<string, number>
  /** The share of news that did not come from neighbours, of late. */
  elsewhere: number
}

/** One piece of news, and who had it for us. */
export interface Delivery {
  readonly topic: string
  /** Peer ids: who brought it first, and who did before we had judged it and could have sent it to them. */
  readonly by: readonly string[]
  /** Whether it is for neighbours to bring: evidence is sent to all that are connected. */
  readonly viaMesh: boolean
}

export class DeliveredNews {
  readonly #topics = new Map<string, Account>()
  readonly #neighbours: (topic: string) => readonly string[]

  /** Knows the neighbours on a topic, as peer ids. */
  constructor(neighbours: (topic: string) => readonly string[]) {
    this.#neighbours = neighbours
  }

  delivered({ topic, by, viaMesh }: Delivery): void {
    const account = this.#of(topic)
    const { earned } = account
    const neighbours = viaMesh ? this.#neighbours(topic) : []
    const isFromElsewhere = neighbours.length > 0 && !by.some((peer) => neighbours.includes(peer))
    if (neighbours.length > 0) account.elsewhere += SHARE_STEP * ((isFromElsewhere ? 1 : 0) - account.elsewhere)
    for (const [peer, sum] of earned) {
      const isLate = isFromElsewhere && neighbours.includes(peer)
      const left = sum * (isLate ? KEPT_BY_NEIGHBOURS : KEPT_PER_NEWS)
      if (left < FAINT) earned.delete(peer)
      else earned.set(peer, left)
    }
    for (const peer of new Set(by)) earned.set(peer, Math.min((earned.get(peer) ?? 0) + 1, MOST_EARNED))
  }

  /**
   * What a peer is worth for what it brought, from 0 to MOST_EARNED. Nothing as long as it has a place in a mesh that withholds news and
   * has brought none there: what it tells of other logs does not make up for that.
   */
  worth(peer: string): number {
    let sum = 0
    for (const [topic, { earned, elsewhere }] of this.#topics) {
      const here = earned.get(peer) ?? 0
      if (elsewhere > WITHHOLDING_SHARE && here < FAIR && this.#neighbours(topic).includes(peer)) return 0
      sum += here
    }
    return Math.min(sum, MOST_EARNED)
  }

  /** A peer is gone. */
  gone(peer: string): void {
    for (const { earned } of this.#topics.values()) earned.delete(peer)
  }

  /** These topics are left. */
  left(topics: readonly string[]): void {
    for (const topic of topics) this.#topics.delete(topic)
  }

  #of(topic: string): Account {
    const known = this.#topics.get(topic)
    if (known !== undefined) return known
    const account: Account = { earned: new Map(), elsewhere: 0 }
    this.#topics.set(topic, account)
    return account
  }
}
