/**
 * Which peers have brought us news: the credit that a peer has earned, as the host's score counts it. Pure.
 *
 * Gossipsub rewards time in the mesh, so that a peer which occupies a slot and never sends anything ranks as high as
 * any. Here only news earns credit: a head that advanced us, a cosignature that we count, evidence. Credit fades with
 * further news, not with time: a log may be quiet for an hour, and silence is no fault when there is nothing to tell.
 * Neither is being late: credit never goes below 0, the score at which peers lose their slots. A peer without credit
 * only gives way to one that has some.
 */

/** The factor by which credit on a topic fades with each further piece of news: it reflects about the last 20. */
const KEPT_PER_NEWS = 0.95
/**
 * The same for neighbours when the news came from a peer that is not a neighbour: they had it, or should have had it.
 */
const KEPT_BY_NEIGHBOURS = 0.8
/** How much one delivery changes the share of news that came from elsewhere. */
const SHARE_STEP = 0.1
/** The share of news from elsewhere above which the mesh of a topic counts as withholding. */
const WITHHOLDING_SHARE = 0.5
/** The credit that a neighbour on such a topic must have there to be worth anything: one recent delivery. */
const FAIR = 0.5
/** Credit below this counts as none and is forgotten, so that peers that are gone do not stay in the accounts. */
const FAINT = 0.05
/**
 * The highest credit of a peer: less than the penalty for a provably bad message, so that credit cannot pay for one.
 */
export const MOST_EARNED = 10

interface Account {
  /** By peer id. */
  readonly earned: Map<string, number>
  /** The recent share of news that did not come from neighbours. */
  elsewhere: number
}

/** One piece of news, and the peers that had it for us. */
export interface Delivery {
  readonly topic: string
  /**
   * Peer ids: of the peer that brought it first, and of those that sent it before we had judged it and so cannot have
   * it from us.
   */
  readonly by: readonly string[]
  /** Whether neighbours should have brought it: evidence is sent to all connected peers. */
  readonly viaMesh: boolean
}

export class DeliveredNews {
  readonly #topics = new Map<string, Account>()
  readonly #neighbours: (topic: string) => readonly string[]

  /** `neighbours` returns the neighbours on a topic, as peer ids. */
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
   * The credit of a peer, from 0 to MOST_EARNED. It is 0 while the peer is in a mesh that withholds news and has
   * brought none there: news about other logs does not make up for that.
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

  /** A peer has disconnected. */
  gone(peer: string): void {
    for (const { earned } of this.#topics.values()) earned.delete(peer)
  }

  /** These topics were left. */
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
