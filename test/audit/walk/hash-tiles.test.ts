/** Tiles of hashes under one head: a flipped bit anywhere is found, and its tile is named. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { HashTiles, WrongTile } from '../../../src/audit/walk/hash-tiles.js'
import { LogFolder, type LogSource } from '../../../src/sumdb/log-source.js'
import { parseCheckpoint, SUMDB_ORIGIN } from '../../../src/tlog/checkpoint.js'
import { HASH_SIZE } from '../../../src/tlog/hash.js'
import { storedHashIndex, type Tree } from '../../../src/tlog/merkle.js'
import { parseNote } from '../../../src/tlog/note.js'
import { makeLog, makeLogIn, madeRecords, type MadeLog } from '../../helpers/audits.js'
import { scratchFolder } from '../../helpers/home.js'

function treeOf({ note }: MadeLog): Tree {
  return parseCheckpoint(parseNote(note).text)
}

function open(log: MadeLog, source: LogSource = new LogFolder(log.dir)): Promise<HashTiles> {
  return HashTiles.open(treeOf(log), source, SUMDB_ORIGIN)
}

/** Flips one bit of a file while `act` runs. */
async function withBitTurned<T>(log: MadeLog, path: string, byte: number, act: () => Promise<T>): Promise<T> {
  const file = join(log.dir, path)
  const honest = readFileSync(file)
  const forged = Buffer.from(honest)
  forged[byte]! ^= 0x10
  writeFileSync(file, forged)
  try {
    return await act()
  } finally {
    writeFileSync(file, honest)
  }
}

describe('the right edge', () => {
  // Sizes for which several perfect subtrees end in one tile, on one level and on two: a hash of the edge that
  // authenticates one must not make the others in its tile trusted (CVE-2026-56865).
  it.each([1, 3, 7, 255, 256 + 7, 3 * 256 + 85, 511])('of %i records is refused with any flipped bit', async (size) => {
    const log = makeLog(madeRecords(size))
    const tiles = await open(log)
    const edge = [0, 1]
      .map((level) => ({
        level,
        width: Math.floor(size / 256 ** level) % 256,
        index: Math.floor(size / 256 ** (level + 1)),
      }))
      .filter(({ width }) => width > 0)
    expect(edge.every(({ level, index }) => tiles.isEdge(level, index))).toBe(true)
    for (const { level, index, width } of edge) {
      const path = `tile/8/${level}/${String(index).padStart(3, '0')}.p/${width}`
      for (let entry = 0; entry < width; entry++) {
        // For a wide tile only some, at its ends and at the boundaries of its subtrees.
        if (entry > 3 && entry % 32 < 30 && entry + 4 < width) continue
        const act = (): Promise<unknown> => open(log).catch((error: unknown) => error)
        const refused = await withBitTurned(log, path, entry * HASH_SIZE + (entry % HASH_SIZE), act)
        expect(refused, `${path}, entry ${entry}`).toMatchObject({ code: 'TILE_INVALID' })
      }
    }
  })
})

describe('a tree with three levels', () => {
  const size = 256 * 256 + 2 * 256 + 3
  // One for all tests: whoever turns a bit turns it back.
  const large = makeLogIn(join(scratchFolder().dir, 'log'), madeRecords(size))

  it('has every tile with the right width and hashes', async () => {
    const tiles = await open(large)
    for (const [level, index, width] of [
      [0, 0, 256],
      [0, 257, 256],
      [0, 258, 3],
      [1, 0, 256],
      [1, 1, 2],
      [2, 0, 1],
    ] as const)
      expect((await tiles.read(level, index)).length, `${level} ${index}`).toBe(width * HASH_SIZE)
    await expect(tiles.read(0, 259)).rejects.toThrow('is not in a tree')
    await expect(tiles.read(3, 0)).rejects.toThrow('is not in a tree')
    expect(await tiles.hash(storedHashIndex(16, 0))).toEqual((await tiles.read(2, 0)).slice(0, HASH_SIZE))
  })

  it.each([
    // Each: the forged tile, the range that is read, and the tile that is named.
    ['tile/8/0/100', 0, 100, 'tile/8/0/100'],
    ['tile/8/1/000', 0, 100, 'tile/8/1/000'],
    ['tile/8/0/257', 0, 257, 'tile/8/0/257'],
  ])('with %s forged is detected when reading tile %i %i, which names %s', async (path, level, index, named) => {
    for (const byte of [0, 31, 32, 100 * HASH_SIZE, 256 * HASH_SIZE - 1]) {
      const wrong = await withBitTurned(large, path, byte, async () => {
        const tiles = await open(large)
        return tiles.read(level, index).catch((error: unknown) => error)
      })
      expect(wrong).toBeInstanceOf(WrongTile)
      expect(wrong).toMatchObject({ tile: named, code: 'TILE_INVALID' })
    }
  })

  it.each([0, 31, 255 * HASH_SIZE])(
    'with a tile cut to %i bytes has a wrong tile, not a missing one',
    async (length) => {
      const log = makeLog(madeRecords(1000))
      const file = join(log.dir, 'tile/8/0/001')
      writeFileSync(file, readFileSync(file).subarray(0, length))
      const tiles = await open(log)
      await expect(tiles.read(0, 1)).rejects.toBeInstanceOf(WrongTile)
      await expect(tiles.read(0, 2)).resolves.toHaveLength(256 * HASH_SIZE)
    },
  )

  it('may be read from a log that now has only the full tile', async () => {
    const log = makeLog(madeRecords(200))
    const grown = makeLog(madeRecords(300))
    const tiles = await open(log, new LogFolder(grown.dir))
    expect(await tiles.read(0, 0)).toHaveLength(200 * HASH_SIZE)
  })

  it('of another log is refused entirely', async () => {
    const [log, other] = [makeLog(madeRecords(300)), makeLog(madeRecords(301).slice(1))]
    await expect(open(log, new LogFolder(other.dir))).rejects.toMatchObject({ code: 'TILE_INVALID' })
  })

  it('has each parent tile requested once, and wrong tiles again', async () => {
    const log = makeLog(madeRecords(1000))
    const folder = new LogFolder(log.dir)
    const asked: string[] = []
    const source: LogSource = {
      url: 'x',
      get: (path, bytes) => {
        asked.push(path)
        return folder.get(path, bytes)
      },
    }
    const tiles = await open(log, source)
    asked.length = 0
    for (let i = 0; i < 3; i++) await tiles.read(0, i)
    expect(asked).toEqual(['tile/8/0/000', 'tile/8/0/001', 'tile/8/0/002'])
    const wrong = await withBitTurned(log, 'tile/8/0/000', 0, () => tiles.read(0, 0).catch((error: unknown) => error))
    expect(wrong).toBeInstanceOf(WrongTile)
    await expect(tiles.read(0, 0)).resolves.toHaveLength(256 * HASH_SIZE)
  })
})
