/**
 * Verdicts that need not be reached again: bytes that were refused for their content, and older heads that were proven
 * to be on our history, which only grows. Bounded; the least recently used goes first.
 */
import { traitsOf, type ErrorCode } from '../errors.js'
import { Lru } from '../lib/lru.js'
import { toHex, utf8 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import type { Note } from '../tlog/note.js'
import type { Candidate } from './head.js'
import type { Outcome } from './outcome.js'

/** The most refused notes remembered, and the most past texts. */
const REMEMBERED = 2048

/**
 * Whether the same bytes will always be refused with this code, because the reason lies neither in the state of this
 * node nor in a proof that came with them. Which logs are followed does not change while the process runs.
 */
function isLasting(code: ErrorCode): boolean {
  return code === 'LOG_UNKNOWN' || traitsOf(code).fault === 'head'
}

export class VerdictCache {
  readonly #refused = new Lru<Outcome>(REMEMBERED)
  readonly #past = new Lru<true>(REMEMBERED)

  /**
   * How the same bytes were refused before, for the same expected log: on another log's topic the result may differ.
   */
  refusal(candidate: Candidate): Outcome | undefined {
    if (this.#refused.size === 0) return undefined
    return this.#refused.get(bytesKey(candidate))
  }

  /** Remembers that bytes were refused, if they always will be. */
  noteRefusal(candidate: Candidate, outcome: Outcome): void {
    if (outcome.kind !== 'refused' || !isLasting(outcome.code!)) return
    this.#refused.put(bytesKey(candidate), outcome)
  }

  /** Whether this text was proven to be an older head of our history. */
  isPast(log: string, note: Note): boolean {
    return this.#past.get(textKey(log, note)) === true
  }

  notePast(log: string, note: Note): void {
    this.#past.put(textKey(log, note), true)
  }
}

function bytesKey({ log, note }: Candidate): string {
  return `${log ?? ''} ${toHex(sha256(note))}`
}

function textKey(log: string, { text }: Note): string {
  return `${log} ${toHex(sha256(utf8(text)))}`
}
