/**
 * The messages of the sync protocol: a JSON object in each length-prefixed frame of a stream.
 *
 * Anything unreadable is skipped if the rest makes sense without it: fields of later versions are ignored, list items
 * are skipped, and a request of an unknown type is answered with an error, so that new requests can be added without a
 * new protocol id. Pure.
 */
import { toBase64, utf8 } from '../../tlog/bytes.js'
import { HASH_SIZE, parseHash, type Hash } from '../../tlog/hash.js'
import type { Tree } from '../../tlog/merkle.js'
import { isFullTile, parseTilePath, TILE_HEIGHT } from '../../tlog/tile.js'
import { readPage, writePage, type SignedAnswer } from './pages.js'
import { MAX_PROMISES } from '../../witness/frame-bytes.js'
import { MAX_VKEY_LENGTH, readRequest, writeRequest, type PromiseRequest } from './promises.js'
import { MAX_MESSAGE_BYTES } from '../topics.js'
import { isObject, type JsonObject } from '../../lib/is-object.js'
import {
  fitting,
  isAbsent,
  jsonBytes,
  parseObject,
  readBase64,
  readItems,
  readLogId,
  readSize,
  readSome,
  readString,
  readTextBytes,
} from './fields.js'

export const SYNC_PROTOCOL = '/gossum/sync/1'

/** The largest frame, in bytes. Far below the 4 MiB that libp2p would buffer. */
export const MAX_FRAME_BYTES = 256 * 1024
/** The most heads in a hello: one per log. */
export const MAX_HELLO_HEADS = 64
/** The most evidence files that a hello lists. */
export const MAX_EVIDENCE_REFS = 256
/** The most evidence files that one request names. */
export const MAX_EVIDENCE_IDS = 16
/** The most keys that a hello lists as counted: those of a policy, and the sender's own. */
export const MAX_COUNTS = 91
/** The most addresses in a hello, and the longest of them, in characters. */
export const MAX_PEERS = 8
const MAX_ADDRESS_LENGTH = 256
/** The most hashes in a proof; the largest tree needs 54. */
export const MAX_PROOF = 64
/** The bytes of a tile: only full tiles of hashes are requested. */
export const TILE_BYTES = 2 ** TILE_HEIGHT * HASH_SIZE
const MAX_TILE_PATH_LENGTH = 200
/** Bytes of a hello available for its counted keys; those that do not fit are left out. */
const COUNTS_BYTES = 64 * 1024

/** Names an evidence file: the log that it is about, and its id of 16 lower-case hex digits. */
export interface EvidenceName {
  readonly log: string
  readonly id: string
}

/** The claim that the witness with this key is at this end of the connection (identity.ts). */
export interface WitnessClaim {
  /** Verifier key. */
  readonly key: string
  readonly signature: Uint8Array
}

/** What one side holds and who it is; the same as request and as answer. */
export interface Hello {
  readonly type: 'hello'
  readonly heads: readonly Uint8Array[]
  readonly evidence: readonly EvidenceName[]
  /** Verifier keys of the witnesses whose cosignatures the sender wants to receive. */
  readonly counts: readonly string[]
  readonly witness?: WitnessClaim | undefined
  /** Multiaddrs of other nodes, /p2p/ID included. */
  readonly peers: readonly string[]
  /** The sender's clock, in milliseconds since 1970; absent in earlier versions. */
  readonly time?: number | undefined
}

export interface EvidenceRequest {
  readonly type: 'evidence'
  readonly ids: readonly string[]
}

/** Asks for the root of the first `size` records of a tree, with its proof; 1 <= size <= of.size. */
export interface ProofRequest {
  readonly type: 'proof'
  /** Log id. */
  readonly log: string
  readonly of: Tree
  readonly size: number
}

/** Asks for a full tile of hashes, by its path (tlog/tile.ts). */
export interface TileRequest {
  readonly type: 'tile'
  readonly log: string
  readonly path: string
}

/**
 * Asks for the largest head of each log that is held with this witness's cosignature, and for its promises, a page at a
 * time. A version without pages sends all that fits in one answer.
 */
export interface SignedRequest {
  readonly type: 'signed'
  /** Verifier key. */
  readonly witness: string
  /** The log id after which the page begins; undefined for the first page. */
  readonly after?: string | undefined
}

/** The requested evidence files, as many as fit into a frame; each is identified by its own bytes. */
export interface EvidenceFiles {
  readonly type: 'evidence'
  readonly files: readonly Uint8Array[]
}

export interface ProofAnswer {
  readonly type: 'proof'
  readonly root: Hash
  readonly proof: readonly Hash[]
}

export interface TileAnswer {
  readonly type: 'tile'
  readonly data: Uint8Array
}

export interface PromiseAnswer {
  readonly type: 'promise'
  /** For each promise of the request, in order, whether it is kept: it would survive a crash. */
  readonly kept: readonly boolean[]
}

/** Why a request has no answer. Codes of later versions are read as plain text. */
export interface ErrorAnswer {
  readonly type: 'error'
  readonly code: string
}

export type SyncRequest = Hello | EvidenceRequest | ProofRequest | TileRequest | SignedRequest | PromiseRequest
export type SyncAnswer = Hello | EvidenceFiles | ProofAnswer | TileAnswer | SignedAnswer | PromiseAnswer | ErrorAnswer

const EVIDENCE_ID = /^[0-9a-f]{16}$/
/** Bytes kept free for the field names around the lists of a message. */
const ENVELOPE_BYTES = 128
/** Bytes that the lists of one message may take. */
export const ROOM_BYTES = MAX_FRAME_BYTES - ENVELOPE_BYTES
const MALFORMED: ErrorAnswer = { type: 'error', code: 'malformed' }

// ---- writing ---------------------------------------------------------------------------------------------------

/** Writes a request; heads that do not fit into the frame are left out. */
export function encodeRequest(request: SyncRequest): Uint8Array {
  switch (request.type) {
    case 'hello':
      return encodeHello(request)
    case 'proof': {
      const { size, root } = request.of
      return json({ ...request, of: { size, root: toBase64(root) } })
    }
    case 'promise':
      return json(writeRequest(request))
    default:
      return json(request)
  }
}

/** Writes an answer; heads and files that do not fit into the frame are left out. */
export function encodeAnswer(answer: SyncAnswer): Uint8Array {
  switch (answer.type) {
    case 'hello':
      return encodeHello(answer)
    case 'error':
      return json(answer)
    case 'evidence':
      return json({
        type: 'evidence',
        files: fitting(answer.files.filter(isMessage), ROOM_BYTES),
      })
    case 'proof':
      return json({ type: 'proof', root: toBase64(answer.root), proof: answer.proof.map(toBase64) })
    case 'tile':
      return json({ type: 'tile', data: toBase64(answer.data) })
    case 'signed':
      return json(writePage(answer, ROOM_BYTES))
    case 'promise':
      return json(answer)
  }
}

function json(value: object): Uint8Array {
  return utf8(JSON.stringify(value))
}

/** Sync carries nothing larger than a gossip message: one padded file must not crowd out the others. */
function isMessage(bytes: Uint8Array): boolean {
  return bytes.length <= MAX_MESSAGE_BYTES
}

/** Empty lists are left out: they read the same, and earlier versions left them out, too. */
function encodeHello(hello: Hello): Uint8Array {
  const { witness } = hello
  const counts = fitting(hello.counts.slice(0, MAX_COUNTS).map(utf8), COUNTS_BYTES)
  const peers = hello.peers.slice(0, MAX_PEERS)
  const rest = {
    evidence: hello.evidence.slice(0, MAX_EVIDENCE_REFS).map(({ log, id }) => ({ log, id })),
    ...(counts.length > 0 && { counts }),
    ...(witness && { witness: { key: witness.key, signature: toBase64(witness.signature) } }),
    ...(peers.length > 0 && { peers }),
    ...(hello.time !== undefined && { time: hello.time }),
  }
  const room = ROOM_BYTES - jsonBytes(rest)
  return json({ type: 'hello', heads: fitting(hello.heads.slice(0, MAX_HELLO_HEADS), room), ...rest })
}

// ---- reading ---------------------------------------------------------------------------------------------------

/** Reads a request. If it is unreadable, returns the error to answer with. */
export function decodeRequest(frame: Uint8Array): SyncRequest | ErrorAnswer {
  const message = parseObject(frame, MAX_FRAME_BYTES)
  if (message === undefined) return MALFORMED
  switch (message.type) {
    case 'hello':
      return readHello(message)
    case 'evidence':
      return { type: 'evidence', ids: readSome(message.ids, MAX_EVIDENCE_IDS, readEvidenceId) }
    case 'proof':
      return readProofRequest(message) ?? MALFORMED
    case 'tile': {
      const log = readLogId(message.log)
      const path = readString(message.path, MAX_TILE_PATH_LENGTH)
      return log === undefined || path === undefined || !isHashTile(path) ? MALFORMED : { type: 'tile', log, path }
    }
    case 'signed': {
      const witness = readString(message.witness, MAX_VKEY_LENGTH)
      const after = readLogId(message.after)
      const isWhole = witness !== undefined && (isAbsent(message.after) || after !== undefined)
      return isWhole ? { type: 'signed', witness, after } : MALFORMED
    }
    case 'promise':
      return readRequest(message) ?? MALFORMED
    default:
      return { type: 'error', code: 'unknown-request' }
  }
}

/** Reads an answer; undefined if it is not valid. */
export function decodeAnswer(frame: Uint8Array): SyncAnswer | undefined {
  const message = parseObject(frame, MAX_FRAME_BYTES)
  switch (message?.type) {
    case 'hello':
      return readHello(message)
    case 'evidence':
      return { type: 'evidence', files: readSome(message.files, MAX_EVIDENCE_IDS, readMessage) }
    case 'proof': {
      const root = readHash(message.root)
      const proof = readItems(message.proof, MAX_PROOF, readHash)
      const isWhole = root !== undefined && proof?.every((hash) => hash !== undefined) === true
      return isWhole ? { type: 'proof', root, proof } : undefined
    }
    case 'tile': {
      const data = readBase64(message.data, TILE_BYTES)
      return data && { type: 'tile', data }
    }
    case 'signed':
      return readPage(message)
    case 'promise': {
      const kept = readItems(message.kept, MAX_PROMISES, (item) => item === true)
      return kept && { type: 'promise', kept: kept.map((isKept) => isKept === true) }
    }
    case 'error':
      return typeof message.code === 'string' ? { type: 'error', code: message.code.slice(0, 64) } : undefined
    default:
      return undefined
  }
}

/** Whether this is the path of a full tile of hashes: those are kept, and are the same in every later tree. */
export function isHashTile(path: string): boolean {
  try {
    const tile = parseTilePath(path)
    return tile.level >= 0 && tile.height === TILE_HEIGHT && isFullTile(tile)
  } catch {
    return false
  }
}

/** Unreadable parts of a hello are skipped: the other heads may be the ones that matter. */
function readHello(message: JsonObject): Hello {
  return {
    type: 'hello',
    heads: readSome(message.heads, MAX_HELLO_HEADS, readMessage),
    evidence: readSome(message.evidence, MAX_EVIDENCE_REFS, readEvidenceRef),
    counts: readSome(message.counts, MAX_COUNTS, (item) => readString(item, MAX_VKEY_LENGTH)),
    peers: readSome(message.peers, MAX_PEERS, (item) => readString(item, MAX_ADDRESS_LENGTH)),
    witness: readClaim(message.witness),
    time: readSize(message.time),
  }
}

function readClaim(value: unknown): WitnessClaim | undefined {
  if (!isObject(value)) return undefined
  const key = readString(value.key, MAX_VKEY_LENGTH)
  const signature = readBase64(value.signature, 64)
  return key === undefined || signature?.length !== 64 ? undefined : { key, signature }
}

function readProofRequest(message: JsonObject): ProofRequest | undefined {
  const { of } = message
  if (!isObject(of)) return undefined
  const log = readLogId(message.log)
  const [total, root, size] = [readSize(of.size), readHash(of.root), readSize(message.size)]
  if (log === undefined || total === undefined || root === undefined || size === undefined) return undefined
  return size < 1 || size > total ? undefined : { type: 'proof', log, of: { size: total, root }, size }
}

function readMessage(item: unknown): Uint8Array | undefined {
  return readTextBytes(item, MAX_MESSAGE_BYTES)
}

function readHash(value: unknown): Hash | undefined {
  return typeof value === 'string' ? parseHash(value) : undefined
}

function readEvidenceId(item: unknown): string | undefined {
  return typeof item === 'string' && EVIDENCE_ID.test(item) ? item : undefined
}

function readEvidenceRef(item: unknown): EvidenceName | undefined {
  if (!isObject(item)) return undefined
  const [log, id] = [readLogId(item.log), readEvidenceId(item.id)]
  return log === undefined || id === undefined ? undefined : { log, id }
}
