/**
 * Heads are made here, once, where their bytes come in: parsed, with the log's signature and the cosignatures of known
 * keys verified. A Head was signed by a configured log; the rest of the pipeline decides whether it is true, and never
 * parses a note again. Pure.
 */
import { errorCode, GossumError } from '../errors.js'
import { isAccepted } from '../errors/attempt.js'
import { formatCheckpoint, parseCheckpoint, type Checkpoint } from '../tlog/checkpoint.js'
import { readCosignatures, type Cosignature } from '../tlog/cosignature.js'
import { isBy, isCanonicalNote, parseNote, verifyNote, type Note, type VerifierKey } from '../tlog/note.js'
import type { PushedProof } from './decide.js'
import type { HeadSource } from './source.js'

/** What identifies a log: its key and its origin. */
export interface LogIdentity {
  /** Log id. */
  readonly id: string
  readonly key: VerifierKey
  readonly origin: string
}

/** A head as it arrived, before anything about it is believed. */
export interface Candidate {
  readonly source: HeadSource
  /** The bytes as they arrived, at most 64 KiB. */
  readonly note: Uint8Array
  /** The parsed note, if the door had to parse it; then the bytes are its canonical encoding. */
  readonly parsed?: Note
  /** Log id, if the door knows it: a poller, a gossip topic. */
  readonly log?: string
  /** Peer id of the peer that brought it, for gossip and sync. */
  readonly peer?: string
  /** What the sender of a pushed head says about our own head, and the proof. */
  readonly proof?: PushedProof
  /** Milliseconds since 1970. */
  readonly receivedAt: number
}

/** A head that a configured log signed. */
export interface Head<Log extends LogIdentity = LogIdentity> {
  readonly log: Log
  /** Undefined for a size beyond 2^53 - 1: the log signed a tree that cannot exist. */
  readonly checkpoint: Checkpoint | undefined
  /** The text with the log's line only. */
  readonly logNote: Note
  /** The newest verified cosignature of each known key, by vkey. */
  readonly cosignatures: ReadonlyMap<string, Cosignature>
  /** The same for keys of neighbours that nobody counts: remembered for them, and not passed on. */
  readonly byNeighbours: ReadonlyMap<string, Cosignature>
  /** Whether it is in the canonical form that witnesses sign. */
  readonly canonical: boolean
  /** Every line is the log's or a verified cosignature: the bytes may be passed on as they are. */
  readonly clean: boolean
  /**
   * A line claims to be by a witness that we count, but verifies with no key of that name and key id that we know. No
   * honest node passes that on. Neighbours' keys do not decide this: they may have been made to look like others.
   */
  readonly forged: boolean
}

/** A head whose size a tree can have. */
export type SizedHead<Log extends LogIdentity = LogIdentity> = Head<Log> & { readonly checkpoint: Checkpoint }

/** Keys whose cosignatures are read. */
export interface WitnessKeys {
  /** The keys that our policy counts, and our own. */
  readonly counted: readonly VerifierKey[]
  /** The keys that our neighbours count: their cosignatures are kept and passed on. */
  readonly relayed: readonly VerifierKey[]
  /** The keys that neighbours sign with: their cosignatures are remembered for them. */
  readonly neighbours: readonly VerifierKey[]
}

/**
 * Parses and verifies a note. `id` is the log that the door expects, if any; cosignatures by keys other than `keys` are
 * ignored; `parsed` is the note if the door had to parse it, and then the bytes are its canonical encoding. Throws the
 * GossumError with which the head is refused: NOTE_*, LOG_UNKNOWN, SIGNATURE_*, CHECKPOINT_MALFORMED, ORIGIN_MISMATCH.
 */
export function readHead<Log extends LogIdentity>(
  message: Uint8Array,
  logs: ReadonlyMap<string, Log>,
  id: string | undefined,
  keys: WitnessKeys,
  parsed?: Note,
): Head<Log> {
  const note = parsed ?? parseNote(message)
  const log = id === undefined ? logThatSigned(note, [...logs.values()]) : logs.get(id)
  if (log === undefined) throw new GossumError('LOG_UNKNOWN', id)
  const logNote: Note = { text: note.text, signatures: [verifyNote(note, log.key)] }
  const checkpoint = readCheckpoint(note.text)
  const origin = note.text.slice(0, note.text.indexOf('\n'))
  if (origin !== log.origin) throw new GossumError('ORIGIN_MISMATCH', JSON.stringify(origin.slice(0, 200)))
  const kept = [...keys.counted, ...keys.relayed]
  const { verified: cosignatures, genuine } = readCosignatures(note, kept)
  const aside = readCosignatures(
    note,
    keys.neighbours.filter(({ vkey }) => !cosignatures.has(vkey)),
  )
  const canonicalNote = parsed !== undefined || isCanonicalNote(message, note)
  return {
    log,
    checkpoint,
    logNote,
    cosignatures,
    byNeighbours: aside.verified,
    canonical: canonicalNote && checkpoint !== undefined && formatCheckpoint(checkpoint) === note.text,
    clean: canonicalNote && note.signatures.length === 1 + cosignatures.size,
    forged: note.signatures.some(
      (line) =>
        !genuine.has(line) &&
        !aside.genuine.has(line) &&
        !isBy(line, log.key) &&
        keys.counted.some((key) => isBy(line, key)),
    ),
  }
}

/**
 * Finds the log by its key, never by its origin: every Go checksum database has the same origin. If lines claim to be
 * by several logs, returns the one whose line verifies, since anyone can write a line under any name. Undefined when no
 * line claims to be by any of them; the log returned is not verified.
 */
export function logThatSigned<Log extends LogIdentity>(note: Note, logs: readonly Log[]): Log | undefined {
  const claimed = logs.filter(({ key }) => note.signatures.some((line) => isBy(line, key)))
  return claimed.length < 2 ? claimed[0] : (claimed.find(({ key }) => verifies(note, key)) ?? claimed[0])
}

function verifies(note: Note, key: VerifierKey): boolean {
  return isAccepted(() => verifyNote(note, key))
}

function readCheckpoint(text: string): Checkpoint | undefined {
  try {
    return parseCheckpoint(text)
  } catch (error) {
    if (errorCode(error) === 'SIZE_IMPOSSIBLE') return undefined
    throw error
  }
}
