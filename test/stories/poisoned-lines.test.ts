/**
 * Anyone can add lines to a head in transit: garbage, copies, lines under our own name. What we store and send has only
 * the log's line and cosignatures that we verified; otherwise the bad lines would return to us from our own disk.
 */
import { MemoryLevel } from 'memory-level'
import { beforeEach, describe, expect, test } from 'vitest'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { cosign, verifiedCosignatures } from '../../src/tlog/cosignature.js'
import {
  formatNote,
  formatSignature,
  isBy,
  parseNote,
  SIGNATURE_TYPES,
  verifyNote,
  type Signature,
} from '../../src/tlog/note.js'
import { cosignatureIn, MemoryGuard, startHeart, testSigner, testWitness, type Heart } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const history = new History(signer)
const friend = testSigner('friend.example', 8, SIGNATURE_TYPES.cosignature)
const stranger = testSigner('stranger.example', 9, SIGNATURE_TYPES.cosignature)
const counted = [testWitness.verifier, friend.verifier]

const world = { now: Date.UTC(2026, 0, 1) }
let db: MemoryLevel
let guard: MemoryGuard

function start(): Promise<Heart> {
  return startHeart({ logKey: signer.verifier, prefix: showing(history), counted, db, guard, now: () => world.now })
}

beforeEach(() => {
  db = new MemoryLevel()
  guard = new MemoryGuard()
})

/** A head with additional lines after the log's. */
function withLines(size: number, ...lines: Signature[]): Uint8Array {
  return utf8(fromUtf8(history.head(size))! + lines.map(formatSignature).join(''))
}

const under = (key: { name: string; keyId: string }, bytes: Uint8Array): Signature => ({ ...key, bytes })
const cosignatureBy = (who: typeof friend, size: number, time: number): Signature =>
  cosign(history.text(size), time, who).signature

/** Fails if a note has anything but the log's line and lines that verify. */
function expectClean(message: Uint8Array): void {
  const note = parseNote(message)
  verifyNote(note, signer.verifier)
  expect(note.signatures.filter((line) => isBy(line, signer.verifier))).toHaveLength(1)
  const verified = verifiedCosignatures(note, counted)
  expect(note.signatures).toHaveLength(1 + verified.size)
  expect(formatNote(note)).toEqual(message)
}

/** Everything that the pipeline keeps or sent about its log is clean, and a new start reads it. */
async function expectCleanEverywhere(heart: Heart): Promise<void> {
  heart.published.forEach(expectClean)
  const state = heart.store.heads.get(heart.log)
  if (state.note !== undefined) expectClean(utf8(state.note))
  const kept = await heart.store.history.latest(heart.log, 1000)
  for (const { note } of kept) expectClean(utf8(note))
  const quorum = await heart.store.quorum.get(heart.log)
  if (quorum !== undefined) expectClean(utf8(quorum))
  for (const { note } of heart.suspects.list(heart.log)) expectClean(utf8(note))
  const again = await start()
  expect(again.cosigned.current(again.log)).toEqual(heart.cosigned.current(heart.log))
}

const poisons: [string, () => Uint8Array][] = [
  ['garbage under unknown names', () => withLines(20, under({ name: 'x', keyId: '01020304' }, new Uint8Array(3)))],
  ['the log’s line twice', () => withLines(20, parseNote(history.head(20)).signatures[0]!)],
  [
    'a broken line under the log’s name after the good one',
    () => withLines(20, under(signer.verifier, new Uint8Array(64))),
  ],
  ['our name and key id, with nothing after them', () => withLines(20, under(testWitness.verifier, new Uint8Array(1)))],
  [
    'our name and key id, with a signature that does not verify',
    () => withLines(20, under(testWitness.verifier, new Uint8Array(72).fill(1))),
  ],
  ['our cosignature of another head', () => withLines(20, cosignatureBy(testWitness, 12, 1_700_000_000))],
  ['a witness that is not counted here', () => withLines(20, cosignatureBy(stranger, 20, 1_700_000_000))],
  [
    'a counted witness’s name over another witness’s signature',
    () => withLines(20, under(friend.verifier, cosignatureBy(stranger, 20, 1_700_000_000).bytes)),
  ],
  [
    'a hundred lines in total',
    () =>
      withLines(
        20,
        ...Array.from({ length: 99 }, (_, i) => under({ name: `w${i}`, keyId: 'aabbccdd' }, new Uint8Array(72))),
      ),
  ],
]

describe.each(poisons)('%s', (_name, poison) => {
  test('on a new head: the head is accepted without the line, and sent with what we verified', async () => {
    const heart = await start()
    await heart.submit('poll', history.head(10))
    expect(await heart.submit('gossip', poison(), 'p')).toMatchObject({ kind: 'advanced', size: 20, news: false })
    expect(heart.published).toHaveLength(2)
    cosignatureIn(heart.published[1]!)
    await expectCleanEverywhere(heart)
  })

  test('on a known head: nothing changes and nothing is sent', async () => {
    const heart = await start()
    await heart.submit('poll', history.head(20))
    const before = await heart.store.history.get(heart.log, 20)
    expect(await heart.submit('gossip', poison(), 'p')).toMatchObject({ kind: 'known', news: false })
    expect(await heart.store.history.get(heart.log, 20)).toBe(before)
    expect(heart.published).toHaveLength(1)
    await expectCleanEverywhere(heart)
  })

  test('on a suspect: only the head is kept and sent', async () => {
    const heart = await start()
    expect(await heart.submit('gossip', poison(), 'p')).toMatchObject({ kind: 'pending', news: false })
    expect(heart.published).toEqual([history.head(20)])
    await expectCleanEverywhere(heart)
  })
})

describe('a counted witness’s cosignature among bad lines', () => {
  test('is kept, and sent without them', async () => {
    const heart = await start()
    await heart.submit('poll', history.head(20))
    const good = cosignatureBy(friend, 20, 1_700_000_000)
    const noise = under({ name: 'x', keyId: '01020304' }, new Uint8Array(3))
    expect(await heart.submit('gossip', withLines(20, noise, good), 'p')).toMatchObject({ kind: 'known', news: false })
    expect(heart.published).toHaveLength(2)
    expect(cosignatureIn(heart.published[1]!, friend.verifier).time).toBe(1_700_000_000)
    await expectCleanEverywhere(heart)
    expect(await heart.submit('gossip', withLines(20, good, noise), 'p')).toMatchObject({ news: false })
    expect(heart.published).toHaveLength(2)
  })

  test('is news, once, if there are no bad lines with it', async () => {
    const heart = await start()
    await heart.submit('poll', history.head(20))
    const clean = withLines(20, cosignatureBy(friend, 20, 1_700_000_000))
    expect(await heart.submit('gossip', clean, 'p')).toMatchObject({ kind: 'known', news: true })
    expect(await heart.submit('gossip', clean, 'p')).toMatchObject({ kind: 'known', news: false })
    expect(heart.published, 'gossip forwards it').toHaveLength(1)
  })
})

describe('our own old cosignature', () => {
  test('does not replace the newer one when it is replayed, on disk or on the wire', async () => {
    const heart = await start()
    await heart.submit('poll', history.head(20))
    const old = heart.published[0]!
    world.now += 3_600_000
    await heart.submit('poll', history.head(20))
    const newer = cosignatureIn(heart.published[1]!)
    expect(newer.time).toBe(cosignatureIn(old).time + 3600)
    expect(await heart.submit('gossip', old, 'p')).toMatchObject({ kind: 'known', news: false })
    expect(heart.published).toHaveLength(2)
    expect(cosignatureIn(utf8((await heart.store.history.get(heart.log, 20))!)).time).toBe(newer.time)
    await expectCleanEverywhere(heart)
  })
})

describe('a note with', () => {
  test.each([
    [
      'more than a hundred lines',
      'NOTE_MALFORMED',
      () => withLines(20, ...Array.from({ length: 100 }, () => under(testWitness.verifier, new Uint8Array(72)))),
    ],
    [
      'more than 1 MiB',
      'NOTE_TOO_LARGE',
      () => withLines(20, under({ name: 'x', keyId: '01020304' }, new Uint8Array(800_000))),
    ],
    ['a malformed line', 'NOTE_MALFORMED', () => utf8(`${fromUtf8(history.head(20))!}— hello\n`)],
  ] as const)('%s is refused and leaves no trace', async (_name, code, poison) => {
    const heart = await start()
    await heart.submit('poll', history.head(10))
    expect(await heart.submit('gossip', poison(), 'p')).toMatchObject({ kind: 'refused', code, news: false })
    expect(heart.cosigned.current(heart.log)?.size).toBe(10)
    expect(heart.published).toHaveLength(1)
    expect(heart.suspects.list(heart.log)).toEqual([])
    await expectCleanEverywhere(heart)
  })
})
