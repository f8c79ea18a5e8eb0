/** A signed head that the log does not prove: it may be a fork, or the log may be slow. It is never forgotten. */
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { parseEvidence, verifyEvidence } from '../../src/evidence/evidence.js'
import { GossumError } from '../../src/errors.js'
import type { ShowPrefix } from '../../src/witness/prover.js'
import { MemoryGuard, startHeart, testSigner, type Heart } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const history = new History(signer)
const fork = history.fork(20, 'b')
const MINUTE = 60_000

/** A restartable pipeline at size 10, with a clock and a source of proofs that the test controls. */
async function story(firstPoll = 10) {
  const db = new MemoryLevel()
  const guard = new MemoryGuard()
  const world = { now: Date.UTC(2026, 0, 1), vantage: showing(history) as ShowPrefix }
  const start = (): Promise<Heart> =>
    startHeart({
      logKey: signer.verifier,
      prefix: (...args) => world.vantage(...args),
      db,
      guard,
      now: () => world.now,
    })
  const heart = await start()
  if (firstPoll > 0) await heart.submit('poll', history.head(firstPoll))
  return { world, heart, restart: start }
}

const unreachable = (): Promise<never> => Promise.reject(new GossumError('LOG_UNREACHABLE', 'down'))

describe('a head that is newer than ours and that the log does not back', () => {
  test('is reported once, kept, and still there after a restart', async () => {
    const { heart, restart } = await story()
    expect(await heart.submit('gossip', fork.head(30), 'victim')).toMatchObject({
      kind: 'pending',
      code: 'TILE_INVALID',
      news: true,
    })
    expect(await heart.submit('gossip', fork.head(30), 'other')).toMatchObject({ kind: 'pending', news: false })
    const again = await restart()
    expect(again.suspects.list(again.log)).toMatchObject([{ size: 30, door: 'gossip', peer: 'victim' }])
    expect(await again.submit('gossip', fork.head(30), 'other')).toMatchObject({ kind: 'pending', news: false })
  })

  test('raises one alarm after fifteen minutes, even if the node was restarted meanwhile', async () => {
    const { world, heart, restart } = await story()
    await heart.submit('gossip', fork.head(30), 'victim')
    world.now += 15 * MINUTE - 1
    await heart.witness.retrySuspects(heart.log, 8)
    expect(heart.suspectAlarms).toHaveLength(0)
    const again = await restart()
    world.now += 1
    await again.witness.retrySuspects(again.log, 8)
    await again.witness.retrySuspects(again.log, 8)
    expect(again.suspectAlarms).toMatchObject([{ size: 30, code: 'TILE_INVALID' }])
    const third = await restart()
    world.now += 60 * MINUTE
    await third.witness.retrySuspects(third.log, 8)
    expect(third.suspectAlarms).toHaveLength(0)
    expect(third.suspects.list(third.log)).toMatchObject([{ alarmed: true }])
  })

  test('raises an alarm even if the log cannot be reached at all', async () => {
    const { world, heart } = await story()
    await heart.submit('gossip', fork.head(30), 'victim')
    world.vantage = unreachable
    world.now += 16 * MINUTE
    await heart.witness.retrySuspects(heart.log, 0)
    expect(heart.suspectAlarms).toHaveLength(1)
  })

  test('is past if it turns out to be part of our history, without evidence', async () => {
    const { world, heart } = await story()
    world.vantage = unreachable
    expect(await heart.submit('gossip', history.head(15), 'p')).toMatchObject({
      kind: 'pending',
      code: 'LOG_UNREACHABLE',
    })
    world.vantage = showing(history)
    await heart.submit('poll', history.head(40))
    await heart.witness.idle()
    expect(heart.suspects.list(heart.log)).toEqual([])
    expect(heart.outcomes.at(-1)).toMatchObject({ kind: 'past', size: 15 })
    expect(heart.evidence).toHaveLength(0)
  })

  test('convicts the log when our history overtakes it', async () => {
    const { heart } = await story()
    await heart.submit('gossip', fork.head(30), 'victim')
    await heart.submit('poll', history.head(40))
    await heart.witness.idle()
    expect(heart.suspects.list(heart.log)).toEqual([])
    expect(heart.outcomes.at(-1)).toMatchObject({ kind: 'conflict', size: 30 })
    expect(verifyEvidence(parseEvidence(heart.evidence[0]!.file), [signer.verifier]).sizes).toEqual([30, 40])
  })

  test('is followed if the log backs it after all', async () => {
    const { world, heart } = await story()
    world.vantage = unreachable
    await heart.submit('gossip', history.head(15), 'p')
    world.vantage = showing(history)
    await heart.witness.retrySuspects(heart.log, 8)
    expect(heart.cosigned.current(heart.log)?.size).toBe(15)
    expect(heart.suspects.list(heart.log)).toEqual([])
  })

  test('is not followed if the log backs it with another history than ours', async () => {
    const { world, heart } = await story(25)
    await heart.submit('gossip', fork.head(30), 'victim')
    world.vantage = showing(fork)
    await heart.witness.retrySuspects(heart.log, 8)
    expect(heart.outcomes.at(-1)).toMatchObject({ kind: 'conflict', size: 30 })
    expect(heart.cosigned.current(heart.log)?.size).toBe(25)
  })
})

describe('a log that lies to our node', () => {
  test('with a proof of our root that does not verify changes nothing', async () => {
    const { world, heart } = await story(25)
    for (const proof of [[], fork.prefix(fork.tree(30), 25)!.proof]) {
      world.vantage = () => Promise.resolve({ root: history.tree(25).root, proof })
      expect(await heart.submit('poll', fork.head(30))).toMatchObject({ kind: 'pending', code: 'PROOF_INVALID' })
    }
    expect(heart.cosigned.current(heart.log)?.size).toBe(25)
    expect(heart.published).toHaveLength(2)
  })

  test('with an answer that makes the client throw gets no signature, but gets one on its next head', async () => {
    const { world, heart } = await story()
    world.vantage = () => Promise.reject(new TypeError('a bug'))
    await expect(heart.submit('poll', history.head(15))).rejects.toThrow('a bug')
    expect(heart.published).toHaveLength(1)
    world.vantage = showing(history)
    expect((await heart.submit('poll', history.head(15))).kind).toBe('advanced')
  })
})

describe('first contact', () => {
  test('through gossip, submission or sync stays a suspect until our own poll', async () => {
    const { heart } = await story(0)
    for (const door of ['gossip', 'submit', 'sync'] as const) {
      expect(await heart.submit(door, history.head(12), 'p')).toMatchObject({
        kind: 'pending',
        code: 'HISTORY_MISSING',
      })
    }
    await heart.witness.retrySuspects(heart.log, 8)
    expect(heart.cosigned.current(heart.log)).toBeUndefined()
    expect(heart.store.heads.get(heart.log).seq).toBe(0)
    await heart.submit('poll', history.head(10))
    expect(heart.cosigned.current(heart.log)?.size).toBe(10)
    await heart.witness.retrySuspects(heart.log, 8)
    expect(heart.cosigned.current(heart.log)?.size).toBe(12)
  })

  test('with a fork by gossip convicts as soon as we have polled the log ourselves', async () => {
    const { heart } = await story(0)
    await heart.submit('gossip', fork.head(30), 'victim')
    await heart.submit('poll', history.head(30))
    await heart.witness.idle()
    expect(heart.outcomes.at(-1)).toMatchObject({ kind: 'conflict', size: 30 })
  })
})
