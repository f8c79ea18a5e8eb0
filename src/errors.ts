/**
 * The closed set of error codes. A code is at once the metrics label, the HTTP problem code and what a test asserts.
 * Its sentence says what happened; its hint says what to do about it.
 *
 * Pure: everything imports this module; it imports only its tables and what makes text printable.
 */
import { CHECKPOINTS, EVIDENCE, LOGS, NOTES, TREES } from './errors/about-heads.js'
import { OTHERS, RUNNING, SIGNING, STATE } from './errors/about-nodes.js'
import type { Traits } from './errors/traits.js'
import { printable } from './lib/printable.js'

export const ERRORS = {
  ...NOTES,
  ...CHECKPOINTS,
  ...TREES,
  ...LOGS,
  ...EVIDENCE,
  ...STATE,
  ...SIGNING,
  ...OTHERS,
  ...RUNNING,
} as const

export type ErrorCode = keyof typeof ERRORS

/** The most characters of a detail that are read, and that are kept: whoever caused the error may have written it. */
const MAX_LOOKED_AT = 8192
const MAX_DETAIL = 2000

/** An error with a code of the closed set. `message` is the code's sentence, followed by the detail of this case. */
export class GossumError extends Error {
  override readonly name: string = 'GossumError'
  readonly code: ErrorCode
  /** What this case adds to the sentence: names, sizes, paths. Printable, whoever wrote it. */
  readonly detail: string

  constructor(code: ErrorCode, detail = '', cause?: unknown) {
    // A cut can leave half a character at the end.
    const said = printable(cut(withoutSecrets(cut(detail, MAX_LOOKED_AT)), MAX_DETAIL))
    super(said === '' ? ERRORS[code][0] : `${ERRORS[code][0]}: ${said}`, cause === undefined ? undefined : { cause })
    this.code = code
    this.detail = said
  }

  /** What the reader can do about it. */
  get hint(): string {
    return ERRORS[this.code][1]
  }
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}…`
}

/**
 * Removes the user names and passwords from the URLs in a text, even if a slash in the password makes the URL invalid.
 * Errors quote settings, and errors are logged, displayed and sent to others.
 */
export function withoutSecrets(text: string): string {
  return text
    .replace(/(:\/\/)[^\s/?#"@:[\]]*:(?!\d*(?:[/?#\s"]|$))(?:[^\s"\\]|\\.)*@/g, '$1')
    .replace(/(:\/\/)(?:[^\s/?#"\\]|\\.)*@/g, '$1')
}

/** An error whose case has a better hint than its code. */
export class HintedError extends GossumError {
  readonly #hint: string

  constructor(error: GossumError, hint: string) {
    super(error.code, error.detail, error)
    this.#hint = hint
  }

  override get hint(): string {
    return this.#hint
  }
}

/** A Merkle proof that does not hold (PROOF_INVALID) or is about an impossible size (PROOF_TOO_LARGE). */
export class ProofError extends GossumError {
  override readonly name = 'ProofError'
}

/** The code of any thrown value: INTERNAL, a bug of ours, if it is not a GossumError. */
export function errorCode(error: unknown): ErrorCode {
  return error instanceof GossumError ? error.code : 'INTERNAL'
}

/** What a code means at every door. */
export function traitsOf(code: ErrorCode): Traits {
  return ERRORS[code][2]
}

/** The text of any thrown value. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
