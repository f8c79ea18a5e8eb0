/**
 * A witness with an ML-DSA-44 key: it counts, it is passed on, and it can neither be forged nor lie better than others.
 */
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { parseEvidence, verifyEvidence, WITNESS_CONFLICT } from '../../src/evidence/evidence.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, SIGNATURE_TYPES, type Signature } from '../../src/tlog/note.js'
import {
  cosignatureIn,
  MemoryGuard,
  startHeart,
  testSigner,
  testWitness,
  type Heart,
  type HeartOptions,
} from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'
import { flipBit } from '../helpers/tree.js'

const signer = testSigner('log.example', 1)
const history = new History(signer)
const fork = history.fork(20, 'b')
const pq = testSigner('pq.example', 8, SIGNATURE_TYPES.mlDsa)

function heart(options: Partial<HeartOptions> = {}): Promise<Heart> {
  const counted = [testWitness.verifier, pq.verifier]
  return startHeart({ logKey: signer.verifier, prefix: showing(history, fork), counted, ...options })
}

function cosigned(head: Uint8Array, change = (line: Signature): Signature => line): Uint8Array {
  const { text, signatures } = parseNote(head)
  return formatNote({ text, signatures: [...signatures, change(cosign(text, 1000, pq).signature)] })
}

describe('a witness with an ML-DSA-44 key', () => {
  test('makes a quorum with the others, is published, and is kept over a restart', async () => {
    const [db, guard] = [new MemoryLevel<string, string>(), new MemoryGuard()]
    const node = await heart({ db, guard })
    await node.submit('poll', history.head(30))
    expect(node.quorums).toEqual([])
    const outcome = await node.submit('sync', cosigned(history.head(30)), 'p')
    expect(outcome).toMatchObject({ kind: 'known', news: true })
    expect(node.quorums.map(({ size }) => size)).toEqual([30])
    expect(cosignatureIn(node.published.at(-1)!, pq.verifier).time).toBe(1000)
    await node.witness.stop()
    const again = await heart({ db, guard })
    expect(again.cosigned.quorum(again.log)).toEqual(node.cosigned.quorum(node.log))
    const kept = await again.store.history.get(again.log, 30)
    expect(cosignatureIn(Buffer.from(kept!), pq.verifier).time).toBe(1000)
    await again.witness.stop()
  })

  test('is not counted for a line forged under its name, which is held against the sender', async () => {
    const node = await heart()
    await node.submit('poll', history.head(30))
    const spoil = (line: Signature): Signature => ({ ...line, bytes: flipBit(line.bytes, 9000) })
    expect(await node.submit('gossip', cosigned(history.head(30), spoil), 'p')).toMatchObject({ forged: true })
    const short = (line: Signature): Signature => ({ ...line, bytes: line.bytes.slice(0, 72) })
    expect(await node.submit('gossip', cosigned(history.head(30), short), 'p')).toMatchObject({ forged: true })
    expect(node.quorums).toEqual([])
    await node.witness.stop()
  })

  test('that cosigned two histories is convicted by a file that verifies with the keys alone', async () => {
    const node = await heart()
    await node.submit('poll', history.head(30))
    await node.submit('gossip', cosigned(history.head(30)))
    await node.submit('gossip', cosigned(fork.head(45)))
    await node.witness.idle()
    const trusted = [signer.verifier, pq.verifier]
    const found = node.evidence.map(({ file }) => verifyEvidence(parseEvidence(file), trusted))
    const [conflict] = found.filter(({ type }) => type === WITNESS_CONFLICT)
    expect(conflict).toMatchObject({ witness: { vkey: pq.verifier.vkey }, sizes: [30, 45] })
    expect(node.store.convictions.convicted()).toEqual(new Set([pq.verifier.vkey]))
    await node.witness.stop()
  })
})
