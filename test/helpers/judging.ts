/** The pipeline of a node that follows the log of step-inputs.ts, and heads of it with the lines of witnesses. */
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, SIGNATURE_TYPES, type SignerKey } from '../../src/tlog/note.js'
import type { Outcome } from '../../src/witness/outcome.js'
import { startHeart, testSigner, testWitness, type Heart, type HeartOptions } from './heart.js'
import { showing } from './history.js'
import { history, log, NOW } from './step-inputs.js'

/** A witness that the pipeline counts. */
export const other = testSigner('second.example', 9, SIGNATURE_TYPES.cosignature)
/** A witness that nobody counts. */
export const neighbour = testSigner('neighbour.example', 10, SIGNATURE_TYPES.cosignature)

/** A pipeline at a time that stands still. The log shows it the tiles of its history, and of no fork. */
export function startJudging(options: Partial<HeartOptions> = {}): Promise<Heart> {
  return startHeart({
    logKey: log.key,
    prefix: showing(history),
    now: () => NOW * 1000,
    counted: [testWitness.verifier, other.verifier],
    neighbours: [neighbour.verifier],
    ...options,
  })
}

/** A head with additional cosignatures, all of one time in POSIX seconds. */
export function cosignedBy(note: Uint8Array, time: number, ...signers: readonly SignerKey[]): Uint8Array {
  const { text, signatures } = parseNote(note)
  return formatNote({ text, signatures: [...signatures, ...signers.map((key) => cosign(text, time, key).signature)] })
}

/** Pushes the head of a size with the proof that it extends the one of an older size. */
export function push(heart: Heart, from: number, size: number): Promise<Outcome> {
  const hashes = from === 0 || from === size ? [] : history.prefix(history.tree(size), from)!.proof
  const proof = { oldSize: from, hashes }
  return heart.witness.submit({ source: 'push', note: history.head(size), log: log.id, proof, receivedAt: NOW * 1000 })
}

/** What an outcome says of a head of the history, besides what became of it. */
export function about(size: number, of = history) {
  return { log: log.id, ...of.tree(size) }
}
