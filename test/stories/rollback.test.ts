/** A home that was restored from an older copy, a key in an empty home, a second node with the same key. */
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { unmetFloor } from '../../src/store/heads.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote } from '../../src/tlog/note.js'
import { cosignatureIn, MemoryGuard, startHeart, testSigner, testWitness } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const history = new History(signer)
const fork = history.fork(20, 'b')
const START = Date.UTC(2026, 0, 1)
const down = (): GossumError => new GossumError('LOG_UNREACHABLE', 'down')

/** What a peer shows of ours: the head with the log's line and our own. */
function ours(of: History, size: number, time = START / 1000): Uint8Array {
  const { text, signatures } = parseNote(of.head(size))
  return formatNote({ text, signatures: [...signatures, cosign(text, time, testWitness).signature] })
}

function heartAt(options: Partial<Parameters<typeof startHeart>[0]> = {}) {
  return startHeart({ logKey: signer.verifier, prefix: showing(history), now: () => START + 60_000, ...options })
}

describe('a home restored from an older copy', () => {
  test('signs nothing smaller than what a peer shows of ours, and then what extends it', async () => {
    const heart = await heartAt()
    await heart.submit('poll', history.head(10))
    const guard = { maySign: false, sawUnknown: () => undefined }
    // Waiting: the floor is learnt, nothing is signed.
    const waiting = await startHeart({
      logKey: signer.verifier,
      prefix: showing(history),
      store: heart.store,
      rollback: guard,
      now: () => START + 60_000,
    })
    expect(await waiting.submit('sync', ours(history, 30), 'peer')).toMatchObject({ code: 'GUARD_WAITING' })
    expect(unmetFloor(waiting.store.heads.get(waiting.log))).toMatchObject({ size: 30 })
    expect(await waiting.submit('poll', history.head(40))).toMatchObject({ kind: 'refused', code: 'GUARD_WAITING' })
    guard.maySign = true
    const published = waiting.published.length
    expect(await waiting.submit('poll', history.head(40))).toMatchObject({ kind: 'advanced', size: 40 })
    // The floor first, then what extends it.
    expect(waiting.published.slice(published).map((note) => parseNote(note).text.split('\n')[1])).toEqual(['30', '40'])
    expect(unmetFloor(waiting.store.heads.get(waiting.log))).toBeUndefined()
  })

  test('refuses what lies between, and everything while the floor cannot be proven', async () => {
    const heart = await heartAt({
      prefix: (of, size) => (of.size === 30 ? Promise.reject(down()) : showing(history)(of, size)),
    })
    await heart.submit('poll', history.head(10))
    await heart.submit('sync', ours(history, 30), 'peer')
    expect(await heart.submit('poll', history.head(20))).toMatchObject({ kind: 'refused', code: 'GUARD_BEHIND' })
    expect(await heart.submit('poll', history.head(40))).toMatchObject({ kind: 'refused', code: 'GUARD_BEHIND' })
    expect(heart.store.heads.get(heart.log).tree?.size).toBe(10)
    expect(heart.published).toHaveLength(2)
  })

  test('keeps the floor over a restart, and reaches it by itself when the log answers', async () => {
    const [db, guard] = [new MemoryLevel(), new MemoryGuard()]
    const heart = await heartAt({ db, guard, prefix: () => Promise.reject(down()) })
    await heart.submit('poll', history.head(10))
    await heart.submit('sync', ours(history, 30), 'peer')
    await heart.pipeline.stop()
    const again = await heartAt({ db, guard })
    expect(unmetFloor(again.store.heads.get(again.log))).toMatchObject({ size: 30 })
    await again.pipeline.retrySuspects(again.log, 8)
    expect(again.store.heads.get(again.log).tree?.size).toBe(30)
  })

  test('of another history than what was signed convicts the log, and signs no more of it', async () => {
    const heart = await heartAt({ prefix: showing(history, fork) })
    await heart.submit('poll', history.head(25))
    expect(await heart.submit('sync', ours(fork, 40), 'peer')).toMatchObject({ kind: 'conflict' })
    expect(await heart.submit('poll', history.head(50))).toMatchObject({ kind: 'refused', code: 'LOG_FROZEN' })
    await heart.pipeline.stop()
    // Our key has cosigned both: that is said too.
    expect(heart.store.convictions.list().map(({ witness }) => witness)).toEqual([testWitness.verifier.vkey])
  })
})

describe('a key in an empty home', () => {
  test('begins with the head that it signed, not with what the log shows first', async () => {
    const heart = await heartAt({ prefix: showing(history, fork) })
    expect(await heart.submit('sync', ours(history, 30), 'peer')).toMatchObject({ kind: 'advanced', size: 30 })
    expect(heart.firstUses).toEqual([])
    expect(await heart.submit('poll', fork.head(40))).toMatchObject({ kind: 'conflict' })
  })

  test('believes no other head that a peer brings first', async () => {
    const heart = await heartAt()
    expect(await heart.submit('sync', history.head(30), 'peer')).toMatchObject({ kind: 'pending' })
  })
})

test('a cosignature that we did not make is told, with its time; our own that comes back is not', async () => {
  const heart = await heartAt()
  await heart.submit('poll', history.head(10))
  await heart.submit('gossip', heart.published[0]!, 'echo')
  expect(heart.unknown).toEqual([])
  await heart.submit('gossip', ours(history, 10, START / 1000 + 3600), 'twin')
  await heart.submit('gossip', ours(history, 30, START / 1000 + 10), 'twin')
  expect(heart.unknown).toEqual([START / 1000 + 3600, START / 1000 + 10])
  const { time } = cosignatureIn(heart.published.at(-1)!)
  expect(time).toBeGreaterThanOrEqual(START / 1000 + 10)
})

test('the first head of a log is recorded as trusted on first use, and stays so', async () => {
  const [db, guard] = [new MemoryLevel(), new MemoryGuard()]
  const heart = await heartAt({ db, guard })
  await heart.submit('poll', history.head(10))
  await heart.submit('poll', history.head(12))
  expect(heart.firstUses).toMatchObject([{ size: 10, at: new Date(START + 60_000).toISOString() }])
  await heart.pipeline.stop()
  const again = await heartAt({ db, guard })
  expect(again.store.heads.get(again.log).firstUse).toMatchObject({ size: 10 })
})
