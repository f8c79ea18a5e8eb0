/**
 * Heads that arrived while nothing could be signed. When signing is possible again they are processed, the largest
 * first. Until those of a log are done, nothing else of that log is signed: one of them may be what our key signed
 * before.
 *
 * Pure.
 */
import type { Candidate, SizedHead } from './head.js'

/** Waiting heads per log. Each is proven to extend ours, so honest logs have few. */
const MAX_PER_LOG = 8
/** Logs with waiting heads. */
const MAX_LOGS = 4096

interface Waiting {
  readonly size: number
  readonly text: string
  readonly candidate: Candidate
}

export class Deferred {
  readonly #byLog = new Map<string, Waiting[]>()

  /** Keeps a head; if there are too many, the smallest are dropped. */
  add({ log, checkpoint, logNote }: SizedHead, candidate: Candidate): void {
    const waiting = this.#byLog.get(log.id) ?? []
    if (waiting.some(({ text }) => text === logNote.text) || (!this.#byLog.has(log.id) && this.#byLog.size >= MAX_LOGS))
      return
    waiting.push({ size: checkpoint.size, text: logNote.text, candidate })
    waiting.sort((a, b) => b.size - a.size).splice(MAX_PER_LOG)
    this.#byLog.set(log.id, waiting)
  }

  /** The logs that have heads waiting or in progress. */
  logs(): readonly string[] {
    return [...this.#byLog.keys()]
  }

  /** Whether a log has heads waiting or in progress. */
  isOpen(log: string): boolean {
    return this.#byLog.has(log)
  }

  /** Takes the waiting heads of a log, the largest first. The log stays open until done() is called. */
  take(log: string): readonly Candidate[] {
    return (this.#byLog.get(log)?.splice(0) ?? []).map(({ candidate }) => candidate)
  }

  /** The heads taken from a log are done. Returns those that arrived in the meantime. */
  done(log: string): readonly Candidate[] {
    const left = this.take(log)
    this.#byLog.delete(log)
    return left
  }
}
