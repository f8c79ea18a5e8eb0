/**
 * Heads that a log shows while it is asked, compared with the quorum head: each must belong to the same history. Two
 * that do not convict the log.
 *
 * Lookups return heads of many sizes, because caches keep them for months. Heads smaller than the quorum head are
 * recomputed from its tiles, all at once; larger ones from the tiles of the largest of them.
 */
import { errorCode, errorText, GossumError } from '../errors.js'
import { makeSplitView, type SplitView } from '../evidence/evidence.js'
import type { SumdbClient, VerifiedHead } from '../sumdb/client.js'
import { equalBytes } from '../tlog/bytes.js'
import type { Checkpoint } from '../tlog/checkpoint.js'
import { formatHash, type Hash } from '../tlog/hash.js'
import { parseNote, type Note, type VerifierKey } from '../tlog/note.js'
import type { Doubt } from './gosum.js'

/** Whether a head belongs to the quorum head's history. */
export type HeadStanding = { readonly kind: 'consistent' | 'conflict' } | Doubt

/** Verified evidence against the log; and the two heads as they were shown, with cosignatures. */
export interface LogConviction {
  readonly evidence: SplitView
  readonly heads: readonly [Note, Note]
}

/**
 * Heads whose own tiles may be unavailable before the rest are left unproven: each may take the full time of a request.
 */
const MAX_FAILED_HEADS = 8

type Client = Pick<SumdbClient, 'roots' | 'prefix'>

/** The doubt that this error causes. Rethrows errors that are bugs. */
export function doubtOf(error: unknown): Doubt {
  if (!(error instanceof GossumError)) throw error
  const isSilent = errorCode(error) === 'LOG_UNREACHABLE' || error.name === 'StatusError'
  return { kind: isSilent ? 'pending' : 'unproven', reason: errorText(error) }
}

function keyOf({ size, root }: Checkpoint): string {
  return `${size} ${formatHash(root)}`
}

export class ShownHeads {
  readonly #client: Client
  readonly #key: VerifierKey
  readonly #quorum: VerifiedHead
  readonly #standings = new Map<string, HeadStanding>()
  /** One head of each size: a second one with another root convicts without any tile. */
  readonly #bySize = new Map<number, VerifiedHead>()
  #conviction: LogConviction | undefined
  #failed = 0

  constructor(client: Client, key: VerifierKey, quorum: VerifiedHead) {
    this.#client = client
    this.#key = key
    this.#quorum = quorum
    this.#bySize.set(quorum.head.size, quorum)
    this.#standings.set(keyOf(quorum.head), { kind: 'consistent' })
  }

  /** The two heads that convict the log, verified; undefined if there are none. */
  get conviction(): LogConviction | undefined {
    return this.#conviction
  }

  /** The standing of a head that was judged. */
  standing(head: Checkpoint): HeadStanding {
    return this.#standings.get(keyOf(head))!
  }

  /** Judges heads whose signatures the caller has verified. Rejects with the signal's reason when that is aborted. */
  async judge(heads: readonly VerifiedHead[], signal?: AbortSignal): Promise<void> {
    const fresh = new Map(heads.map((shown) => [keyOf(shown.head), shown]))
    for (const key of this.#standings.keys()) fresh.delete(key)
    for (const shown of fresh.values()) this.#compareSizes(shown)
    const undecided = [...fresh.values()].filter(({ head }) => !this.#standings.has(keyOf(head)))
    const isLarger = ({ head }: VerifiedHead): boolean => head.size > this.#quorum.head.size
    await this.#judgeUnder(
      this.#quorum,
      undecided.filter((shown) => !isLarger(shown)),
      signal,
    )
    await this.#judgeLarger(undecided.filter(isLarger), signal)
  }

  /** Two roots of one size need no tiles. The tiles tell which of the two belongs to the quorum head's history. */
  #compareSizes(shown: VerifiedHead): void {
    const other = this.#bySize.get(shown.head.size)
    if (other === undefined) {
      this.#bySize.set(shown.head.size, shown)
    } else if (!equalBytes(other.head.root, shown.head.root)) {
      this.#convict(other, shown)
      this.#standings.set(keyOf(shown.head), { kind: 'conflict' })
    }
  }

  /**
   * Judges heads that are not larger than `under`, whose tiles are taken as the truth: all at once and, if the tiles
   * cannot be read, one by one, so that one bad tile affects as few as possible.
   */
  async #judgeUnder(under: VerifiedHead, heads: readonly VerifiedHead[], signal?: AbortSignal): Promise<void> {
    if (heads.length === 0) return
    let roots: Hash[]
    try {
      if (this.#failed >= MAX_FAILED_HEADS) throw new GossumError('LOG_UNREACHABLE', 'too many tiles were unavailable')
      const sizes = heads.map(({ head }) => head.size)
      roots = await this.#client.roots(under.head, sizes, waiting(signal))
    } catch (error) {
      signal?.throwIfAborted()
      if (heads.length > 1) {
        for (const shown of heads) await this.#judgeUnder(under, [shown], signal)
      } else {
        this.#doubt(heads[0]!, error)
      }
      return
    }
    for (const [i, shown] of heads.entries()) {
      if (equalBytes(roots[i]!, shown.head.root)) this.#standings.set(keyOf(shown.head), { kind: 'consistent' })
      else await this.#conflict(shown, shown, under, signal)
    }
  }

  /** The largest first: if it continues the quorum head, its tiles decide about all the others. */
  async #judgeLarger(heads: readonly VerifiedHead[], signal?: AbortSignal): Promise<void> {
    const [largest, ...others] = [...heads].sort((a, b) => b.head.size - a.head.size)
    if (largest === undefined) return
    await this.#judgeOver(largest, signal)
    if (this.standing(largest.head).kind === 'consistent') await this.#judgeUnder(largest, others, signal)
    else await this.#judgeLarger(others, signal)
  }

  /** Judges a head that is larger than the quorum head. */
  async #judgeOver(shown: VerifiedHead, signal?: AbortSignal): Promise<void> {
    const { head } = this.#quorum
    try {
      if (this.#failed >= MAX_FAILED_HEADS) throw new GossumError('LOG_UNREACHABLE', 'too many tiles were unavailable')
      const [root] = await this.#client.roots(shown.head, [head.size], waiting(signal))
      if (equalBytes(root!, head.root)) this.#standings.set(keyOf(shown.head), { kind: 'consistent' })
      else await this.#conflict(shown, this.#quorum, shown, signal)
    } catch (error) {
      signal?.throwIfAborted()
      this.#doubt(shown, error)
    }
  }

  #doubt({ head }: VerifiedHead, error: unknown): void {
    this.#failed++
    const { kind, reason } = doubtOf(error)
    const why = `the head of ${head.size} records that came with it cannot be tied to the quorum head: ${reason}`
    this.#standings.set(keyOf(head), { kind, reason: why })
  }

  /** `shown` and the quorum head contradict each other: with the proof they convict the log. */
  async #conflict(
    shown: VerifiedHead,
    smaller: VerifiedHead,
    larger: VerifiedHead,
    signal?: AbortSignal,
  ): Promise<void> {
    try {
      if (this.#conviction === undefined) {
        const prefix = await this.#client.prefix(larger.head, smaller.head.size, waiting(signal))
        this.#convict(smaller, larger, smaller.head.size === 0 ? undefined : prefix)
      }
      this.#standings.set(keyOf(shown.head), { kind: 'conflict' })
    } catch (error) {
      signal?.throwIfAborted()
      this.#doubt(shown, error)
    }
  }

  #convict(a: VerifiedHead, b: VerifiedHead, prefix?: { root: Hash; proof: Hash[] }): void {
    if (this.#conviction !== undefined) return
    const heads = [parseNote(a.note), parseNote(b.note)] as const
    this.#conviction = { evidence: makeSplitView(this.#key, heads, prefix), heads }
  }
}

function waiting(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}
