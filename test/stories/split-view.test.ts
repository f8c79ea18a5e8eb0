/** A log shows one history to us and another to others; gossip brings the others' head. */
import { afterEach, describe, expect, test } from 'vitest'
import { encodeEvidence, makeSplitView, parseEvidence, verifyEvidence } from '../../src/evidence/evidence.js'
import { SumdbClient } from '../../src/sumdb/client.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, parseCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { formatNote, parseNote, signNote } from '../../src/tlog/note.js'
import { LyingLog, madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { cosignatureIn, startHeart, testSigner } from '../helpers/heart.js'

const signer = testSigner('log.example', 1)
const key = signer.verifier
const logs: LyingLog[] = []
afterEach(() => Promise.all(logs.splice(0).map((log) => log.close())))

/** A log over real HTTP that shows `size` records; from number `fork` on they depend on `salt`. */
async function view(size: number, salt = 'a', fork = 0) {
  const records = [...madeUpRecords(0, fork), ...madeUpRecords(fork, size, salt)]
  const log = await LyingLog.start(await memoryLog(signer, records))
  logs.push(log)
  const client = new SumdbClient({ url: log.url, key, retries: 0 })
  const heart = await startHeart({ logKey: key, prefix: client.prefix.bind(client) })
  const poll = async () => heart.submit('poll', await client.latestNote())
  /** The newest head of this view, and the proof of its first `at` records. */
  const newest = async (at: number) => {
    const note = parseNote(await log.history.head())
    return { note, prefix: await client.prefix(parseCheckpoint(note.text), at) }
  }
  return { log, heart, poll, newest, head: (at = size) => log.history.head(at) }
}

function convicts(file: Uint8Array): readonly [number, number] {
  return verifyEvidence(parseEvidence(file), [key]).sizes
}

describe('two roots at one size', () => {
  test('convict the log on both sides, and both nodes write the same file', async () => {
    const a = await view(300)
    const b = await view(300, 'b', 200)
    await Promise.all([a.poll(), b.poll()])
    expect(await a.heart.submit('gossip', await b.head(), 'B')).toMatchObject({ kind: 'conflict', news: true })
    expect(await b.heart.submit('gossip', await a.head(), 'A')).toMatchObject({ kind: 'conflict', news: true })
    expect(convicts(a.heart.evidence[0]!.file)).toEqual([300, 300])
    expect(fromUtf8(a.heart.evidence[0]!.file)).toBe(fromUtf8(b.heart.evidence[0]!.file))
    expect(a.heart.evidence[0]!.id).toBe(b.heart.evidence[0]!.id)
  })

  test('freeze the log until its operator acknowledges them', async () => {
    const a = await view(300)
    const b = await view(300, 'b', 200)
    await a.poll()
    await a.heart.submit('gossip', await b.head(), 'B')
    await a.heart.submit('gossip', await b.head(), 'somebody else')
    expect(a.heart.evidence).toHaveLength(1)
    const published = a.heart.published.length
    await a.log.history.append(madeUpRecords(300, 400))
    expect(await a.poll()).toMatchObject({ kind: 'refused', code: 'LOG_FROZEN' })
    // Heads that the log shows are passed on for others to compare, and not cosigned.
    const after = a.heart.published.slice(published).map((note) => parseNote(note).signatures.map(({ name }) => name))
    expect(after).toEqual([['log.example']])
    await a.heart.store.heads.acknowledge(a.heart.log, a.heart.evidence[0]!.id)
    expect((await a.poll()).kind).toBe('advanced')
  })

  test('that were acknowledged do not freeze the log again, whichever peer shows them, as our history grows', async () => {
    const a = await view(300)
    const b = await view(300, 'b', 200)
    await a.poll()
    const lie = await b.head()
    await a.heart.submit('gossip', lie, 'B')
    const [first] = a.heart.evidence
    await a.heart.store.heads.acknowledge(a.heart.log, first!.id)
    for (const size of [310, 320, 330]) {
      await a.log.history.append(madeUpRecords(size - 10, size))
      expect((await a.poll()).kind).toBe('advanced')
      const again = await a.heart.submit('gossip', lie, 'B')
      expect(again).toMatchObject({ kind: 'conflict', news: false, evidence: first!.id })
      const { note, prefix } = await a.newest(300)
      const pair = makeSplitView(key, [parseNote(lie), note], prefix)
      expect(await a.heart.alarm.receive(a.heart.log, encodeEvidence(pair))).toBe('known')
    }
    expect(a.heart.evidence).toHaveLength(1)
    // Another lie is new evidence, even with a head of ours that is in the first evidence.
    const c = await view(320, 'c', 200)
    expect(await a.heart.submit('gossip', await c.head(), 'C')).toMatchObject({ kind: 'conflict', news: true })
    expect(a.heart.evidence).toHaveLength(2)
    await a.log.history.append(madeUpRecords(330, 340))
    expect(await a.poll()).toMatchObject({ kind: 'refused', code: 'LOG_FROZEN' })
  })
})

describe('a fork of another size', () => {
  test('convicts at once if it is smaller, with a proof from our own view of the log', async () => {
    const a = await view(500)
    const b = await view(300, 'b', 299)
    await a.poll()
    const outcome = await a.heart.submit('gossip', await b.head(), 'B')
    expect(outcome).toMatchObject({ kind: 'conflict', size: 300 })
    expect(convicts(a.heart.evidence[0]!.file)).toEqual([300, 500])
  })

  test('convicts if it is larger, and the log itself shows it to us', async () => {
    const a = await view(300)
    const b = await view(500, 'b', 250)
    await a.poll()
    a.log.history = b.log.history
    expect(await a.poll()).toMatchObject({ kind: 'conflict', size: 500 })
    expect(convicts(a.heart.evidence[0]!.file)).toEqual([300, 500])
    expect(a.heart.store.heads.get(a.heart.log).tree?.size).toBe(300)
  })

  test('convicts in the last record of the smaller tree, at every size', async () => {
    const a = await view(70)
    await a.poll()
    for (const size of [1, 2, 3, 31, 32, 33, 63, 64, 65, 69]) {
      const b = await memoryLog(signer, [...madeUpRecords(0, size - 1), ...madeUpRecords(size - 1, size, 'b')])
      expect(await a.heart.submit('gossip', await b.head(), 'B'), `size ${size}`).toMatchObject({ kind: 'conflict' })
      expect(convicts(a.heart.evidence.at(-1)!.file)).toEqual([size, 70])
      expect(await a.heart.submit('gossip', await a.head(size), 'A')).toMatchObject({ kind: 'past' })
    }
  })

  test('leaves what we signed before it as our last signature', async () => {
    const a = await view(300)
    await a.poll()
    const before = cosignatureIn(a.heart.published.at(-1)!)
    a.log.history = (await view(500, 'b', 250)).log.history
    await a.poll()
    const { signed, tree } = a.heart.store.heads.get(a.heart.log)
    expect(signed).toMatchObject({ size: 300, time: before.time })
    expect(tree?.size).toBe(300)
    for (const note of a.heart.published.slice(1)) expect(() => cosignatureIn(note)).toThrow('no line')
  })

  test('is relayed even if it did not arrive by gossip', async () => {
    const a = await view(500)
    const b = await view(300, 'b', 299)
    await a.poll()
    const head = await b.head()
    await a.heart.submit('push', head)
    expect(a.heart.published.at(-1)).toEqual(head)
  })
})

describe('a head of size 0 whose root is not that of the empty tree', () => {
  test('convicts the log on its own, even if it is the first head that we see of it', async () => {
    const { heart } = await view(0)
    const text = formatCheckpoint({ origin: SUMDB_ORIGIN, size: 0, root: new Uint8Array(32) })
    const note = formatNote({ text, signatures: [signNote(text, signer)] })
    expect(await heart.submit('gossip', note, 'p')).toMatchObject({ kind: 'conflict', size: 0 })
    expect(convicts(heart.evidence[0]!.file)).toEqual([0, 0])
  })
})
