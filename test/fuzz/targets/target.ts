/** The promises of a parser of foreign input, as the fuzzer and the tests check them (docs/fuzzing.md). */
import { GossumError, type ErrorCode } from '../../../src/errors.js'
import { printable } from '../../../src/lib/printable.js'
import { equalBytes, fromUtf8 } from '../../../src/tlog/bytes.js'
import type { Licence } from './licences.js'

export interface Target {
  /** A short description of the input. */
  readonly about: string
  /** The maximum length that the parser accepts: one input in some thousands is enlarged to that. */
  readonly most: number
  /** Seconds of processor time above which one input is a finding, if more than one second may be needed. */
  readonly seconds?: number
  /** Words of the grammar, which mutations of single bytes would not find. */
  readonly words: readonly string[]
  /** Genuine inputs, as a writer makes them. */
  readonly seeds: readonly (string | Uint8Array)[]
  /** Repairs what a mutation broke: ids, hashes, signatures, spellings. Used on every other input. */
  readonly repair?: (bytes: Uint8Array) => Uint8Array
  /** Reads an input. Returns whether it was accepted, synchronously or not; throws if a promise is broken. */
  readonly check: (bytes: Uint8Array) => boolean | Promise<boolean>
  /** The comparison with the go command's own libraries. */
  readonly go?: GoReading
}

/** How our reading is compared with Go's (scripts/peers/fuzzdiff). */
export interface GoReading {
  /** The name of the request to scripts/peers/fuzzdiff. */
  readonly ask: string
  /** Our reading as Go would print it, synchronously or not; undefined if we refuse. */
  readonly ours: (bytes: Uint8Array) => string | undefined | Promise<string | undefined>
  /** Why the two may differ; undefined if they may not. */
  readonly licence?: (bytes: Uint8Array, ours: string | undefined, go: string | undefined) => Licence | undefined
}

/** A promise that was broken. */
export class Broken extends Error {}

export function promise(isKept: boolean, what: string): asserts isKept {
  if (!isKept) throw new Broken(what)
}

/** The maximum length of a refusal's message, in characters: it is logged, and sent to whoever caused it. */
const MAX_MESSAGE = 2500

let refusal: string | undefined

/**
 * The last refusal since the previous call, without what is specific to one input: another refusal is another path
 * through a parser.
 */
export function takeRefusal(): string | undefined {
  const last = refusal
  refusal = undefined
  return last
}

/**
 * The result of `read`; undefined if it is refused, for which only these codes are allowed, with a printable message.
 * Other errors are passed on.
 */
export function reading<T>(read: () => T, ...codes: readonly ErrorCode[]): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
    promise(codes.includes(error.code), `refused with ${error.code}`)
    promise(error.message === printable(error.message), 'a message that is not fit to be shown')
    promise(error.message.length <= MAX_MESSAGE, `a message of ${error.message.length} characters`)
    refusal = error.message
    return undefined
  }
}

/** The same for a promise. */
export async function readingLater<T>(read: () => Promise<T>, ...codes: readonly ErrorCode[]): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    return reading(
      () => {
        throw error
      },
      ...codes,
    )
  }
}

/** A target of text: input that is not UTF-8 does not reach the parser. */
export function ofText<Read extends boolean | Promise<boolean>>(
  check: (text: string) => Read,
): (bytes: Uint8Array) => Read | false {
  return (bytes) => {
    const text = fromUtf8(bytes)
    return text === undefined ? false : check(text)
  }
}

export function same(a: Uint8Array | undefined, b: Uint8Array, what: string): void {
  promise(a !== undefined && equalBytes(a, b), what)
}

export function sameJson(a: unknown, b: unknown, what: string): void {
  promise(JSON.stringify(a) === JSON.stringify(b), what)
}
