/** A witness cosigns two histories: a node that has both heads convicts it, in whatever order they arrived. */
import { describe, expect, test } from 'vitest'
import { parseEvidence, verifyEvidence, WITNESS_CONFLICT } from '../../src/evidence/evidence.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, type SignerKey } from '../../src/tlog/note.js'
import { startHeart, testSigner, testWitness, type Heart } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const history = new History(signer)
const fork = history.fork(20, 'b')
const dishonest = testSigner('dishonest.example', 8, 4)
const honest = testSigner('honest.example', 9, 4)
const trusted = [signer.verifier, dishonest.verifier, honest.verifier]

function cosigned(head: Uint8Array, ...witnesses: SignerKey[]): Uint8Array {
  const { text, signatures } = parseNote(head)
  return formatNote({ text, signatures: [...signatures, ...witnesses.map((key) => cosign(text, 1000, key).signature)] })
}

function heart(): Promise<Heart> {
  return startHeart({
    logKey: signer.verifier,
    prefix: showing(history, fork),
    counted: [testWitness.verifier, dishonest.verifier, honest.verifier],
  })
}

/** The convictions of witnesses among the evidence, verified with only the keys. */
function convictions({ evidence }: Heart) {
  return evidence
    .map(({ file }) => verifyEvidence(parseEvidence(file), trusted))
    .filter(({ type }) => type === WITNESS_CONFLICT)
    .map(({ witness, sizes }) => ({ witness: witness!.name, sizes }))
}

describe('a witness that cosigned two histories', () => {
  test.each([
    ['at one size', 30, 30],
    ['where the lie is smaller', 30, 25],
    ['where the lie is larger', 30, 45],
  ])('is convicted, %s, and the other witness of the true head is not', async (_name, truth, lie) => {
    const node = await heart()
    await node.submit('poll', history.head(truth))
    await node.submit('gossip', cosigned(history.head(truth), dishonest, honest))
    await node.submit('gossip', cosigned(fork.head(lie), dishonest))
    await node.witness.idle()
    const sizes = [truth, lie].sort((a, b) => a - b)
    expect(convictions(node)).toEqual([{ witness: 'dishonest.example', sizes }])
    expect(node.store.convictions.convicted()).toEqual(new Set([dishonest.verifier.vkey]))
  })

  test('is convicted by a head older than ours', async () => {
    const node = await heart()
    await node.submit('poll', history.head(30))
    await node.submit('gossip', cosigned(history.head(30), dishonest))
    await node.submit('poll', history.head(60))
    await node.submit('gossip', cosigned(fork.head(40), dishonest))
    await node.witness.idle()
    expect(convictions(node)).toEqual([{ witness: 'dishonest.example', sizes: [30, 40] }])
  })

  test('is convicted when its true cosignature comes after the false one', async () => {
    const node = await heart()
    await node.submit('poll', history.head(30))
    await node.submit('gossip', cosigned(fork.head(40), dishonest))
    await node.submit('gossip', cosigned(history.head(30), dishonest))
    await node.witness.idle()
    expect(convictions(node)).toEqual([{ witness: 'dishonest.example', sizes: [30, 40] }])
  })

  test('is not convicted if its true head lies before the fork', async () => {
    const node = await heart()
    await node.submit('poll', history.head(30))
    // At 15 the two histories are still one.
    await node.submit('gossip', cosigned(history.head(15), dishonest))
    await node.submit('gossip', cosigned(fork.head(40), dishonest))
    await node.witness.idle()
    expect(node.evidence).toHaveLength(1)
    expect(convictions(node)).toEqual([])
  })

  test('no longer counts towards the quorum, until the operator acknowledges the evidence', async () => {
    const node = await heart()
    await node.submit('poll', history.head(30))
    await node.submit('gossip', cosigned(history.head(30), dishonest, honest))
    expect(node.cosigned.quorum(node.log)).toMatchObject({ size: 30 })
    await node.submit('gossip', cosigned(fork.head(40), dishonest))
    await node.witness.idle()
    expect(node.cosigned.quorum(node.log)).toBeUndefined()
    const [conviction] = node.store.convictions.list()
    await node.alarm.acknowledge(conviction!.id)
    expect(node.cosigned.quorum(node.log)).toMatchObject({ size: 30 })
  })
})
