/**
 * What is held of a witness key, a page at a time: logs in ascending order of their ids, as many as one message has
 * room for. A page that is cut short says where the next one begins, so that nothing is lost.
 *
 * Pure; nothing here throws.
 */
import type { JsonObject } from '../../lib/is-object.js'
import { fromUtf8 } from '../../tlog/bytes.js'
import { logId, parseCheckpoint } from '../../tlog/checkpoint.js'
import { parseNote } from '../../tlog/note.js'
import type { WitnessPromise } from '../../witness/promise.js'
import { MAX_PROMISES } from '../../witness/frame-bytes.js'
import { readPromise, writePromise } from './promises.js'
import { MAX_MESSAGE_BYTES } from '../topics.js'
import { jsonBytes, readItems, readLogId, readTextBytes } from './fields.js'

/** The most logs on a page. */
const MAX_PAGE_LOGS = MAX_PROMISES

/** What is held of one witness key for some logs. */
export interface SignedPageMessage {
  /** For each log the largest head with the key's cosignature, with only the log's line and the key's. */
  readonly heads: readonly Uint8Array[]
  /** For each log the promise of the largest head. */
  readonly promises: readonly WitnessPromise[]
  /** The log id after which the next page begins; undefined when there is none. */
  readonly next?: string | undefined
}

/** A page as a message. Unreadable items are undefined. */
export interface SignedAnswer {
  readonly type: 'signed'
  readonly heads: readonly (Uint8Array | undefined)[]
  readonly promises: readonly (WitnessPromise | undefined)[]
  /** The log id with which to ask for the next page; undefined at the end. */
  readonly next?: string | undefined
}

/** Reads a page; undefined when it has too many items, or does not say where it ends. */
export function readPage(message: JsonObject): SignedAnswer | undefined {
  const heads = readItems(message.heads, MAX_PAGE_LOGS, (item) => readTextBytes(item, MAX_MESSAGE_BYTES))
  const promises = readItems(message.promises, MAX_PAGE_LOGS, readPromise)
  const next = readLogId(message.next)
  const isWhole = message.next === undefined || next !== undefined
  return heads && promises && isWhole ? { type: 'signed', heads, promises, next } : undefined
}

/** As much of a page as fits into so many bytes of JSON; the rest goes on the next page. */
export function writePage(page: SignedAnswer, room: number): JsonObject {
  const heads: string[] = []
  const promises: JsonObject[] = []
  const written = (next: string | undefined): JsonObject => ({ type: 'signed', heads, promises, next })
  let left = room
  let last: string | undefined
  for (const [log, items] of [...byLog(page)].sort(([a], [b]) => (a < b ? -1 : 1))) {
    // If a log's head is so large that both do not fit into one message, the promise matters more.
    const fits = bytesOf(items) <= room ? items : { heads: [], promises: items.promises }
    const bytes = bytesOf(fits)
    if (bytes > room) continue
    const isFull =
      heads.length + fits.heads.length > MAX_PAGE_LOGS || promises.length + fits.promises.length > MAX_PAGE_LOGS
    if (last !== undefined && (bytes > left || isFull)) return written(last)
    left -= bytes
    last = log
    heads.push(...fits.heads.slice(0, MAX_PAGE_LOGS))
    promises.push(...fits.promises.slice(0, MAX_PAGE_LOGS))
  }
  return written(page.next)
}

interface Items {
  readonly heads: string[]
  readonly promises: JsonObject[]
}

function byLog({ heads, promises }: SignedAnswer): Map<string, Items> {
  const logs = new Map<string, Items>()
  const itemsOf = (log: string): Items => {
    const items = logs.get(log) ?? { heads: [], promises: [] }
    logs.set(log, items)
    return items
  }
  for (const head of heads) {
    if (head === undefined || head.length > MAX_MESSAGE_BYTES) continue
    const text = fromUtf8(head)
    if (text !== undefined) itemsOf(peekHead(head)?.log ?? '').heads.push(text)
  }
  for (const promise of promises) {
    const written = promise && writePromise(promise)
    if (promise !== undefined && written !== undefined) itemsOf(promise.log).promises.push(written)
  }
  return logs
}

function bytesOf({ heads, promises }: Items): number {
  return [...heads, ...promises].reduce((sum, item) => sum + jsonBytes(item) + 1, 0)
}

/** The log named by the first line of a head, and the head's size. Nothing is verified. */
export function peekHead(bytes: Uint8Array): { log: string; size: number } | undefined {
  try {
    const { text, signatures } = parseNote(bytes)
    const { origin, size } = parseCheckpoint(text)
    return signatures[0] && { log: logId(signatures[0].name, origin), size }
  } catch {
    return undefined
  }
}
