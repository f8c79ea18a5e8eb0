/** What a step is given: heads of one log and of a fork of it, states that hold one of them, calm circumstances. */
import type { Floor, LogState } from '../../src/store/heads.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { logId, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { formatHash } from '../../src/tlog/hash.js'
import { readHead, type SizedHead } from '../../src/witness/head.js'
import type { Circumstances, HeadInput, Mark } from '../../src/witness/step-types.js'
import { testSigner, testWitness } from './heart.js'
import { History } from './history.js'

/** POSIX seconds. */
export const NOW = 1_800_000_000
export const ownKey = testWitness.verifier.vkey

const signer = testSigner('log.example', 1)
export const log = { id: logId(signer.verifier.name, SUMDB_ORIGIN), key: signer.verifier, origin: SUMDB_ORIGIN }
export const history = new History(signer)
/** It shares the first three records. */
export const fork = history.fork(3, 'b')

export const calm: Circumstances = {
  now: NOW,
  keys: { key: ownKey },
  frozen: false,
  isPast: false,
  made: [],
  isOwed: false,
}

/** Any text that the log signed, as a head. */
export function headOf(signed: Uint8Array): SizedHead {
  const read = readHead(signed, new Map([[log.id, log]]), log.id, { counted: [], relayed: [], neighbours: [] })
  return { ...read, checkpoint: read.checkpoint! }
}

/** A state that holds the head of this size, cosigned a minute ago. */
export function holding(size: number, more: Partial<LogState> = {}): LogState {
  const signed = { key: ownKey, size, time: NOW - 60 }
  return { seq: 1, tree: history.tree(size), note: noteOf(history, size), signed, holds: [], ...more }
}

export function floorAt(size: number, more: Partial<Floor> = {}): Floor {
  const root = formatHash(history.tree(size).root)
  return { size, root, note: noteOf(history, size), at: '2026-01-01T00:00:00.000Z', ...more }
}

export function arrival(head: SizedHead, more: Partial<HeadInput> = {}): HeadInput {
  return { kind: 'head', head, source: 'gossip', proofs: [], triedFloor: false, ...more }
}

export function markAt(of: History, size: number, time: number, by?: string): Mark {
  return { ...of.tree(size), note: noteOf(of, size), time, ...(by !== undefined && { by }) }
}

export function noteOf(of: History, size: number): string {
  return fromUtf8(of.head(size))!
}
