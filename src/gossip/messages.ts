/**
 * The messages of the sync protocol: a JSON object in each length-prefixed frame of a stream.
 *
 * Strict about what it knows, silent about what it does not: fields of later versions are ignored, and a request of
 * a type that is not known here gets an error for an answer, so that new requests can be added without a new
 * protocol id. Pure.
 */
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import { MAX_MESSAGE_BYTES } from './topics.js'

export const SYNC_PROTOCOL = '/gossum/sync/1'

/** The largest frame, in bytes. Far below the 4 MiB that libp2p would buffer. */
export const MAX_FRAME_BYTES = 256 * 1024
/** The most heads in a hello: one a log. */
export const MAX_HEADS = 64
/** The most evidence that a hello lists. */
export const MAX_EVIDENCE_REFS = 256
/** The most evidence files that one request names. */
export const MAX_EVIDENCE_IDS = 16

/** Names an evidence file: the log it is about and its id, 16 lower-case hex digits. */
export interface EvidenceRef {
  readonly log: string
  readonly id: string
}

/** What one side holds: its heads, and the evidence it keeps. The same as request and as answer. */
export interface Hello {
  readonly type: 'hello'
  readonly heads: readonly Uint8Array[]
  readonly evidence: readonly EvidenceRef[]
}

export interface EvidenceRequest {
  readonly type: 'evidence'
  readonly ids: readonly string[]
}

/** Evidence files that were asked for, as many as fit into a frame. Which is which, their own bytes tell. */
export interface EvidenceAnswer {
  readonly type: 'evidence'
  readonly files: readonly Uint8Array[]
}

/** Why a request has no answer. Codes of later versions read as what they are: text. */
export interface ErrorAnswer {
  readonly type: 'error'
  readonly code: string
}

export type Request = Hello | EvidenceRequest
export type Answer = Hello | EvidenceAnswer | ErrorAnswer

const LOG_ID = /^[0-9a-f]{64}$/
const EVIDENCE_ID = /^[0-9a-f]{16}$/
/** Bytes kept free for the field names around the lists of a message. */
const ENVELOPE_BYTES = 64

/** Writes a request; heads that do not fit into the frame are left out. */
export function encodeRequest(request: Request): Uint8Array {
  return request.type === 'hello' ? encodeHello(request) : utf8(JSON.stringify(request))
}

/** Writes an answer; heads and files that do not fit into the frame are left out. */
export function encodeAnswer(answer: Answer): Uint8Array {
  if (answer.type === 'hello') return encodeHello(answer)
  if (answer.type === 'error') return utf8(JSON.stringify(answer))
  return utf8(
    JSON.stringify({
      type: 'evidence',
      files: fitting(answer.files.filter(isMessage), MAX_FRAME_BYTES - ENVELOPE_BYTES),
    }),
  )
}

/** Reads a request. What cannot be read is the error to answer with. */
export function decodeRequest(frame: Uint8Array): Request | ErrorAnswer {
  const message = parseObject(frame)
  if (message === undefined) return { type: 'error', code: 'malformed' }
  if (message.type === 'hello') return readHello(message) ?? { type: 'error', code: 'malformed' }
  if (message.type === 'evidence') {
    const ids = readList(message.ids, MAX_EVIDENCE_IDS, readEvidenceId)
    return ids === undefined ? { type: 'error', code: 'malformed' } : { type: 'evidence', ids }
  }
  return { type: 'error', code: 'unknown-request' }
}

/** Reads an answer, or undefined when it is none. */
export function decodeAnswer(frame: Uint8Array): Answer | undefined {
  const message = parseObject(frame)
  if (message?.type === 'hello') return readHello(message)
  if (message?.type === 'evidence') {
    const files = readList(message.files, MAX_EVIDENCE_IDS, readBytes)
    return files === undefined ? undefined : { type: 'evidence', files }
  }
  if (message?.type === 'error' && typeof message.code === 'string') {
    return { type: 'error', code: message.code.slice(0, 64) }
  }
  return undefined
}

/** What no gossip message would carry, sync does not either: one padded file must not cost the others their place. */
function isMessage(bytes: Uint8Array): boolean {
  return bytes.length <= MAX_MESSAGE_BYTES
}

function encodeHello(hello: Hello): Uint8Array {
  const evidence = hello.evidence.slice(0, MAX_EVIDENCE_REFS).map(({ log, id }) => ({ log, id }))
  const room = MAX_FRAME_BYTES - ENVELOPE_BYTES - JSON.stringify(evidence).length
  return utf8(JSON.stringify({ type: 'hello', heads: fitting(hello.heads.slice(0, MAX_HEADS), room), evidence }))
}

/** The texts of those items that fit into so many bytes of JSON. What is not text cannot be an item. */
function fitting(items: readonly Uint8Array[], room: number): string[] {
  const texts: string[] = []
  for (const item of items) {
    const text = fromUtf8(item)
    if (text === undefined) continue
    const bytes = utf8(JSON.stringify(text)).length + 1
    if (bytes > room) continue
    room -= bytes
    texts.push(text)
  }
  return texts
}

type JsonObject = Record<string, unknown>

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseObject(frame: Uint8Array): JsonObject | undefined {
  const text = frame.length > MAX_FRAME_BYTES ? undefined : fromUtf8(frame)
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function readHello(message: JsonObject): Hello | undefined {
  const heads = readList(message.heads, MAX_HEADS, readBytes)
  const evidence = readList(message.evidence, MAX_EVIDENCE_REFS, readEvidenceRef)
  return heads === undefined || evidence === undefined ? undefined : { type: 'hello', heads, evidence }
}

/** A list of at most `max` items, each of them readable; a missing list is empty. */
function readList<T>(value: unknown, max: number, read: (item: unknown) => T | undefined): T[] | undefined {
  if (value === undefined) return []
  if (!Array.isArray(value) || value.length > max) return undefined
  const items: T[] = []
  for (const entry of value) {
    const item = read(entry)
    if (item === undefined) return undefined
    items.push(item)
  }
  return items
}

function readBytes(item: unknown): Uint8Array | undefined {
  const bytes = typeof item === 'string' ? utf8(item) : undefined
  return bytes === undefined || bytes.length > MAX_MESSAGE_BYTES ? undefined : bytes
}

function readEvidenceId(item: unknown): string | undefined {
  return typeof item === 'string' && EVIDENCE_ID.test(item) ? item : undefined
}

function readEvidenceRef(item: unknown): EvidenceRef | undefined {
  if (!isObject(item)) return undefined
  const id = readEvidenceId(item.id)
  return id === undefined || typeof item.log !== 'string' || !LOG_ID.test(item.log) ? undefined : { log: item.log, id }
}
