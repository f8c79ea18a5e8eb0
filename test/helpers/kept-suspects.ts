/** What is kept of suspects of one log, over a database in memory. */
import { MemoryLevel } from 'memory-level'
import { Store } from '../../src/store/store.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import type { SignerKey } from '../../src/tlog/note.js'
import { readHead, type Head } from '../../src/witness/head.js'
import { Suspects } from '../../src/witness/suspects.js'
import { MemoryGuard, sumdbId, testSigner } from './heart.js'
import { History } from './history.js'

export const signer = testSigner('log.example', 1)
export const log = sumdbId(signer.verifier)
export const history = new History(signer)
const logs = new Map([[log, { id: log, key: signer.verifier, origin: SUMDB_ORIGIN }]])

/** A head whose lines by these witnesses are read. */
export function verified(note: Uint8Array, ...counted: readonly SignerKey[]): Head {
  return readHead(note, logs, log, { counted: counted.map(({ verifier }) => verifier), relayed: [], neighbours: [] })
}

/** The same head as it arrived. */
export const from = (note: Uint8Array, receivedAt = 0) => ({ source: 'gossip', note, peer: 'p', receivedAt }) as const

export async function emptyTable() {
  const db = new MemoryLevel()
  const { suspects: table } = await Store.over(db, new MemoryGuard())
  return { db, table, suspects: await Suspects.load(table) }
}
