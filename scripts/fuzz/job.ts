/** What is said between the fuzzer and the thread of a target. */

export interface Job {
  readonly name: string
  /** The module of the targets. */
  readonly targets: string
  /** How many inputs were begun, the length of the last one, and from BYTES_AT on its bytes. */
  readonly shared: SharedArrayBuffer
  readonly seed: number
  readonly inputs: number
  readonly seconds: number
  /** What was kept of earlier runs. */
  readonly kept: readonly Uint8Array[]
  /** The program that says what Go reads; undefined where it is not installed. */
  readonly goPeer: string | undefined
}

/** Places of numbers in the shared memory, and where the bytes begin. */
export const RUNS = 0
export const SIZE = 1
export const BYTES_AT = 8

export interface Finding {
  readonly fault: string
  readonly bytes: Uint8Array
}

export interface Done {
  readonly runs: number
  readonly seconds: number
  readonly accepted: number
  /** How many branches of the code were taken. */
  readonly branches: number
  /** How often we read something else than Go does, by the reason for which we may. */
  readonly licences: Readonly<Record<string, number>>
  /** The shortest inputs that together reach all that was reached. */
  readonly corpus: readonly Uint8Array[]
}

export type Report = { readonly finding: Finding } | { readonly done: Done }
