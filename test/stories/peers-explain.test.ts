/** A head that the log does not prove: the peer that brought it may be able to, whatever the log answers. */
import { describe, expect, test } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { parseEvidence, verifyEvidence } from '../../src/evidence/evidence.js'
import type { PrefixFromPeers, ShowPrefix } from '../../src/witness/prover.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote } from '../../src/tlog/note.js'
import { startHeart, testSigner, testWitness } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const history = new History(signer)
const fork = history.fork(20, 'b')
const down: ShowPrefix = () => Promise.reject(new GossumError('LOG_UNREACHABLE', 'down'))

/** A pipeline at size 25 of `history`, with peers that can prove `known` and are queried as the test says. */
async function heartWith(known: PrefixFromPeers, prefix: ShowPrefix = showing(history)) {
  const world = { prefix: showing(history) as ShowPrefix }
  const asked: (string | undefined)[] = []
  const heart = await startHeart({
    logKey: signer.verifier,
    prefix: (...args) => world.prefix(...args),
    prefixFromPeers: (peer, ...rest) => {
      asked.push(peer)
      return known(peer, ...rest)
    },
  })
  await heart.submit('poll', history.head(25))
  world.prefix = prefix
  return { heart, asked, world }
}

const knows =
  (of: History): PrefixFromPeers =>
  (_peer, _log, tree, size) =>
    showing(of)(tree, size)

describe('while the log is down', () => {
  test('a larger head that its peer can prove to extend our history is cosigned', async () => {
    const { heart, asked } = await heartWith(knows(history), down)
    expect(await heart.submit('gossip', history.head(60), 'bringer')).toMatchObject({ kind: 'advanced', size: 60 })
    expect(asked).toEqual(['bringer'])
    expect(heart.suspects.list(heart.log)).toEqual([])
  })

  test('a fork that its peer can prove convicts the log, whether larger or smaller', async () => {
    const { heart } = await heartWith(knows(fork), down)
    expect(await heart.submit('gossip', fork.head(60), 'bringer')).toMatchObject({ kind: 'conflict', news: true })
    expect(verifyEvidence(parseEvidence(heart.evidence[0]!.file), [signer.verifier]).sizes).toEqual([25, 60])
    const other = await heartWith(knows(history), down)
    expect(await other.heart.submit('sync', fork.head(22), 'bringer')).toMatchObject({ kind: 'conflict' })
    expect(verifyEvidence(parseEvidence(other.heart.evidence[0]!.file), [signer.verifier]).sizes).toEqual([22, 25])
  })
})

test('while the log lies to us, a fork that its peer can prove convicts it', async () => {
  const { heart } = await heartWith(knows(fork))
  expect(await heart.submit('gossip', fork.head(60), 'bringer')).toMatchObject({ kind: 'conflict' })
})

test('while the log hangs, the peer is asked without waiting for the timeout', async () => {
  const { heart } = await heartWith(knows(history), (_of, _size, { signal }) => {
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
  })
  expect(await heart.submit('gossip', history.head(60), 'bringer')).toMatchObject({ kind: 'advanced' })
})

test('a peer that gives a wrong proof proves nothing: the head stays a suspect, for the log’s reason', async () => {
  const wrong: PrefixFromPeers = () => Promise.resolve({ root: history.tree(24).root, proof: [] })
  const { heart } = await heartWith(wrong, down)
  expect(await heart.submit('gossip', history.head(60), 'liar')).toMatchObject({
    kind: 'pending',
    code: 'LOG_UNREACHABLE',
  })
  expect(heart.suspects.list(heart.log)).toMatchObject([{ size: 60, peer: 'liar' }])
})

test('a suspect is retried with the peer that brought it', async () => {
  let answer = false
  const later: PrefixFromPeers = (...args) =>
    answer ? knows(history)(...args) : Promise.reject(new GossumError('PEER_UNHELPFUL'))
  const { heart, asked } = await heartWith(later, down)
  expect(await heart.submit('gossip', history.head(60), 'bringer')).toMatchObject({ kind: 'pending' })
  answer = true
  await heart.witness.retrySuspects(heart.log, 8)
  expect(await heart.feed.next(({ kind }) => kind === 'advanced', 1)).toMatchObject({ size: 60 })
  expect(asked).toEqual(['bringer', 'bringer'])
})

test('what a peer brings beyond its budget is kept and tried later, and delays no other peer', async () => {
  const { heart } = await heartWith(knows(history))
  const outcomes = []
  for (let size = 26; size < 126; size++) outcomes.push(await heart.submit('gossip', history.head(size), 'flood'))
  expect(outcomes.filter(({ code }) => code === 'PEER_BUDGET').length).toBeGreaterThan(30)
  expect(await heart.submit('gossip', fork.head(150), 'flood')).toMatchObject({ kind: 'pending', code: 'PEER_BUDGET' })
  expect(await heart.submit('gossip', history.head(200), 'honest')).toMatchObject({ kind: 'advanced' })
  await heart.witness.idle()
  // The fork among them is caught all the same, and nothing of the flood is left.
  expect(verifyEvidence(parseEvidence(heart.evidence[0]!.file), [signer.verifier]).sizes).toEqual([150, 200])
  expect(heart.suspects.list(heart.log)).toEqual([])
})

test('a fork of a size for which we hold a head is convicted by the two heads, without a proof', async () => {
  const { world, heart, asked } = await heartWith(knows(history))
  for (const size of [40, 60]) await heart.submit('poll', history.head(size))
  world.prefix = down
  const proven = asked.length
  expect(await heart.submit('gossip', fork.head(40), 'p')).toMatchObject({ kind: 'conflict', size: 40 })
  expect(verifyEvidence(parseEvidence(heart.evidence[0]!.file), [signer.verifier]).sizes).toEqual([40, 40])
  expect(asked.length).toBe(proven)
})

test('heads that we hold, or proved once, need no proof, whatever lines they have', async () => {
  const { heart } = await heartWith(knows(history))
  for (let size = 26; size < 126; size++) await heart.submit('poll', history.head(size))
  for (let size = 25; size < 125; size++) {
    expect(await heart.submit('gossip', history.head(size), 'p')).toMatchObject({ kind: 'past' })
  }
  expect(await heart.submit('gossip', history.head(20), 'p')).toMatchObject({ kind: 'past' })
  for (let i = 0; i < 100; i++) {
    const dressed = Buffer.concat([history.head(20), Buffer.from(`— nobody${i} AAAAAAAA\n`)])
    expect(await heart.submit('gossip', dressed, 'p')).toMatchObject({ kind: 'past' })
  }
})

test('cosignatures that arrive with a head while our view lags are kept until it has caught up', async () => {
  const world = { prefix: down }
  const [a, b] = [testSigner('a.example', 8, 4), testSigner('b.example', 9, 4)]
  const heart = await startHeart({
    logKey: signer.verifier,
    prefix: (...args) => world.prefix(...args),
    counted: [testWitness.verifier, a.verifier, b.verifier],
  })
  await heart.submit('poll', history.head(30))
  for (const witness of [a, b]) {
    const { text, signatures } = parseNote(history.head(40))
    const note = formatNote({ text, signatures: [...signatures, cosign(text, 1000, witness).signature] })
    expect(await heart.submit('gossip', note, witness.verifier.name)).toMatchObject({ kind: 'pending' })
  }
  world.prefix = showing(history)
  await heart.submit('poll', history.head(40))
  await heart.witness.idle()
  expect(heart.cosigned.quorum(heart.log)).toMatchObject({ size: 40 })
})

test('every peer that brought a suspect is asked in turn, not only the first', async () => {
  const honest: PrefixFromPeers = (peer, ...rest) =>
    peer === 'honest' ? knows(fork)(peer, ...rest) : Promise.reject(new GossumError('PEER_UNHELPFUL'))
  const { heart } = await heartWith(honest)
  await heart.submit('gossip', fork.head(60), 'sybil')
  await heart.witness.retrySuspects(heart.log, 8)
  expect(heart.evidence).toEqual([])
  // It is known now, and not passed on; but the peer that brought it is remembered.
  await heart.submit('gossip', fork.head(60), 'honest')
  await heart.witness.retrySuspects(heart.log, 8)
  await heart.witness.retrySuspects(heart.log, 8)
  expect(heart.evidence).toHaveLength(1)
})
