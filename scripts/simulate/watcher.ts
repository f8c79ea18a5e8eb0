/** Observes what no single node can: when each honest node had its quorum and its evidence. */
import type { View } from './log.js'
import type { SimulatedNode } from './node.js'
import type { VirtualTime } from './virtual-time.js'

/**
 * Milliseconds after which a newcomer without evidence counts as missing it: two rounds of sync with each neighbour.
 */
const NEWCOMER_MS = 10_000

interface Watched {
  /** The number of heads of which it had a quorum. */
  quorums: number
  hasEvidence: boolean
  /** When it joined. */
  readonly since: number
}

export class Watcher {
  /** Milliseconds from a head's publication until a node held a quorum of it or of a larger one. */
  readonly quorumMs: number[] = []
  /**
   * Milliseconds from the moment at which the lie was first shown until a node held evidence; for a node that joined
   * later, from then on.
   */
  readonly evidenceMs: number[] = []
  /** Evidence that a node held although no lie was told. */
  falseAlarms = 0
  shownAt: number | undefined
  /** Messages about counted heads that all honest nodes received by gossip and judged. */
  messages = 0
  readonly #time: VirtualTime
  readonly #heads: { readonly size: number; readonly at: number }[] = []
  readonly #watched = new Map<SimulatedNode, Watched>()
  #lie: View | undefined
  #isCounting = true
  #hasEnough = false

  constructor(time: VirtualTime) {
    this.#time = time
  }

  watch(node: SimulatedNode): void {
    this.#watched.set(node, { quorums: this.#heads.length, hasEvidence: false, since: this.#time.ms })
  }

  /** The node has left: nothing that it lacks counts as missing. */
  forget(node: SimulatedNode): void {
    this.#watched.delete(node)
  }

  /** The log has published a head whose quorum counts. */
  published(size: number): void {
    this.#heads.push({ size, at: this.#time.ms })
  }

  /** From now on quorums are not counted: the log is about to lie, and honest nodes will stop signing. */
  lies(lie: View): void {
    this.#lie = lie
    this.#isCounting = false
  }

  shown(view: View): void {
    if (view === this.#lie) this.shownAt ??= this.#time.ms
  }

  judged(): void {
    if (!this.#hasEnough && this.#heads.length > 0) this.messages++
  }

  /** The time for the counted heads is over. */
  enough(): void {
    this.#hasEnough = true
  }

  quorum(node: SimulatedNode, size: number): void {
    const watched = this.#watched.get(node)
    if (watched === undefined || !this.#isCounting) return
    for (
      let head = this.#heads[watched.quorums];
      head !== undefined && head.size <= size;
      head = this.#heads[watched.quorums]
    ) {
      this.quorumMs.push(this.#time.ms - head.at)
      watched.quorums++
    }
  }

  evidence(node: SimulatedNode): void {
    const watched = this.#watched.get(node)
    if (watched === undefined || watched.hasEvidence) return
    watched.hasEvidence = true
    if (this.shownAt === undefined) this.falseAlarms++
    else this.evidenceMs.push(this.#time.ms - Math.max(this.shownAt, watched.since))
  }

  /** Nodes that hold no evidence of the lie, and had the time to get it. */
  get without(): number {
    if (this.shownAt === undefined) return 0
    const since = this.#time.ms - NEWCOMER_MS
    return [...this.#watched.values()].filter((watched) => !watched.hasEvidence && watched.since <= since).length
  }

  /** Quorums that nodes never had, over all heads and nodes. */
  get quorumsMissed(): number {
    return [...this.#watched.values()].reduce((missed, { quorums }) => missed + this.#heads.length - quorums, 0)
  }
}
