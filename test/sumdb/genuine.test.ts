import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { SumdbClient } from '../../src/sumdb/client.js'
import { parseLookup, unescapeModule } from '../../src/sumdb/module.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { formatHash, hashLeaf } from '../../src/tlog/hash.js'
import { checkRecord, checkTree } from '../../src/tlog/merkle.js'
import { parseNote, verifyNote } from '../../src/tlog/note.js'
import { ReplayLog, readFiles, type Files } from '../fakes/replay-log.js'
import { FULL, GOLANG_KEY, hasFull, readJsonLines, root, SMALL, type Consistency } from './genuine.js'

/** The files as a log serves them: lookups of the full set are one folder higher. */
function fullFiles(): Files {
  const lookups = [...readFiles(new URL('lookups/', FULL))].map(([path, data]) => [`lookup/${path}`, data] as const)
  return new Map([...readFiles(new URL('tiles/', FULL)), ...lookups])
}

function clientOf(log: ReplayLog): SumdbClient {
  return new SumdbClient({ url: log.url, key: GOLANG_KEY, retries: 0 })
}

async function expectPrefix(client: SumdbClient, pair: Consistency): Promise<void> {
  const { root: older, proof } = await client.prefix({ size: pair.new, root: root(pair.newRoot) }, pair.old)
  expect(formatHash(older)).toBe(pair.oldRoot)
  expect(proof.map(formatHash)).toEqual(pair.proof)
  checkTree(proof, pair.new, root(pair.newRoot), pair.old, root(pair.oldRoot))
}

async function expectLookup(client: SumdbClient, escaped: string): Promise<number> {
  const { path, version } = unescapeModule(escaped)
  const { id, lines, head } = await client.lookup(path, version)
  expect(id).toBeLessThan(head.size)
  expect(lines.map((line) => line.split(' ').slice(0, 2))).toEqual([
    [path, version],
    [path, `${version}/go.mod`],
  ])
  return id
}

const small = readFiles(new URL('genuine/', SMALL))
const smallPairs = readJsonLines<Consistency>(new URL('consistency.jsonl', SMALL))
const smallLookups = [...small.keys()]
  .filter((path) => path.startsWith('lookup/'))
  .map((path) => path.slice('lookup/'.length))

describe('sum.golang.org, the small set', () => {
  let log: ReplayLog
  beforeAll(async () => {
    log = await ReplayLog.start(small)
  })
  afterAll(() => log.close())

  test('signed the heads of the consistency vectors', () => {
    const heads = new Map(
      readJsonLines<{ size: number; note: string }>(new URL('heads.jsonl', SMALL)).map((h) => [h.size, h.note]),
    )
    for (const pair of smallPairs) {
      for (const [size, base64] of [[pair.old, pair.oldRoot] as const, [pair.new, pair.newRoot] as const]) {
        const note = parseNote(utf8(heads.get(size)!))
        verifyNote(note, GOLANG_KEY)
        expect(parseCheckpoint(note.text)).toMatchObject({ size, root: root(base64) })
      }
    }
  })

  test('has a latest head that verifies', async () => {
    expect((await clientOf(log).latest()).head.size).toBe(59270573)
  })

  test.each(smallPairs)('size $old is a prefix of $new', async (pair) => {
    await expectPrefix(clientOf(log), pair)
  })

  test.each(smallLookups)('%s is in the tree', async (escaped) => {
    await expectLookup(clientOf(log), escaped)
  })
})

describe('forged tiles of sum.golang.org', () => {
  let log: ReplayLog
  beforeEach(async () => {
    log = await ReplayLog.start(small)
  })
  afterEach(() => log.close())

  const TILE_INVALID = expect.objectContaining({ code: 'TILE_INVALID' }) as Error

  /** Forges some entries of every tile that `act` requests, one at a time, and expects each to be noticed. */
  async function expectNoticed(act: (client: SumdbClient) => Promise<unknown>): Promise<number> {
    await act(clientOf(log))
    const tiles = [...new Set(log.requests)].filter((path) => path.startsWith('tile/'))
    let forgeries = 0
    for (const path of tiles) {
      const genuine = log.answer(path)!
      const width = genuine.length / 32
      for (const entry of new Set([0, 1, Math.floor(width / 3), Math.floor(width / 2), width - 2, width - 1])) {
        if (entry < 0 || entry >= width) continue
        log.forged.set(
          path,
          genuine.map((byte, i) => (Math.floor(i / 32) === entry ? 0 : byte)),
        )
        await expect(act(clientOf(log)), `entry ${entry} of ${path}`).rejects.toThrow(TILE_INVALID)
        forgeries++
      }
      log.forged.delete(path)
    }
    // Both the right edge and tiles below it were forged, on the level of the records and above.
    expect(new Set(tiles.map((path) => path.split('/')[2])).size).toBeGreaterThanOrEqual(3)
    return forgeries
  }

  test.each(smallLookups)('are noticed in the lookup of %s', async (escaped) => {
    expect(await expectNoticed((client) => expectLookup(client, escaped))).toBeGreaterThan(25)
  })

  test.each(smallPairs)('are noticed between $old and $new', async (pair) => {
    expect(await expectNoticed((client) => expectPrefix(client, pair))).toBeGreaterThan(15)
  })
})

describe.skipIf(!hasFull)('sum.golang.org, the full set', () => {
  let log: ReplayLog
  beforeAll(async () => {
    log = await ReplayLog.start(fullFiles())
  })
  afterAll(() => log.close())

  test('has a proof for every consistency vector with its tiles', async () => {
    const client = clientOf(log)
    const pairs = readJsonLines<Consistency>(new URL('consistency.jsonl', FULL)).filter((pair) => pair.tiles)
    expect(pairs.length).toBe(131)
    for (const pair of pairs) await expectPrefix(client, pair)
  })

  test('has a proof of every one of 400 records under the newest head', async () => {
    const client = clientOf(log)
    const { head } = await client.latest()
    const vectors = readJsonLines<{
      lookup: string
      id: number
      size: number
      root: string
      leaf: string
      proof: string[]
    }>(new URL('inclusion.jsonl', FULL))
    expect(vectors.length).toBe(400)
    for (const vector of vectors) {
      const { id, record } = parseLookup(log.answer(`lookup/${vector.lookup}`)!)
      const { leaf, proof } = await client.recordProof(head, id)
      expect([id, head.size, formatHash(leaf)]).toEqual([vector.id, vector.size, vector.leaf])
      expect(leaf).toEqual(hashLeaf(record))
      expect(proof.map(formatHash)).toEqual(vector.proof)
      checkRecord(proof, vector.size, root(vector.root), id, leaf)
    }
  })

  test.each([
    ['zeeler+lal.im', 21],
    ['aldodla8+Golang-RestApi', 81],
    ['etcd-io+etcd', 53],
    ['Carlosymh+Go', 43],
    ['rajmehta89+Go_Practise', 29],
    ['M1hawk005+UtRa', 2],
    ['rrsoperagx-debug+webx-go-8-8-26', 74],
  ])('has every lookup of the capture %s in its newest tree, and every head in its history', async (name, count) => {
    const files = readFiles(new URL(`captures/${name}/`, FULL))
    const capture = await ReplayLog.start(files)
    try {
      const client = clientOf(capture)
      const { head: latest } = await client.latest()
      const lookups = [...files].filter(([path]) => path.startsWith('lookup/'))
      expect(lookups.length).toBe(count)
      for (const [, answer] of lookups) {
        const { id, record, note } = parseLookup(answer)
        expect((await client.recordProof(latest, id)).leaf).toEqual(hashLeaf(record))
        const parsed = parseNote(note)
        verifyNote(parsed, GOLANG_KEY)
        const head = parseCheckpoint(parsed.text)
        expect((await client.prefix(latest, head.size)).root).toEqual(head.root)
      }
    } finally {
      await capture.close()
    }
  })

  test.each([0, 1, 2])('has a lookup with conflict markers %d, which is refused', async (n) => {
    const bad = readFiles(new URL('bad/', FULL)).get(`lookup-with-git-conflict-markers-${n}.txt`)!
    log.forged.set('lookup/cloud.google.com/go/bigquery@v1.0.1', bad)
    await expect(clientOf(log).lookup('cloud.google.com/go/bigquery', 'v1.0.1')).rejects.toMatchObject({
      code: expect.stringMatching(/^(NOTE_MALFORMED|CHECKPOINT_MALFORMED|SIGNATURE_)/) as string,
    })
  })
})

test('a lookup with git conflict markers is refused', async () => {
  const bad = readFiles(SMALL).get('lookup-with-git-conflict-markers-0.txt')!
  const log = await ReplayLog.start(new Map([['lookup/cloud.google.com/go/bigquery@v1.0.1', bad]]))
  try {
    await expect(clientOf(log).lookup('cloud.google.com/go/bigquery', 'v1.0.1')).rejects.toMatchObject({
      code: 'NOTE_MALFORMED',
    })
  } finally {
    await log.close()
  }
})
