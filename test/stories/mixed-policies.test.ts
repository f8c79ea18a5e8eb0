/** Nodes with different policies: what a neighbour counts is passed on, what nobody counts ends at the first hop. */
import { describe, expect, test } from 'vitest'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, type SignerKey, type VerifierKey } from '../../src/tlog/note.js'
import { BURST } from '../../src/witness/advance-throttle.js'
import { gossipVerdict } from '../../src/witness/outcome.js'
import { startHeart, testSigner, testWitness, type HeartOptions } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const history = new History(signer)
const wanted = testSigner('wanted.example', 8, 4)
const unknown = testSigner('unknown.example', 9, 4)

function cosigned(head: Uint8Array, ...witnesses: SignerKey[]): Uint8Array {
  const { text, signatures } = parseNote(head)
  return formatNote({ text, signatures: [...signatures, ...witnesses.map((key) => cosign(text, 1000, key).signature)] })
}

async function heart(options: Partial<HeartOptions> = {}) {
  const node = await startHeart({ logKey: signer.verifier, prefix: showing(history), ...options })
  await node.submit('poll', history.head(30))
  return node
}

function names(note: Uint8Array): string[] {
  return parseNote(note).signatures.map(({ name }) => name)
}

describe('a cosignature', () => {
  test('that only a neighbour counts is verified, relayed once, and kept', async () => {
    const node = await heart({ relayed: [wanted.verifier] })
    const head = cosigned(history.head(30), wanted)
    const first = await node.submit('gossip', head)
    expect([first.kind, gossipVerdict(first)]).toEqual(['known', 'accept'])
    expect(gossipVerdict(await node.submit('gossip', head))).toBe('ignore')
    expect([...node.cosigned.current(node.log)!.cosignatures.keys()]).toContain(wanted.verifier.vkey)
    // It does not make a quorum for us.
    expect([...node.cosigned.quorum(node.log)!.cosignatures.keys()]).toEqual([testWitness.verifier.vkey])
  })

  test('that neither we nor a neighbour counts is neither relayed nor kept', async () => {
    const node = await heart({ relayed: [wanted.verifier] })
    const outcome = await node.submit('gossip', cosigned(history.head(30), unknown))
    expect(gossipVerdict(outcome)).toBe('ignore')
    expect([...node.cosigned.current(node.log)!.cosignatures.keys()]).toEqual([testWitness.verifier.vkey])
  })

  test('received together with an uncounted one is relayed alone, in a note of our own', async () => {
    const node = await heart({ relayed: [wanted.verifier] })
    const before = node.published.length
    expect(gossipVerdict(await node.submit('gossip', cosigned(history.head(30), unknown, wanted)))).toBe('ignore')
    expect(node.published.slice(before).map(names)).toEqual([['log.example', 'wanted.example']])
  })

  test('on an older head is still relayed while no larger head has a quorum', async () => {
    const node = await heart({ counted: [testWitness.verifier, wanted.verifier] })
    await node.submit('poll', history.head(40))
    expect(node.cosigned.quorum(node.log)).toBeUndefined()
    const late = await node.submit('gossip', cosigned(history.head(30), wanted))
    expect([late.kind, gossipVerdict(late)]).toEqual(['past', 'accept'])
    expect(node.cosigned.quorum(node.log)).toMatchObject({ size: 30 })
    await node.submit('gossip', cosigned(history.head(40), wanted))
    expect(node.cosigned.quorum(node.log)).toMatchObject({ size: 40 })
    const refreshed = { ...wanted, sign: wanted.sign }
    const { text, signatures } = parseNote(history.head(30))
    const later = formatNote({ text, signatures: [...signatures, cosign(text, 2000, refreshed).signature] })
    expect(gossipVerdict(await node.submit('gossip', later))).toBe('ignore')
  })

  test('of ours is sent with the line of the log only, so traffic is linear in the number of witnesses', async () => {
    const node = await heart({ counted: [testWitness.verifier, wanted.verifier] })
    const before = node.published.length
    await node.submit('gossip', cosigned(history.head(50), wanted))
    expect(node.published.slice(before).map(names)).toEqual([['log.example', 'witness.example']])
    // Lines that arrived through another door are not published separately.
    await node.submit('sync', cosigned(history.head(60), wanted))
    expect(node.published.slice(before + 1).map(names)).toEqual([['log.example', 'wanted.example', 'witness.example']])
  })

  test('by a neighbour’s own key that no peer counts is remembered for that neighbour, and not relayed', async () => {
    const node = await heart({ neighbours: [unknown.verifier] })
    const before = node.published.length
    expect(gossipVerdict(await node.submit('gossip', cosigned(history.head(30), unknown)))).toBe('ignore')
    await node.submit('sync', cosigned(history.head(40), unknown))
    expect(node.published.slice(before).map(names)).toEqual([['log.example', 'witness.example']])
    const [remembered] = await node.cosigned.signers.told(node.log, unknown.verifier.vkey)
    expect(remembered).toEqual(cosigned(history.head(40), unknown))
  })

  test('of a node that no peer counts is not sent, but its news of a head is', async () => {
    const node = await heart({ counted: [wanted.verifier] })
    await node.submit('poll', history.head(40))
    await node.submit('gossip', cosigned(history.head(50), wanted))
    expect(node.published.map(names)).toEqual([['log.example'], ['log.example']])
    const heard = await heart({ counted: [wanted.verifier], relayed: [testWitness.verifier] })
    expect(heard.published.map(names)).toEqual([['log.example', 'witness.example']])
  })

  test('that is forged is held against its sender, except with a conflict', async () => {
    const node = await heart({ counted: [testWitness.verifier, wanted.verifier] })
    const forge = (head: Uint8Array): Uint8Array => {
      const { text, signatures } = parseNote(head)
      const line = cosign('another text\n', 1000, wanted).signature
      return formatNote({ text, signatures: [...signatures, line] })
    }
    expect(gossipVerdict(await node.submit('gossip', forge(history.head(30))))).toBe('reject')
    expect(gossipVerdict(await node.submit('gossip', forge(history.head(40))))).toBe('reject')
    const fork = history.fork(20, 'b')
    expect(gossipVerdict(await node.submit('gossip', forge(fork.head(40))))).not.toBe('reject')
  })
})

test('a lookalike of a key is not held against peers that relay lines of the real one', async () => {
  // Another key with the name and key id of one that we count, or of the log.
  const lookalike = (of: VerifierKey): VerifierKey => ({ ...unknown.verifier, name: of.name, keyId: of.keyId })
  const node = await heart({
    counted: [testWitness.verifier, wanted.verifier],
    relayed: [lookalike(wanted.verifier), lookalike(signer.verifier)],
  })
  expect(gossipVerdict(await node.submit('gossip', cosigned(history.head(30), wanted)))).toBe('accept')
  expect(gossipVerdict(await node.submit('gossip', history.head(50)))).toBe('accept')
})

test('a node without a policy relays what its neighbours count, on heads that it has recently passed', async () => {
  const node = await heart({ relayed: [wanted.verifier] })
  for (let size = 31; size < 60; size++) await node.submit('poll', history.head(size))
  expect(gossipVerdict(await node.submit('gossip', cosigned(history.head(55), wanted)))).toBe('accept')
  expect(gossipVerdict(await node.submit('gossip', cosigned(history.head(30), wanted)))).toBe('ignore')
})

test('of the heads that peers bring to a busy log, the largest is cosigned', async () => {
  const node = await heart({ pauseMs: 200 })
  const burst = Array.from({ length: BURST }, (_, i) => 31 + i)
  for (const size of burst) await node.submit('gossip', history.head(size), 'a peer')
  const sizes = [41, 45, 43, 44, 42]
  await Promise.all(sizes.map((size) => node.submit('gossip', history.head(size), `peer ${size}`)))
  const signed = node.published.map((note) => Number(parseNote(note).text.split('\n')[1]))
  expect(signed).toEqual([30, ...burst, 45])
  expect(node.outcomes.filter(({ kind }) => kind === 'past')).toHaveLength(4)
})
