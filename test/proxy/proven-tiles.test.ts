/** Tiles for the go command: from our own history, each requested once from the log, and none beyond its head. */
import { beforeEach, describe, expect, test } from 'vitest'
import { lastingController } from '../../src/lib/timed.js'
import { Admission } from '../../src/proxy/admission.js'
import { ProvenTiles } from '../../src/proxy/proven-tiles.js'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import type { Tree } from '../../src/tlog/merkle.js'
import { parseTilePath, tilePath, type Tile } from '../../src/tlog/tile.js'
import { MemoryLog, naiveRoot } from '../helpers/tree.js'

const log = new MemoryLog()
for (let i = 0; i < 600; i++) log.append(utf8(`record ${i}\n`))
const treeOf = (size: number): Tree => ({ size, root: naiveRoot(log.leaves.slice(0, size)) })
const asking = { client: '10.0.0.1', signal: lastingController().signal }
const tile = (path: string): Tile => parseTilePath(path)

let head: Tree | undefined
let asked: string[] = []
let looks = 0
/** The tree that the next poll of the log will find. */
let newer: Tree | undefined
beforeEach(() => {
  head = treeOf(300)
  asked = []
  looks = 0
  newer = undefined
})

function provenTiles(): ProvenTiles {
  return new ProvenTiles({
    client: {
      tile: (tree, wanted) => {
        asked.push(`${tilePath(wanted)} of ${tree.size}`)
        return Promise.resolve(log.tile(wanted))
      },
      records: (tree, from, to) => {
        asked.push(`records ${from} to ${to} of ${tree.size}`)
        return Promise.resolve(Array.from({ length: to - from }, (_, i) => utf8(`record ${from + i}\n`)))
      },
    },
    head: () => head,
    look: () => {
      looks++
      head = newer ?? head
      return Promise.resolve()
    },
    admission: new Admission(() => 0),
  })
}

describe('a tile of hashes', () => {
  test('is requested once at the width of our head, and narrower ones are cut from it', async () => {
    const tiles = provenTiles()
    for (const path of ['tile/8/0/001.p/7', 'tile/8/0/001.p/44', 'tile/8/0/001.p/1'])
      expect(await tiles.get(tile(path), asking), path).toEqual(log.tile(tile(path)))
    expect(asked).toEqual(['tile/8/0/001.p/44 of 300'])
    expect(looks).toBe(0)
  })

  test('is requested once for simultaneous clients', async () => {
    const tiles = provenTiles()
    const all = await Promise.all(Array.from({ length: 20 }, () => tiles.get(tile('tile/8/0/000'), asking)))
    for (const bytes of all) expect(bytes).toEqual(log.tile(tile('tile/8/0/000')))
    expect(asked).toEqual(['tile/8/0/000 of 300'])
  })

  test('beyond our head is served after polling the log and proving the new head', async () => {
    const tiles = provenTiles()
    newer = treeOf(302)
    expect(await tiles.get(tile('tile/8/0/001.p/46'), asking)).toEqual(log.tile(tile('tile/8/0/001.p/46')))
    expect([looks, asked]).toEqual([1, ['tile/8/0/001.p/46 of 302']])
  })

  test('beyond all our heads is missing, and not requested from the log', async () => {
    const tiles = provenTiles()
    for (const path of [
      'tile/8/0/001.p/45',
      'tile/8/0/001',
      'tile/8/0/002.p/1',
      'tile/8/1/000.p/2',
      'tile/8/2/000.p/1',
    ])
      await expect(tiles.get(tile(path), asking), path).rejects.toMatchObject({ code: 'TILE_MISSING' })
    expect([looks, asked]).toEqual([5, []])
    head = undefined
    await expect(tiles.get(tile('tile/8/0/000.p/1'), asking)).rejects.toThrow('the newest head has 0 records')
  })

  test('of another height is refused', async () => {
    await expect(provenTiles().get(tile('tile/2/0/000'), asking)).rejects.toMatchObject({ code: 'TILE_MALFORMED' })
    expect(looks).toBe(0)
  })

  test('that the log failed to return is requested again', async () => {
    let fails = 1
    const tiles = new ProvenTiles({
      client: {
        tile: (_tree, wanted) => (fails-- > 0 ? Promise.reject(new Error('no')) : Promise.resolve(log.tile(wanted))),
        records: () => Promise.reject(new Error('no')),
      },
      head: () => head,
      look: () => Promise.resolve(),
      admission: new Admission(() => 0),
    })
    await expect(tiles.get(tile('tile/8/0/000'), asking)).rejects.toThrow('no')
    expect(await tiles.get(tile('tile/8/0/000'), asking)).toEqual(log.tile(tile('tile/8/0/000')))
  })
})

test('a data tile has the requested number of records, each followed by an empty line', async () => {
  const tiles = provenTiles()
  expect(fromUtf8(await tiles.get(tile('tile/8/data/001.p/2'), asking))).toBe('record 256\n\nrecord 257\n\n')
  expect(asked).toEqual(['records 256 to 258 of 300'])
  await expect(tiles.get(tile('tile/8/data/001.p/45'), asking)).rejects.toMatchObject({ code: 'TILE_MISSING' })
})

test('the leaf hash of a record is read from its tile, also at the ends of a tile', async () => {
  const tiles = provenTiles()
  for (const id of [0, 1, 255, 256, 299]) expect(await tiles.leafHash(id, asking), String(id)).toEqual(log.leaves[id])
  expect(asked).toEqual(['tile/8/0/000 of 300', 'tile/8/0/001.p/44 of 300'])
  await expect(tiles.leafHash(300, asking)).rejects.toMatchObject({ code: 'TILE_MISSING' })
})
