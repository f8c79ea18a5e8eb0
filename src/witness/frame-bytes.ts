/** The size of promises and heads in a sync message, so that as many as fit go into one (docs/protocol.md). Pure. */
import { fromUtf8, toBase64 } from '../tlog/bytes.js'
import type { WitnessPromise } from './promise.js'

/** The most promises and heads in one message. */
export const MAX_PROMISES = 64
export const MAX_HEADS = 64
/** Bytes of both as JSON; a frame holds 256 KiB. */
export const MAX_BYTES = 224 * 1024

/** An upper bound for the field names, the numbers and the log id of a promise. */
const FIELD_BYTES = 256

export function headBytes(note: Uint8Array): number {
  return jsonBytes(fromUtf8(note) ?? '')
}

export function promiseBytes({ witness, head, signature }: WitnessPromise): number {
  return headBytes(head) + jsonBytes(witness) + jsonBytes(toBase64(signature)) + FIELD_BYTES
}

/** Size of a text as JSON, including the comma after it. */
function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) + 1
}
