/**
 * A lying witness that this node does not count, but a neighbour does: it is convicted for the nodes behind this one.
 */
import { expect, test } from 'vitest'
import { parseEvidence, verifyEvidence, WITNESS_CONFLICT } from '../../src/evidence/evidence.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, type SignerKey } from '../../src/tlog/note.js'
import { startHeart, testSigner, testWitness, type Heart } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const history = new History(signer)
const fork = history.fork(20, 'b')
const liar = testSigner('liar.example', 8, 4)

function cosigned(head: Uint8Array, by: SignerKey): Uint8Array {
  const { text, signatures } = parseNote(head)
  return formatNote({ text, signatures: [...signatures, cosign(text, 1000, by).signature] })
}

function heart(role: 'counted' | 'relayed'): Promise<Heart> {
  return startHeart({
    logKey: signer.verifier,
    prefix: showing(history, fork),
    ...(role === 'counted' ? { counted: [testWitness.verifier, liar.verifier] } : { relayed: [liar.verifier] }),
  })
}

function conflicts({ evidence }: Heart): Uint8Array[] {
  const trusted = [signer.verifier, liar.verifier]
  const isConflict = (file: Uint8Array): boolean => {
    return verifyEvidence(parseEvidence(file), trusted).type === WITNESS_CONFLICT
  }
  return evidence.map(({ file }) => file).filter(isConflict)
}

test.each(['lie first', 'truth first'])(
  'evidence against a relayed witness is found, and accepted by a node that counts it: %s',
  async (order) => {
    const node = await heart('relayed')
    await node.submit('poll', history.head(30))
    const both = [cosigned(history.head(30), liar), cosigned(fork.head(40), liar)]
    for (const note of order === 'truth first' ? both : both.reverse()) await node.submit('gossip', note)
    await node.witness.idle()
    expect(node.errors).toEqual([])
    expect(conflicts(node)).toHaveLength(1)
    const behind = await heart('counted')
    await behind.submit('poll', history.head(30))
    expect(await behind.alarm.receive(behind.log, conflicts(node)[0]!)).toBe('new')
    expect(behind.store.convictions.convicted()).toEqual(new Set([liar.verifier.vkey]))
  },
)

test('evidence against a relayed witness is accepted once, kept, and changes no quorum', async () => {
  const [node, other] = [await heart('relayed'), await heart('counted')]
  await other.submit('poll', history.head(30))
  await other.submit('gossip', cosigned(history.head(30), liar))
  await other.submit('gossip', cosigned(fork.head(40), liar))
  await other.witness.idle()
  await node.submit('poll', history.head(30))
  await node.submit('poll', history.head(31))
  const quorum = node.cosigned.quorum(node.log)?.size
  const file = conflicts(other)[0]!
  expect(await node.alarm.receive(node.log, file)).toBe('new')
  expect(await node.alarm.receive(node.log, file)).toBe('known')
  expect(conflicts(node)).toEqual([file])
  expect(node.cosigned.quorum(node.log)?.size, 'nobody who counts is convicted').toBe(quorum)
})
