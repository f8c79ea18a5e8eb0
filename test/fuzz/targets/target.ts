/** What a parser of foreign bytes promises, as the fuzzer and the tests hold it to it (docs/fuzzing.md). */
import { GossumError, type ErrorCode } from '../../../src/errors.js'
import { printable } from '../../../src/lib/printable.js'
import { equalBytes, fromUtf8 } from '../../../src/tlog/bytes.js'
import type { Licence } from './licences.js'

export interface Target {
  /** What an input is, in a few words. */
  readonly about: string
  /** The most bytes that the parser takes: an input in some thousands is blown up to as many. */
  readonly most: number
  /** Seconds of processor time for one input that are too many, where more than one may be needed. */
  readonly seconds?: number
  /** Words of the grammar, which no change of single bytes would find. */
  readonly words: readonly string[]
  /** Genuine inputs, as a writer makes them. */
  readonly seeds: readonly (string | Uint8Array)[]
  /** Makes whole again what a change broke: ids, hashes, signatures, spellings. Tried on every other input. */
  readonly repair?: (bytes: Uint8Array) => Uint8Array
  /** Reads an input. Returns whether it was accepted, at once or later; throws whatever breaks a promise. */
  readonly check: (bytes: Uint8Array) => boolean | Promise<boolean>
  /** What the go command's own libraries make of the same bytes. */
  readonly go?: GoReading
}

/** How our reading is compared with Go's (scripts/peers/fuzzdiff). */
export interface GoReading {
  /** What Go is asked, as scripts/peers/fuzzdiff names it. */
  readonly ask: string
  /** Our reading as Go would write it, at once or later; undefined for what is refused. */
  readonly ours: (bytes: Uint8Array) => string | undefined | Promise<string | undefined>
  /** Why the two may differ; undefined when they may not. */
  readonly licence?: (bytes: Uint8Array, ours: string | undefined, go: string | undefined) => Licence | undefined
}

/** A promise that was broken. */
export class Broken extends Error {}

export function promise(isKept: boolean, what: string): asserts isKept {
  if (!isKept) throw new Broken(what)
}

/** The longest message of a refusal, in characters: it is logged, and sent to whoever made us refuse. */
const MAX_MESSAGE = 2500

let refusal: string | undefined

/** The last refusal since this was asked, without what is of one input in it: another refusal is another way through a parser. */
export function takeRefusal(): string | undefined {
  const last = refusal
  refusal = undefined
  return last
}

/**
 * What is read; undefined when it is refused, which may be with these codes alone, in words that are fit to be shown. What else is thrown
 * passes on.
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

/** The same of what is read later. */
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

/** A target of text: what is not UTF-8 never comes so far. */
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
