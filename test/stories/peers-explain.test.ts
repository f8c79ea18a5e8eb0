/** A head that the log will not back: who brought it may be able to explain it, whatever the log says or does not. */
import { describe, expect, test } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { parseEvidence, verifyEvidence } from '../../src/evidence/evidence.js'
import type { FollowedLog } from '../../src/witness/pipeline.js'
import type { PrefixFromPeers } from '../../src/witness/prover.js'
import { startHeart, testSigner } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const history = new History(signer)
const fork = history.fork(20, 'b')
const down: FollowedLog['prefix'] = () => Promise.reject(new GossumError('LOG_UNREACHABLE', 'down'))

/** A heart at size 25 of `history` whose peers know `known` and are asked as the test says. */
async function heartWith(known: PrefixFromPeers, prefix: FollowedLog['prefix'] = showing(history)) {
  const world = { prefix: showing(history) as FollowedLog['prefix'] }
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

describe('with the log down', () => {
  test('a larger head that the peer can tie to our history is cosigned', async () => {
    const { heart, asked } = await heartWith(knows(history), down)
    expect(await heart.submit('gossip', history.head(60), 'bringer')).toMatchObject({ kind: 'advanced', size: 60 })
    expect(asked).toEqual(['bringer'])
    expect(heart.suspects.list(heart.log)).toEqual([])
  })

  test('a fork that the peer can explain convicts the log, larger or smaller', async () => {
    const { heart } = await heartWith(knows(fork), down)
    expect(await heart.submit('gossip', fork.head(60), 'bringer')).toMatchObject({ kind: 'conflict', news: true })
    expect(verifyEvidence(parseEvidence(heart.evidence[0]!.file), [signer.verifier]).sizes).toEqual([25, 60])
    const other = await heartWith(knows(history), down)
    expect(await other.heart.submit('sync', fork.head(22), 'bringer')).toMatchObject({ kind: 'conflict' })
    expect(verifyEvidence(parseEvidence(other.heart.evidence[0]!.file), [signer.verifier]).sizes).toEqual([22, 25])
  })
})

test('while the log lies to us, a fork that the peer can explain convicts it', async () => {
  const { heart } = await heartWith(knows(fork))
  expect(await heart.submit('gossip', fork.head(60), 'bringer')).toMatchObject({ kind: 'conflict' })
})

test('while the log says nothing at all, the peer is asked without waiting for the end of its patience', async () => {
  const { heart } = await heartWith(knows(history), (_of, _size, { signal }) => {
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
  })
  expect(await heart.submit('gossip', history.head(60), 'bringer')).toMatchObject({ kind: 'advanced' })
})

test('a peer that gives a wrong proof explains nothing: the head stays a suspect with the reason of the log', async () => {
  const wrong: PrefixFromPeers = () => Promise.resolve({ root: history.tree(24).root, proof: [] })
  const { heart } = await heartWith(wrong, down)
  expect(await heart.submit('gossip', history.head(60), 'liar')).toMatchObject({
    kind: 'pending',
    code: 'LOG_UNREACHABLE',
  })
  expect(heart.suspects.list(heart.log)).toMatchObject([{ size: 60, peer: 'liar' }])
})

test('a suspect is tried again with the peer that brought it', async () => {
  let answer = false
  const later: PrefixFromPeers = (...args) =>
    answer ? knows(history)(...args) : Promise.reject(new GossumError('PEER_UNHELPFUL'))
  const { heart, asked } = await heartWith(later, down)
  expect(await heart.submit('gossip', history.head(60), 'bringer')).toMatchObject({ kind: 'pending' })
  answer = true
  await heart.pipeline.retrySuspects(heart.log, 8)
  expect(await heart.feed.next(({ kind }) => kind === 'advanced', 1)).toMatchObject({ size: 60 })
  expect(asked).toEqual(['bringer', 'bringer'])
})

test('a peer that makes us prove more than one may is not listened to, and the others are', async () => {
  const { heart } = await heartWith(knows(history))
  const outcomes = []
  for (let size = 26; size < 126; size++) outcomes.push(await heart.submit('gossip', history.head(size), 'flood'))
  expect(outcomes.filter(({ code }) => code === 'PEER_BUDGET').length).toBeGreaterThan(30)
  expect(heart.suspects.list(heart.log)).toEqual([])
  expect(await heart.submit('gossip', history.head(200), 'honest')).toMatchObject({ kind: 'advanced' })
  // An old head that was proven once costs nothing, in whatever lines it is dressed.
  expect(await heart.submit('gossip', history.head(25), 'flood')).toMatchObject({ code: 'PEER_BUDGET' })
  expect(await heart.submit('gossip', history.head(25), 'honest')).toMatchObject({ kind: 'past' })
  const dressed = Buffer.concat([history.head(25), Buffer.from('— nobody AAAAAAAA\n')])
  expect(await heart.submit('gossip', dressed, 'flood')).toMatchObject({ kind: 'past' })
})
