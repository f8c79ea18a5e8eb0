/** Cosigned heads of the history of step-inputs.ts, over a store in memory that can be started again. */
import { MemoryLevel } from 'memory-level'
import { vi } from 'vitest'
import { Store } from '../../src/store/store.js'
import { cosign, type Cosignature } from '../../src/tlog/cosignature.js'
import { parseNote, spellNote, type Note, type SignerKey, type VerifierKey } from '../../src/tlog/note.js'
import type { CosignedHead } from '../../src/witness/cosigned-head.js'
import { CosignedHeads } from '../../src/witness/cosigned.js'
import type { Quorum } from '../../src/witness/quorum.js'
import { withLines } from '../../src/witness/signing.js'
import { MemoryGuard, testWitness } from './heart.js'
import { other } from './judging.js'
import { history, log, noteOf } from './step-inputs.js'

/** Both witnesses make a quorum. */
export const both: Quorum = {
  keys: [testWitness.verifier, other.verifier],
  satisfiedBy: (signedBy) => signedBy.size === 2,
  convicted: () => new Set(),
}

/** A head of the history without cosignatures. */
export function bare(size: number): Note {
  return parseNote(history.head(size))
}

/** The cosignatures of a head of the history at a time, by vkey. */
export function linesOf(size: number, time: number, ...signers: readonly SignerKey[]): Map<string, Cosignature> {
  return new Map(signers.map((signer) => [signer.verifier.vkey, cosign(history.text(size), time, signer)]))
}

/** A head of the history with cosignatures of one time, as it is kept. */
export function keptNote(size: number, time: number, ...signers: readonly SignerKey[]): string {
  return spellNote(withLines(bare(size), linesOf(size, time, ...signers).values()))
}

/** The size of a head, then the names of those who cosigned it. */
export function inShort(head: CosignedHead | undefined): (number | string)[] | undefined {
  return head && [head.size, ...head.note.signatures.slice(1).map(({ name }) => name)]
}

export async function startCosigned(relayed?: () => readonly VerifierKey[], quorum = both) {
  const db = new MemoryLevel()
  const guard = new MemoryGuard()
  const over = async () => {
    const store = await Store.over(db, guard)
    const heads = new CosignedHeads(store, quorum, () => undefined, relayed)
    /** Reads from the history on disk. */
    const read = vi.spyOn(store.history, 'get')
    return { store, heads, read }
  }
  const parts = await over()
  const { store } = parts
  /** The state now says that this is the newest head, whose cosignature is promised. */
  const promise = (size: number) =>
    store.heads.change(log.id, store.heads.get(log.id), { tree: history.tree(size), note: noteOf(history, size) })
  /** Another start over the same disk. */
  const restart = async () => {
    await store.flush()
    const again = await over()
    await again.heads.load(log.id)
    again.read.mockClear()
    return again
  }
  /** What is on disk by now. */
  const onDisk = (table: string, key: string): Promise<string | undefined> => db.sublevel(table).get(key)
  return { ...parts, promise, restart, onDisk }
}
