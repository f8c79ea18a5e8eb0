/** Which suspects make room when there are too many, of all or of those padded beyond the size of a message. */
import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../src/errors.js'
import { MAX_NOTE_BYTES } from '../../src/tlog/note.js'
import { MAX_SUSPECTS_PER_LOG } from '../../src/witness/suspects.js'
import { cosignedBy, other } from '../helpers/judging.js'
import { emptyTable, from, history, log, verified } from '../helpers/kept-suspects.js'

async function startRoom() {
  const { suspects } = await emptyTable()
  let now = 0
  /** Keeps a head a second later than the one before, and returns what made room for it, by size. */
  const keep = async (note: Uint8Array, { peer = 'p', code = 'TIMEOUT' }: { peer?: string; code?: ErrorCode } = {}) => {
    const candidate = { ...from(note, (now += 1000)), peer }
    return (await suspects.keep(verified(note, other), candidate, code)).dropped?.size
  }
  const sizes = () => suspects.list(log).map(({ size }) => size)
  /** Sizes from 1 on, by one peer each. */
  const fill = async (peerOf: (size: number) => string = () => 'p') => {
    for (let size = 1; size <= MAX_SUSPECTS_PER_LOG; size++) await keep(history.head(size), { peer: peerOf(size) })
  }
  return { suspects, keep, sizes, fill }
}

describe('when a log has all the suspects that are kept', () => {
  test('none makes room for what is kept already', async () => {
    const { keep, sizes, fill } = await startRoom()
    await fill()
    expect(await keep(history.head(3), { code: 'TILE_INVALID' })).toBeUndefined()
    expect(sizes()).toHaveLength(MAX_SUSPECTS_PER_LOG)
  })

  test('the oldest makes room if all were examined, whoever brought it', async () => {
    const { keep, fill } = await startRoom()
    await fill((size) => (size < 3 ? `peer ${size}` : 'flood'))
    expect(await keep(history.head(300))).toBe(1)
    expect(await keep(history.head(301))).toBe(2)
  })

  test('one that was reported makes no room while there is one that was not', async () => {
    const { suspects, keep, fill } = await startRoom()
    await fill()
    for (const oldest of suspects.list(log).slice(0, 2)) await suspects.alarm(oldest)
    expect(await keep(history.head(300))).toBe(3)
  })
})

describe('heads that are padded', () => {
  /** A head of this size whose note has this many bytes, in a third as many characters. */
  const padded = (size: number, length: number) => {
    const more = length - history.sign(`${history.text(size)}\n`).length
    return history.sign(`${history.text(size)}${'€'.repeat(more / 3)}${'x'.repeat(more % 3)}\n`)
  }

  test('beyond the size of a message are at most four, and the oldest of them makes room', async () => {
    const { keep, sizes } = await startRoom()
    const [ordinary, large] = [
      [20, 21, 22, 23, 24],
      [1, 2, 3, 4],
    ]
    for (const size of ordinary) await keep(history.head(size))
    for (const size of large) expect(await keep(padded(size, MAX_NOTE_BYTES + 1))).toBeUndefined()
    expect(await keep(padded(5, MAX_NOTE_BYTES + 1))).toBe(1)
    expect(sizes()).toEqual([...ordinary, 2, 3, 4, 5])
    expect(await keep(history.head(25)), 'others are not counted').toBeUndefined()
  })

  test('to the size of a message are like any others', async () => {
    const { keep, sizes } = await startRoom()
    for (const size of [1, 2, 3, 4, 5]) expect(await keep(padded(size, MAX_NOTE_BYTES))).toBeUndefined()
    expect(sizes()).toEqual([1, 2, 3, 4, 5])
  })

  test('are those that the log made so: lines of witnesses, which anyone may add, do not count', async () => {
    const { keep, sizes } = await startRoom()
    for (const size of [1, 2, 3, 4, 5])
      expect(await keep(cosignedBy(padded(size, MAX_NOTE_BYTES), 1, other))).toBeUndefined()
    expect(sizes()).toEqual([1, 2, 3, 4, 5])
  })
})
