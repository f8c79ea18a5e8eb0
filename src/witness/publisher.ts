/**
 * What the pipeline publishes to the mesh, and what counts as news there. A cosignature travels in a note of its own,
 * so that traffic per head grows with the number of its witnesses, not with its square. One that nobody counts does not
 * travel at all, so that traffic does not grow with the number of nodes.
 */
import type { Cosignature } from '../tlog/cosignature.js'
import { formatNote, MAX_NOTE_BYTES, type Note, type VerifierKey } from '../tlog/note.js'
import type { Head, SizedHead } from './head.js'
import { PAUSE_MS } from './advance-throttle.js'
import { withLines, type Made } from './signing.js'
import { SOURCES, type HeadSource } from './source.js'

export interface PublisherOptions {
  /** Keys whose cosignatures count for us, including our own. */
  readonly counted: readonly VerifierKey[]
  /** Whether our policy or a neighbour's counts the cosignatures of this key (vkey). */
  readonly isHeard: (vkey: string) => boolean
  /** Sends a head to the mesh. What it says is on disk already. */
  readonly publish: (log: string, note: Uint8Array) => void
  /** Milliseconds between two heads of one log that it pushed itself; PAUSE_MS if absent. */
  readonly pauseMs?: number | undefined
}

/** Cosignatures that only neighbours count are passed on for this many of our newest heads. */
const NEWEST_HEADS = 16

/** The pause after a head that a log pushed. */
interface Pause {
  /** The newest head that waits, if one arrived since. */
  notes?: readonly Note[]
  readonly timer: NodeJS.Timeout
}

export class Publisher {
  readonly #options: PublisherOptions
  readonly #pauseMs: number
  /** Sizes of the newest heads that we cosigned, by log, the smallest first. */
  readonly #newest = new Map<string, number[]>()
  /** Sizes of the largest heads that frozen logs have shown us, by log. */
  readonly #shown = new Map<string, number>()
  /** Logs of which a pushed head was sent a moment ago. */
  readonly #held = new Map<string, Pause>()
  #isStopped = false

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#pauseMs = options.pauseMs ?? PAUSE_MS
  }

  /** A head was cosigned. Gossip itself forwards one that came by gossip; our cosignature follows. */
  advanced(source: HeadSource, head: SizedHead, keys: readonly VerifierKey[], made: Made): void {
    const { log, checkpoint, logNote, cosignatures } = head
    this.#newest.set(log.id, [...(this.#newest.get(log.id) ?? []), checkpoint.size].slice(-NEWEST_HEADS))
    const { relayed, bursts } = SOURCES[source]
    const travels = relayed && head.clean
    const own = new Set(keys.map(({ vkey }) => vkey))
    const others = [...cosignatures].filter(([key]) => !own.has(key)).map(([, cosignature]) => cosignature)
    const [first, ...more] = made
    const lines = [...(travels ? [] : others), ...(first !== undefined && this.#isHeard(keys) ? [first] : [])]
    // The line of our second key travels alone: it is large, and peers that do not count it would not forward the rest.
    const notes = [
      ...(travels && lines.length === 0 ? [] : [withLines(logNote, lines)]),
      ...more.map((line) => withLines(logNote, [line])),
    ]
    if (bursts && this.#pauseMs > 0 && !this.#isStopped) this.#paced(log.id, notes)
    else for (const note of notes) this.#publish(log.id, note)
  }

  /** Sends what waits; anything after that is sent at once. */
  stop(): void {
    this.#isStopped = true
    for (const [log, { timer, notes = [] }] of this.#held) {
      clearTimeout(timer)
      for (const note of notes) this.#publish(log, note)
    }
    this.#held.clear()
  }

  /**
   * Sends the first head of a burst at once, then the newest in each pause. A log may push hundreds a second; those in
   * between are of no use to anyone, and peers ignore a peer that sends too often.
   */
  #paced(log: string, notes: readonly Note[]): void {
    const held = this.#held.get(log)
    if (held !== undefined) {
      held.notes = notes
      return
    }
    for (const note of notes) this.#publish(log, note)
    const pause: Pause = {
      timer: setTimeout(() => {
        this.#held.delete(log)
        if (pause.notes !== undefined) this.#paced(log, pause.notes)
      }, this.#pauseMs).unref(),
    }
    this.#held.set(log, pause)
  }

  /** Our cosignatures of a head were renewed. */
  renewed({ log, logNote }: Head, keys: readonly VerifierKey[], [first, ...more]: Made): void {
    if (first !== undefined && this.#isHeard(keys)) this.#publish(log.id, withLines(logNote, [first]))
    for (const line of more) this.#publish(log.id, withLines(logNote, [line]))
  }

  /**
   * New cosignatures were added to a head of our history. Returns whether they are news to the mesh: with a fast log, a
   * head that we have left behind may be the next to get enough cosignatures. For witnesses that we count, our own
   * quorum head tells (its size, -1 for none); for those that our neighbours count we cannot know, and take the newest
   * heads.
   */
  merged(source: HeadSource, head: SizedHead, fresh: ReadonlyMap<string, Cosignature>, quorumSize: number): boolean {
    const { log, checkpoint, logNote } = head
    const isOfUse = checkpoint.size >= quorumSize && this.#options.counted.some(({ vkey }) => fresh.has(vkey))
    const isNews = isOfUse || checkpoint.size >= (this.#newest.get(log.id)?.[0] ?? 0)
    if (isNews) this.passOn(source, head, withLines(logNote, fresh.values()))
    return isNews
  }

  /** The log showed us a head although it is frozen: we sign no more of it, but others must be able to compare. */
  shownFrozen({ log, checkpoint, logNote }: SizedHead): void {
    if (checkpoint.size <= (this.#shown.get(log.id) ?? 0)) return
    this.#shown.set(log.id, checkpoint.size)
    this.#publish(log.id, logNote)
  }

  /**
   * Publishes what gossip does not forward itself: news from another source, or in bytes that are not fit to be
   * forwarded.
   */
  passOn(source: HeadSource, head: Head, note: Note): void {
    if (!SOURCES[source].relayed || !head.clean) this.#publish(head.log.id, note)
  }

  /** Whether anyone counts the first of our keys, which have signed. */
  #isHeard([first]: readonly VerifierKey[]): boolean {
    return this.#options.isHeard(first!.vkey)
  }

  /** A head that a log padded beyond the size of a message stays here, as a suspect. */
  #publish(log: string, note: Note): void {
    const message = formatNote(note)
    if (message.length <= MAX_NOTE_BYTES) this.#options.publish(log, message)
  }
}
