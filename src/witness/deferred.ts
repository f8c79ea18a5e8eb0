/**
 * Heads that came while nothing could be signed: taken up, the largest first, when something can. Until those of a log
 * are, nothing else of it is signed: one of them may be what our key signed before.
 *
 * Pure.
 */
import type { Candidate, SizedHead } from './head.js'

/** Heads that wait of one log: each is proven to extend our own, so that honest logs have few. */
const MAX_PER_LOG = 8
/** Logs of which heads wait. */
const MAX_LOGS = 4096

interface Waiting {
  readonly size: number
  readonly text: string
  readonly candidate: Candidate
}

export class Deferred {
  readonly #byLog = new Map<string, Waiting[]>()

  /** Keeps a head; of too many the smallest go. */
  add({ log, checkpoint, logNote }: SizedHead, candidate: Candidate): void {
    const waiting = this.#byLog.get(log.id) ?? []
    if (waiting.some(({ text }) => text === logNote.text) || (!this.#byLog.has(log.id) && this.#byLog.size >= MAX_LOGS))
      return
    waiting.push({ size: checkpoint.size, text: logNote.text, candidate })
    waiting.sort((a, b) => b.size - a.size).splice(MAX_PER_LOG)
    this.#byLog.set(log.id, waiting)
  }

  /** The logs of which heads wait, or are being taken up. */
  logs(): readonly string[] {
    return [...this.#byLog.keys()]
  }

  /** Whether heads of a log wait, or are being taken up. */
  isOpen(log: string): boolean {
    return this.#byLog.has(log)
  }

  /** Takes the heads of a log up, the largest first; the log stays open until it is done with. */
  take(log: string): readonly Candidate[] {
    return (this.#byLog.get(log)?.splice(0) ?? []).map(({ candidate }) => candidate)
  }

  /** Those of a log that were taken are done with. Returns what came meanwhile. */
  done(log: string): readonly Candidate[] {
    const left = this.take(log)
    this.#byLog.delete(log)
    return left
  }
}
