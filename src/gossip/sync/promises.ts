/**
 * Promises as JSON, and how many of them fit into one message. Pure; nothing here throws.
 *
 * An unreadable item is no reason to refuse the others: it may come from a later version.
 */
import { MAX_PROMISES } from '../../witness/frame-bytes.js'
import type { WitnessPromise } from '../../witness/promise.js'
import { fromUtf8, toBase64 } from '../../tlog/bytes.js'
import { MAX_MESSAGE_BYTES } from '../topics.js'
import { isObject, type JsonObject } from '../../lib/is-object.js'
import { jsonBytes, readBase64, readItems, readLogId, readSize, readString, readTextBytes } from './fields.js'

/** The longest verifier key, in characters; those of post-quantum schemes have about 1800. */
export const MAX_VKEY_LENGTH = 2048
/** The bytes of the longest signature, that of ML-DSA-44. */
const MAX_SIGNATURE_BYTES = 2420

/** Asks a peer to keep promises, and sends it cosigned heads. Unreadable items are undefined. */
export interface PromiseRequest {
  readonly type: 'promise'
  readonly promises: readonly (WitnessPromise | undefined)[]
  /** Notes with the line of the log and the line of the sender's witness. */
  readonly lines: readonly (Uint8Array | undefined)[]
}

/** A promise as JSON; undefined when no message can carry it. */
export function writePromise({ log, witness, seq, time, head, signature }: WitnessPromise): JsonObject | undefined {
  const text = head.length > MAX_MESSAGE_BYTES ? undefined : fromUtf8(head)
  return text === undefined ? undefined : { log, witness, seq, time, head: text, signature: toBase64(signature) }
}

/** Reads a promise. Its signature is not checked. */
export function readPromise(item: unknown): WitnessPromise | undefined {
  if (!isObject(item)) return undefined
  const [log, witness] = [readLogId(item.log), readString(item.witness, MAX_VKEY_LENGTH)]
  const [seq, time] = [readSize(item.seq), readSize(item.time)]
  const head = readTextBytes(item.head, MAX_MESSAGE_BYTES)
  const signature = readBase64(item.signature, MAX_SIGNATURE_BYTES)
  if (log === undefined || witness === undefined || head === undefined || signature === undefined) return undefined
  if (seq === undefined || seq === 0 || time === undefined) return undefined
  return { log, witness, seq, time, head, signature }
}

/** A request as JSON; an item that no message can carry is null. */
export function writeRequest({ promises, lines }: PromiseRequest): JsonObject {
  return {
    type: 'promise',
    promises: promises.map((promise) => (promise && writePromise(promise)) ?? null),
    lines: lines.map((line) => (line && fromUtf8(line)) ?? null),
  }
}

/** Reads a request; undefined when it has too many items. */
export function readRequest(message: JsonObject): PromiseRequest | undefined {
  const promises = readItems(message.promises, MAX_PROMISES, readPromise)
  const lines = readItems(message.lines, MAX_PROMISES, (item) => readTextBytes(item, MAX_MESSAGE_BYTES))
  return promises && lines && { type: 'promise', promises, lines }
}

/** Splits these into requests of at most so many bytes, at least one; with the indexes of the promises in each. */
export function promiseRequests(
  promises: readonly WitnessPromise[],
  lines: readonly Uint8Array[],
  room: number,
): { readonly request: PromiseRequest; readonly indexes: readonly number[] }[] {
  const boxes: Box[] = []
  for (const [index, promise] of promises.entries()) {
    const written = writePromise(promise)
    if (written !== undefined) boxWith(boxes, room, jsonBytes(written) + 1, 'indexes')?.indexes.push(index)
  }
  for (const line of lines) {
    const text = line.length > MAX_MESSAGE_BYTES ? undefined : fromUtf8(line)
    if (text !== undefined) boxWith(boxes, room, jsonBytes(text) + 1, 'lines')?.lines.push(line)
  }
  if (boxes.length === 0) boxes.push({ indexes: [], lines: [], bytes: 0 })
  return boxes.map(({ indexes, lines }) => ({
    request: { type: 'promise', promises: indexes.map((index) => promises[index]), lines },
    indexes,
  }))
}

interface Box {
  readonly indexes: number[]
  readonly lines: Uint8Array[]
  bytes: number
}

/**
 * The first message with so many bytes of room for another item, or a new one; none when the item is larger than a
 * message.
 */
function boxWith(boxes: Box[], room: number, bytes: number, kind: 'indexes' | 'lines'): Box | undefined {
  if (bytes > room) return undefined
  let box = boxes.find((each) => each[kind].length < MAX_PROMISES && each.bytes + bytes <= room)
  if (box === undefined) boxes.push((box = { indexes: [], lines: [], bytes: 0 }))
  box.bytes += bytes
  return box
}
