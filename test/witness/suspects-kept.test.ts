/** What is kept with a suspect: its cosignatures, who brought it, and what a restart makes of all that. */
import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../src/errors.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, type SignerKey } from '../../src/tlog/note.js'
import { Suspects } from '../../src/witness/suspects.js'
import { breakWrites } from '../helpers/broken-disk.js'
import { testSigner } from '../helpers/heart.js'
import { cosignedBy } from '../helpers/judging.js'
import { emptyTable, from, history, log, verified } from '../helpers/kept-suspects.js'

const witnesses = Array.from({ length: 120 }, (_, i) => testSigner(`witness-${i}.example`, i, 4))
const [a, b] = [witnesses[0]!, witnesses[1]!]
const IMPOSSIBLE = history.sign(
  'go.sum database tree\n9007199254740993\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n',
)

/** A head with these cosignatures, in this order, as a note. */
const signedBy = (size: number, time: number, ...by: readonly SignerKey[]): Uint8Array =>
  cosignedBy(history.head(size), time, ...by)

/** What is kept of heads that arrive one after the other, each with lines by `witnesses`. */
async function startLines() {
  const started = await emptyTable()
  const keep = (note: Uint8Array, code: ErrorCode = 'TIMEOUT', by = witnesses) =>
    started.suspects.keep(verified(note, ...by), from(note), code)
  const stored = async () => (await Suspects.load(started.table)).list(log)
  return { ...started, keep, stored }
}

describe('the cosignatures of a suspect', () => {
  test('are kept together, whichever copy of the head they arrived with, the newest of each witness', async () => {
    const { keep, stored } = await startLines()
    await keep(signedBy(7, 1_700_000_000, a))
    const { suspect, isNew } = await keep(signedBy(7, 1_700_000_001, b))
    expect(isNew).toBe(false)
    expect(parseNote(Buffer.from(suspect.note)).signatures.map(({ name }) => name)).toEqual([
      'log.example',
      'witness-0.example',
      'witness-1.example',
    ])
    const newer = await keep(signedBy(7, 1_700_000_002, a))
    const lines = [cosign(history.text(7), 1_700_000_002, a), cosign(history.text(7), 1_700_000_001, b)]
    const { text, signatures } = parseNote(history.head(7))
    const whole = { text, signatures: [...signatures, ...lines.map(({ signature }) => signature)] }
    expect(newer.suspect.note).toBe(fromUtf8(formatNote(whole)))
    expect(await stored()).toEqual([newer.suspect])
  })

  test('are at most ninety, so that the note can be read again', async () => {
    const { keep, stored } = await startLines()
    await keep(signedBy(7, 1_700_000_000, ...witnesses.slice(0, 60)))
    const { suspect } = await keep(signedBy(7, 1_700_000_000, ...witnesses.slice(60)))
    expect(suspect.note).toBe(fromUtf8(signedBy(7, 1_700_000_000, ...witnesses.slice(0, 90))))
    expect(await stored()).toEqual([suspect])
  })

  test('are written only if there is a new one or another reason', async () => {
    const { db, keep } = await startLines()
    let writes = 0
    breakWrites(db, () => {
      writes++
      return undefined
    })
    await keep(signedBy(7, 1_700_000_000, a))
    await keep(signedBy(7, 1_700_000_000, a))
    await keep(history.head(7))
    expect(writes).toBe(1)
    await keep(signedBy(7, 1_700_000_001, a))
    await keep(history.head(7), 'TILE_INVALID')
    expect(writes).toBe(3)
  })

  test('stay as they were if the disk rejects the new ones', async () => {
    const { db, suspects, keep, stored } = await startLines()
    const { suspect } = await keep(signedBy(7, 1_700_000_000, a))
    breakWrites(db, () => new Error('no space'))
    await expect(keep(signedBy(7, 1_700_000_000, b), 'TILE_INVALID')).rejects.toMatchObject({
      code: 'STORE_WRITE_FAILED',
    })
    expect(suspects.list(log)).toEqual([suspect])
    expect(await stored()).toEqual([suspect])
  })

  test('are not part of it as a head', async () => {
    const { suspects, keep } = await startLines()
    const { suspect } = await keep(signedBy(7, 1_700_000_000, a, b))
    const note = parseNote(history.head(7))
    expect(suspects.headOf(suspect)).toEqual({ origin: 'go.sum database tree', ...history.tree(7), note })
  })
})

describe('a suspect', () => {
  test('that no peer brought names none, and is known by a part of the hash of its note', async () => {
    const { suspects } = await emptyTable()
    const note = history.head(7)
    const { suspect } = await suspects.keep(verified(note), { source: 'poll', note, receivedAt: 1000 }, 'TIMEOUT')
    const hash = Buffer.from(await crypto.subtle.digest('SHA-256', note as BufferSource)).toString('hex')
    expect(suspect).toStrictEqual({
      id: hash.slice(0, 16),
      log,
      size: 7,
      note: fromUtf8(note),
      firstSeen: '1970-01-01T00:00:01.000Z',
      door: 'poll',
      code: 'TIMEOUT',
      alarmed: false,
    })
    expect(suspects.bringer(suspect)).toBeUndefined()
  })

  test('of a size beyond what a tree can have is no head, and survives a restart', async () => {
    const { suspects, keep, stored } = await startLines()
    const { suspect } = await keep(IMPOSSIBLE, 'SIZE_IMPOSSIBLE')
    expect(suspect.size).toBeNull()
    expect(suspects.headOf(suspect)).toBeUndefined()
    expect(await stored()).toEqual([suspect])
  })

  test('is listed behind those that were seen before, and at the same time in the order of arrival', async () => {
    const { suspects } = await emptyTable()
    for (const [size, at] of [
      [7, 2000],
      [9, 2000],
      [8, 2000],
      [5, 1000],
    ] as const) {
      const note = history.head(size)
      await suspects.keep(verified(note), from(note, at), 'TIMEOUT')
    }
    expect(suspects.list(log).map(({ size }) => size)).toEqual([5, 7, 9, 8])
  })

  test('that was not examined was never on disk, and is forgotten without it', async () => {
    const { db, suspects, keep } = await startLines()
    await keep(history.head(7), 'HEADS_WAITING')
    breakWrites(db, () => new Error('no space'))
    const resolved = await suspects.resolve(log, parseNote(history.head(7)))
    expect(resolved).toMatchObject({ size: 7, code: 'HEADS_WAITING' })
    expect(suspects.list(log)).toEqual([])
  })
})

describe('a record on disk', () => {
  const record = {
    ...{ id: 'a'.repeat(16), log, size: 7, note: fromUtf8(history.head(7)), firstSeen: '2026-01-01T00:00:00.000Z' },
    ...{ door: 'gossip', code: 'TIMEOUT', alarmed: false },
  }
  const load = async (changed: object) => {
    const { table } = await emptyTable()
    await table.put(`${log}!${record.id}`, JSON.stringify({ ...record, ...changed }))
    return (await Suspects.load(table)).list(log)
  }

  test('is read as it was written', async () => {
    expect(await load({})).toEqual([record])
  })

  test.each([
    ['an id that is no text', { id: 7 }],
    ['a time that is no text', { firstSeen: 7 }],
    ['a size that is no number', { size: '7' }],
    ['a size below 0', { size: -1 }],
    ['a note that is none', { note: 'x' }],
    ['a note that is no checkpoint', { note: fromUtf8(history.sign('anything\n')) }],
  ])('is damaged if it has %s', async (_, changed) => {
    await expect(load(changed)).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
  })
})

describe('who brought a suspect', () => {
  async function brought(...peers: readonly (string | undefined)[]) {
    const { suspects } = await emptyTable()
    const note = history.head(7)
    for (const peer of peers) {
      const candidate = { source: 'gossip', note, receivedAt: 0, ...(peer !== undefined && { peer }) } as const
      await suspects.keep(verified(note), candidate, 'TIMEOUT')
    }
    const [suspect] = suspects.list(log)
    return (times: number) => Array.from({ length: times }, () => suspects.bringer(suspect!))
  }

  test('is asked in turn', async () => {
    const next = await brought('p', 'q', undefined, 'r')
    expect(next(5)).toEqual(['p', 'q', 'r', 'p', 'q'])
  })

  test('is asked once per round, the one that brought it last at the end', async () => {
    const next = await brought('p', 'q', 'p')
    expect(next(4)).toEqual(['q', 'p', 'q', 'p'])
  })

  test('is one of the last eight', async () => {
    const peers = Array.from({ length: 9 }, (_, i) => `peer ${i}`)
    const next = await brought(...peers)
    expect(next(9)).toEqual([...peers.slice(1), peers[1]])
  })
})
