import { expect, test } from 'vitest'
import type { ErrorCode } from '../../src/errors.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { MAX_SUSPECTS_PER_LOG, Suspects } from '../../src/witness/suspects.js'
import { breakWrites } from '../helpers/broken-disk.js'
import { emptyTable, from, history, log, verified } from '../helpers/kept-suspects.js'

test('a suspect is kept on disk with its sender, time and reason, and survives a restart', async () => {
  const { table, suspects } = await emptyTable()
  const note = history.head(7)
  const { isNew, suspect } = await suspects.keep(verified(note), from(note, 1000), 'TILE_INVALID')
  expect(isNew).toBe(true)
  expect(suspect).toMatchObject({
    log,
    size: 7,
    note: fromUtf8(note),
    firstSeen: '1970-01-01T00:00:01.000Z',
    door: 'gossip',
    peer: 'p',
    code: 'TILE_INVALID',
    alarmed: false,
  })
  expect((await Suspects.load(table)).list(log)).toEqual([suspect])
})

test('the same head is one suspect, with its first sender and its newest reason', async () => {
  const { table, suspects } = await emptyTable()
  const note = history.head(7)
  const both = await Promise.all([
    suspects.keep(verified(note), from(note, 1000), 'TILE_INVALID'),
    suspects.keep(verified(note), { ...from(note, 2000), peer: 'q' }, 'TILE_INVALID'),
  ])
  expect(both.map(({ isNew }) => isNew)).toEqual([true, false])
  await suspects.keep(verified(note), { ...from(note, 3000), peer: 'q' }, 'TIMEOUT')
  const [kept, ...more] = (await Suspects.load(table)).list(log)
  expect(more).toEqual([])
  expect(kept).toMatchObject({ firstSeen: '1970-01-01T00:00:01.000Z', peer: 'p', code: 'TIMEOUT' })
})

test('an alarm is raised once, and a suspect that was resolved meanwhile does not come back', async () => {
  const { table, suspects } = await emptyTable()
  const note = history.head(7)
  const { suspect } = await suspects.keep(verified(note), from(note), 'TIMEOUT')
  await suspects.keep(verified(note), from(note), 'TILE_INVALID')
  expect(await suspects.alarm(suspect)).toBe(true)
  expect(await suspects.alarm(suspect)).toBe(false)
  expect((await Suspects.load(table)).list(log)).toMatchObject([{ alarmed: true, code: 'TILE_INVALID' }])
  await suspects.resolve(log, verified(note).logNote)
  expect(await suspects.alarm(suspect)).toBe(false)
  expect(suspects.list(log)).toEqual([])
  expect((await Suspects.load(table)).list(log)).toEqual([])
})

test('the number of suspects is bounded: the oldest makes room, but never the largest', async () => {
  const { suspects } = await emptyTable()
  for (let size = 1; size <= MAX_SUSPECTS_PER_LOG + 3; size++) {
    const note = history.head(size)
    const { isNew, dropped } = await suspects.keep(verified(note), from(note, 10_000 - size), 'TIMEOUT')
    expect(isNew).toBe(true)
    expect(dropped !== undefined).toBe(size > MAX_SUSPECTS_PER_LOG)
  }
  const sizes = suspects.list(log).map(({ size }) => size)
  expect(sizes).toHaveLength(MAX_SUSPECTS_PER_LOG)
  // The later ones were seen earlier here: each displaced its neighbour, and the largest at that moment stayed.
  expect(sizes.slice(0, 3)).toEqual([259, 258, 254])
})

test('a suspect that the disk rejects is not kept in memory either, and is new when it arrives again', async () => {
  const { db, table, suspects } = await emptyTable()
  const note = history.head(7)
  let isFull = true
  breakWrites(db, () => (isFull ? new Error('no space') : undefined))
  await expect(suspects.keep(verified(note), from(note), 'TIMEOUT')).rejects.toMatchObject({
    code: 'STORE_WRITE_FAILED',
  })
  expect(suspects.list(log)).toEqual([])
  isFull = false
  expect((await suspects.keep(verified(note), from(note), 'TIMEOUT')).isNew).toBe(true)
  expect((await Suspects.load(table)).list(log)).toHaveLength(1)
})

test('a head that was not examined is kept in memory, and is news once it is examined', async () => {
  const { table, suspects } = await emptyTable()
  const note = history.head(7)
  const keep = (code: ErrorCode) => suspects.keep(verified(note), from(note), code)
  expect((await keep('HEADS_WAITING')).isNew).toBe(false)
  expect((await keep('PEER_BUDGET')).isNew).toBe(false)
  expect(suspects.list(log)).toMatchObject([{ code: 'PEER_BUDGET' }])
  expect((await Suspects.load(table)).list(log)).toEqual([])
  expect((await keep('TIMEOUT')).isNew).toBe(true)
  expect((await keep('HEADS_WAITING')).isNew).toBe(false)
  expect((await keep('TIMEOUT')).isNew).toBe(false)
  expect((await Suspects.load(table)).list(log)).toMatchObject([{ code: 'TIMEOUT' }])
})

test('a flooding peer displaces only its own heads that were not examined', async () => {
  const { suspects } = await emptyTable()
  const keep = (size: number, peer: string, code: ErrorCode) => {
    const note = history.head(size)
    return suspects.keep(verified(note), { ...from(note, size), peer }, code)
  }
  await keep(1, 'honest', 'HEADS_WAITING')
  await keep(2, 'p', 'TIMEOUT')
  for (let size = 3; size < MAX_SUSPECTS_PER_LOG + 20; size++) await keep(size, 'flood', 'HEADS_WAITING')
  await keep(MAX_SUSPECTS_PER_LOG + 21, 'honest', 'TIMEOUT')
  const kept = suspects.list(log)
  expect(kept).toHaveLength(MAX_SUSPECTS_PER_LOG)
  expect(kept.map(({ size }) => size).slice(0, 3)).toEqual([1, 2, 23])
  expect(kept.at(-1)).toMatchObject({ size: MAX_SUSPECTS_PER_LOG + 21, peer: 'honest' })
})
