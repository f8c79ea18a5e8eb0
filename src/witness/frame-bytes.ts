/** What promises and heads take of a sync message, so that as many go into one as fit (docs/protocol.md). Pure. */
import { fromUtf8, toBase64 } from '../tlog/bytes.js'
import type { WitnessPromise } from './promise.js'

/** Promises, and heads, that one message holds at most. */
export const MAX_PROMISES = 64
export const MAX_HEADS = 64
/** Bytes of both as JSON; a frame has 256 KiB. */
export const MAX_BYTES = 224 * 1024

/** What the names of the fields, the numbers and the log id of a promise take, at most. */
const FIELD_BYTES = 256

export function headBytes(note: Uint8Array): number {
  return jsonBytes(fromUtf8(note) ?? '')
}

export function promiseBytes({ witness, head, signature }: WitnessPromise): number {
  return headBytes(head) + jsonBytes(witness) + jsonBytes(toBase64(signature)) + FIELD_BYTES
}

/** Of a text as JSON, the comma behind it included. */
function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) + 1
}
