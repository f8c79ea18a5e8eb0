/**
 * What leaves the heart for the mesh, and what is news there. A cosignature travels in a note of its own, so that the
 * bytes of a head grow with the number of its witnesses, not with the square of it; and one that nobody counts does
 * not travel at all, so that they do not grow with the number of nodes.
 */
import type { Cosignature } from '../tlog/cosignature.js'
import { formatNote, type Note, type VerifierKey } from '../tlog/note.js'
import { withLines, type Head, type Made } from './cosigner.js'
import type { Candidate } from './decide.js'
import { PAUSE_MS } from './pace.js'
import type { FollowedLog } from './prover.js'
import type { VerifiedNote } from './verify.js'

export interface OutletParts {
  /** Keys whose cosignatures count for us; our own is among them. */
  readonly counted: readonly VerifierKey[]
  /** Whether our own policy counts our cosignatures. */
  readonly isWitness: boolean
  /** Keys whose cosignatures our neighbours count: verified, kept and passed on like the counted ones. */
  readonly relayed: () => readonly VerifierKey[]
  /** Milliseconds between two heads of one log that it pushed itself; PAUSE_MS unless said otherwise. */
  readonly pauseMs?: number
  /** Sends a head to the mesh. It is on disk already. */
  readonly publish: (log: string, note: Uint8Array) => void
}

/** The newest heads for which cosignatures are passed on that only neighbours count. */
const NEWEST_HEADS = 16

export class Outlet {
  readonly #parts: OutletParts
  readonly #pauseMs: number
  /** The vkeys of our keys, the first one first. */
  readonly #own: readonly string[]
  /** Sizes of the newest heads that we cosigned, by log, the smallest first. */
  readonly #newest = new Map<string, number[]>()
  /** Sizes of the largest heads that frozen logs have shown us, by log. */
  readonly #shown = new Map<string, number>()
  /** Logs whose pushed heads wait, with the newest of them, if one came since the last was sent. */
  readonly #held = new Map<string, { notes?: readonly Note[]; readonly timer: NodeJS.Timeout }>()

  constructor(parts: OutletParts, own: readonly string[]) {
    this.#parts = parts
    this.#pauseMs = parts.pauseMs ?? PAUSE_MS
    this.#own = own
  }

  /** A head was cosigned. What came by gossip travels on by itself, and our cosignature behind it. */
  advanced(candidate: Candidate, head: Head, [own, ...more]: Made): void {
    const { log, checkpoint, bare, cosignatures } = head
    this.#newest.set(log.id, [...(this.#newest.get(log.id) ?? []), checkpoint.size].slice(-NEWEST_HEADS))
    const travels = candidate.door === 'gossip' && head.clean
    const others = [...cosignatures].filter(([key]) => !this.#own.includes(key)).map(([, cosignature]) => cosignature)
    const lines = [...(travels ? [] : others), ...(this.#isHeard() ? [own!] : [])]
    // The line of our second key travels by itself: it is large, and who does not count it would not forward the rest.
    const notes = [
      ...(travels && lines.length === 0 ? [] : [withLines(bare, lines)]),
      ...more.map((line) => withLines(bare, [line])),
    ]
    if (candidate.proof !== undefined && this.#pauseMs > 0) this.#paced(log, notes)
    else for (const note of notes) this.#publish(log, note)
  }

  /** Sends no more: what waits is what a peer hears of by sync. */
  stop(): void {
    for (const { timer } of this.#held.values()) clearTimeout(timer)
    this.#held.clear()
  }

  /**
   * Sends the first head of a burst at once, then the newest in each pause: a log may push hundreds a second, those
   * between are of use to nobody, and peers do not listen to whom they hear too often.
   */
  #paced(log: FollowedLog, notes: readonly Note[]): void {
    const held = this.#held.get(log.id)
    if (held !== undefined) {
      held.notes = notes
      return
    }
    for (const note of notes) this.#publish(log, note)
    const timer = setTimeout(() => {
      const next = this.#held.get(log.id)?.notes
      this.#held.delete(log.id)
      if (next !== undefined) this.#paced(log, next)
    }, this.#pauseMs)
    this.#held.set(log.id, { timer: timer.unref() })
  }

  /** Our cosignatures of a head were made anew. */
  refreshed(head: Head, [own, ...more]: Made): void {
    if (this.#isHeard()) this.#publish(head.log, withLines(head.bare, [own!]))
    for (const line of more) this.#publish(head.log, withLines(head.bare, [line]))
  }

  /**
   * Cosignatures that we did not have came to a head of our history. Whether they are news to the mesh: of a log that
   * moves fast, a head that we have left behind may be the next one that enough witnesses sign. When that is, our own
   * quorum (its size, -1 for none) says for those whom we count; for those whom our neighbours count, we cannot know,
   * and take the newest heads.
   */
  merged(candidate: Candidate, head: Head, fresh: ReadonlyMap<string, Cosignature>, quorumSize: number): boolean {
    const { log, checkpoint, bare } = head
    const isOfUse = checkpoint.size >= quorumSize && this.#parts.counted.some(({ vkey }) => fresh.has(vkey))
    const isNews = isOfUse || checkpoint.size >= (this.#newest.get(log.id)?.[0] ?? 0)
    if (isNews) this.passOn(candidate, head, withLines(bare, fresh.values()))
    return isNews
  }

  /** The log showed us a head though it is frozen: we sign no more of it, but others must be able to compare. */
  shownFrozen({ log, checkpoint, bare }: Head): void {
    if (checkpoint.size <= (this.#shown.get(log.id) ?? 0)) return
    this.#shown.set(log.id, checkpoint.size)
    this.#publish(log, bare)
  }

  /** Sends on what gossip will not forward by itself: news from another door, or news in bytes not fit to be sent. */
  passOn(candidate: Candidate, head: VerifiedNote<FollowedLog>, note: Note): void {
    if (candidate.door !== 'gossip' || !head.clean) this.#publish(head.log, note)
  }

  /** Whether we or a neighbour count the cosignature of our first key. */
  #isHeard(): boolean {
    const { isWitness, relayed } = this.#parts
    return isWitness || relayed().some(({ vkey }) => vkey === this.#own[0])
  }

  #publish(log: FollowedLog, note: Note): void {
    this.#parts.publish(log.id, formatNote(note))
  }
}
