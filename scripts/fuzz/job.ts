/** The messages between the fuzzer and the thread of a target. */

export interface Job {
  readonly name: string
  /** The module of the targets. */
  readonly targets: string
  /** The number of inputs begun, the length of the last one, and from BYTES_AT on its bytes. */
  readonly shared: SharedArrayBuffer
  readonly seed: number
  readonly inputs: number
  readonly seconds: number
  /** Inputs kept from earlier runs. */
  readonly kept: readonly Uint8Array[]
  /** The program that reads with Go's libraries; undefined if it is not installed. */
  readonly goPeer: string | undefined
}

/** Indices of the numbers in the shared memory, and the offset of the bytes. */
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
  /** How often our reading differed from Go's, by the reason that allows it. */
  readonly licences: Readonly<Record<string, number>>
  /** The shortest inputs that together reach everything that was reached. */
  readonly corpus: readonly Uint8Array[]
}

export type Report = { readonly finding: Finding } | { readonly done: Done }
