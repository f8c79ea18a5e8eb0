/**
 * Every Go checksum database has the origin `go.sum database tree`. So a log is identified by its key, and a
 * cosignature, which contains only the origin, is by a key that cosigns no other log of that origin.
 */
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { parseEvidence, verifyEvidence } from '../../src/evidence/evidence.js'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { logId, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { formatSignature, isBy, parseNote, SIGNATURE_TYPES, type Signature } from '../../src/tlog/note.js'
import {
  cosignatureIn,
  MemoryGuard,
  startHeart,
  sumdbId,
  testSigner,
  testWitness,
  type Heart,
  type HeartOptions,
} from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const one = testSigner('one.example', 1)
const two = testSigner('two.example', 2)
const first = new History(one)
const second = new History(two, 'other records')
const ids = { one: sumdbId(one.verifier), two: sumdbId(two.verifier) }

/** The key that cosigns only the second log. */
const own = testSigner('witness.example/two', 8, SIGNATURE_TYPES.cosignature)

function start(options: Partial<HeartOptions> = {}): Promise<Heart> {
  return startHeart({
    logKey: one.verifier,
    prefix: showing(first),
    others: [{ logKey: two.verifier, prefix: showing(second) }],
    ofLogs: new Map([[ids.two, own]]),
    ...options,
  })
}

/** The texts that a key has cosigned, among all publications. */
function cosigned(heart: Heart, key = testWitness.verifier): string[] {
  return heart.published.flatMap((bytes) => {
    const { text, signatures } = parseNote(bytes)
    return signatures.some((line) => isBy(line, key)) ? [text] : []
  })
}

function isOfFirst(note: Uint8Array): boolean {
  return isBy(parseNote(note).signatures[0]!, one.verifier)
}

describe('two logs of one origin', () => {
  test('coexist: different roots of one size are no split view', async () => {
    const heart = await start()
    for (const size of [5, 9]) {
      expect((await heart.submit('poll', first.head(size), undefined, ids.one)).kind).toBe('advanced')
      expect((await heart.submit('poll', second.head(size), undefined, ids.two)).kind).toBe('advanced')
    }
    expect(heart.evidence).toEqual([])
    expect(heart.store.heads.get(ids.one).tree).toEqual(first.tree(9))
    expect(heart.store.heads.get(ids.two).tree).toEqual(second.tree(9))
    expect(cosigned(heart)).toEqual([first.text(5), first.text(9)])
    expect(cosigned(heart, own.verifier)).toEqual([second.text(5), second.text(9)])
    for (const note of heart.published) cosignatureIn(note, isOfFirst(note) ? testWitness.verifier : own.verifier)
  })

  test('are told apart by the key if the source does not name the log', async () => {
    const heart = await start()
    await heart.submit('poll', first.head(5), undefined, ids.one)
    await heart.submit('poll', second.head(7), undefined, ids.two)
    const push = (note: Uint8Array) => heart.witness.submit({ source: 'push', note, receivedAt: 0 })
    expect(await push(second.head(9))).toMatchObject({ kind: 'advanced', log: ids.two, size: 9 })
    expect(await push(first.head(3))).toMatchObject({ kind: 'past', log: ids.one })
    const stranger = new History(testSigner('three.example', 3))
    expect(await push(stranger.head(5))).toMatchObject({ kind: 'refused', code: 'LOG_UNKNOWN' })
  })

  test('are not confused by a line under the name of the one on a head of the other', async () => {
    const heart = await start()
    await heart.submit('poll', first.head(5), undefined, ids.one)
    await heart.submit('poll', second.head(7), undefined, ids.two)
    const { name, keyId } = one.verifier
    const bogus: Signature = { name, keyId, bytes: new Uint8Array(64) }
    const genuine = parseNote(second.head(9)).signatures[0]!
    for (const lines of [
      [bogus, genuine],
      [genuine, bogus],
    ]) {
      const note = utf8(`${second.text(9)}\n${lines.map(formatSignature).join('')}`)
      const outcome = await heart.witness.submit({ source: 'push', note, receivedAt: 0 })
      expect(['advanced', 'known']).toContain(outcome.kind)
      expect(outcome.log).toBe(ids.two)
    }
    expect(heart.store.heads.get(ids.two).tree?.size).toBe(9)
    expect(fromUtf8(heart.published.at(-1)!)).not.toContain(name)
  })

  test('refuse a head on the other’s topic, and accept it on its own', async () => {
    const heart = await start()
    const note = first.head(5)
    expect(await heart.submit('gossip', note, 'p', ids.two)).toMatchObject({
      kind: 'refused',
      code: 'SIGNATURE_MISSING',
    })
    expect((await heart.submit('poll', note, undefined, ids.one)).kind).toBe('advanced')
    expect(await heart.submit('gossip', note, 'p', ids.two)).toMatchObject({
      kind: 'refused',
      code: 'SIGNATURE_MISSING',
    })
  })

  test('are frozen separately', async () => {
    const heart = await start()
    await heart.submit('poll', first.head(5), undefined, ids.one)
    await heart.submit('poll', second.head(5), undefined, ids.two)
    await heart.submit('gossip', first.fork(2, 'b').head(5), 'p', ids.one)
    expect(heart.evidence).toHaveLength(1)
    expect(await heart.submit('poll', first.head(6), undefined, ids.one)).toMatchObject({ code: 'LOG_FROZEN' })
    expect((await heart.submit('poll', second.head(6), undefined, ids.two)).kind).toBe('advanced')
  })

  test('refuse a head of a third origin, though it is signed by one of their keys', async () => {
    const heart = await start()
    const other = first.sign(first.text(5).replace('go.sum database tree', 'another log'))
    expect(await heart.submit('poll', other, undefined, ids.one)).toMatchObject({
      kind: 'refused',
      code: 'ORIGIN_MISMATCH',
    })
    expect(heart.suspects.list(ids.one)).toEqual([])
  })
})

test('one key under two origins is two logs, both cosigned by one witness key', async () => {
  const elsewhere = (size: number) => second.text(size).replace(SUMDB_ORIGIN, 'another log')
  const id = logId(one.verifier.name, 'another log')
  const others = [{ logKey: one.verifier, origin: 'another log', prefix: showing(second) }]
  const heart = await start({ others, ofLogs: new Map() })
  for (const size of [5, 9]) {
    expect(await heart.submit('poll', first.head(size), undefined, ids.one)).toMatchObject({ kind: 'advanced' })
    expect(await heart.submit('poll', first.sign(elsewhere(size)), undefined, id)).toMatchObject({ kind: 'advanced' })
  }
  expect([heart.store.heads.get(ids.one).tree, heart.store.heads.get(id).tree]).toEqual([first.tree(9), second.tree(9)])
  expect(cosigned(heart)).toEqual([first.text(5), elsewhere(5), first.text(9), elsewhere(9)])
  expect([heart.evidence, heart.errors]).toEqual([[], []])
})

describe('a log whose origin is taken', () => {
  const shared = { ofLogs: new Map() }

  test('is followed and not cosigned, whichever way its heads arrive', async () => {
    const heart = await start(shared)
    await heart.submit('poll', first.head(5), undefined, ids.one)
    for (const [door, size] of [
      ['poll', 5],
      ['gossip', 6],
      ['sync', 7],
    ] as const)
      expect(await heart.submit(door, second.head(size), 'p', ids.two)).toMatchObject({ code: 'ORIGIN_TAKEN' })
    const pushed = await heart.witness.submit({
      source: 'push',
      note: second.head(8),
      proof: { oldSize: 7, hashes: second.prefix(second.tree(8), 7)!.proof },
      receivedAt: 0,
    })
    expect(pushed).toMatchObject({ code: 'ORIGIN_TAKEN' })
    expect(pushed.own).toBeUndefined()
    expect(cosigned(heart)).toEqual([first.text(5)])
    expect((await heart.submit('poll', first.head(6), undefined, ids.one)).kind).toBe('advanced')
  })

  test('is still convicted if it shows two histories', async () => {
    const heart = await start(shared)
    await heart.submit('poll', second.head(5), undefined, ids.two)
    expect((await heart.submit('gossip', second.fork(2, 'b').head(5), 'p', ids.two)).kind).toBe('conflict')
    const [found, ...more] = heart.evidence
    expect(more).toEqual([])
    expect(verifyEvidence(parseEvidence(found!.file), [two.verifier]).sizes).toEqual([5, 5])
  })

  test('gets no cosignature on a fork of the other log that it has adopted', async () => {
    // The second log adopts the records of a fork of the first: the texts of its heads are those of that fork.
    const fork = first.fork(3, 'b')
    const adopted = new History(two, 'b', { of: first, at: 3 })
    expect(adopted.text(7)).toBe(fork.text(7))
    for (const ofLogs of [new Map(), new Map([[ids.two, own]])]) {
      const heart = await start({ ofLogs, others: [{ logKey: two.verifier, prefix: showing(adopted) }] })
      await heart.submit('poll', first.head(6), undefined, ids.one)
      await heart.submit('poll', adopted.head(7), undefined, ids.two)
      expect(cosigned(heart), 'it would verify as a cosignature of the fork').toEqual([first.text(6)])
    }
  })

  test('remains the one that is not cosigned, whatever the order of the settings at the next start', async () => {
    const [db, guard] = [new MemoryLevel(), new MemoryGuard()]
    const before = await start({ ...shared, db, guard })
    await before.submit('poll', first.head(5), undefined, ids.one)
    await before.witness.stop()
    const after = await startHeart({
      logKey: two.verifier,
      prefix: showing(second),
      others: [{ logKey: one.verifier, prefix: showing(first) }],
      db,
      guard,
    })
    expect(await after.submit('poll', second.head(9), undefined, ids.two)).toMatchObject({ code: 'ORIGIN_TAKEN' })
    expect((await after.submit('poll', first.head(9), undefined, ids.one)).kind).toBe('advanced')
    expect(cosigned(after)).toEqual([first.text(9)])
    await after.stop()
  })

  test('remains so even if the other log is no longer followed, because that was cosigned', async () => {
    const [db, guard] = [new MemoryLevel(), new MemoryGuard()]
    const before = await start({ ...shared, db, guard })
    await before.submit('poll', first.head(5), undefined, ids.one)
    await before.witness.stop()
    const after = await startHeart({ logKey: two.verifier, prefix: showing(second), db, guard })
    expect(await after.submit('poll', second.head(9), undefined, ids.two)).toMatchObject({ code: 'ORIGIN_TAKEN' })
    expect(cosigned(after)).toEqual([])
    await after.stop()
  })
})
