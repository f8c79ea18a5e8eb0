import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { SumdbClient, type SumdbClientOptions, type TileCache } from '../../src/sumdb/client.js'
import type { Fetch } from '../../src/sumdb/fetcher.js'
import type { SumdbServer } from '../../src/sumdb/log-server.js'
import { formatRecord } from '../../src/sumdb/module.js'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, parseCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { EMPTY_ROOT, hashLeaf } from '../../src/tlog/hash.js'
import { checkRecord, checkTree, type Tree } from '../../src/tlog/merkle.js'
import { checkRecords } from '../../src/tlog/multi-proof.js'
import {
  formatNote,
  makeSignerKey,
  MAX_READ_NOTE_BYTES,
  parseNote,
  SIGNATURE_TYPES,
  signNote,
} from '../../src/tlog/note.js'
import {
  closeEarly,
  endless,
  flipBit,
  honestly,
  LyingLog,
  madeUpRecord,
  madeUpRecords,
  memoryLog,
  refuse,
  replaceBody,
  stall,
  type Behaviour,
} from '../fakes/lying-log.js'

const signer = makeSignerKey('example.com/log', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(7))
const otherSigner = makeSignerKey('example.com/log', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(8))
const key = signer.verifier
const SIZE = 300

function code(expected: string): Error {
  return expect.objectContaining({ code: expected }) as Error
}

/** A cache that can be inspected, and changed without its user's knowledge. */
class MapCache extends Map<string, Uint8Array> implements Omit<TileCache, 'get'> {
  put(path: string, data: Uint8Array): Promise<void> {
    this.set(path, data)
    return Promise.resolve()
  }
}

function cacheOf(map: MapCache): TileCache {
  return { get: (path) => Promise.resolve(map.get(path)), put: (path, data) => map.put(path, data) }
}

/** Shared, because building trees is the slow part: a log that grows is made for its test. */
const honest = await memoryLog(signer, madeUpRecords(0, SIZE))
const growing = (): Promise<SumdbServer> => memoryLog(signer, madeUpRecords(0, SIZE))

let log: LyingLog

beforeEach(async () => {
  log = await LyingLog.start(honest)
})
afterEach(() => log.close())

function client(options: Partial<SumdbClientOptions> = {}): SumdbClient {
  return new SumdbClient({ url: log.url, key, retries: 0, ...options })
}

/** Answers paths with this prefix with this behaviour. */
function lieAbout(prefix: string, behaviour: Behaviour): void {
  log.lie = (path) => (path.startsWith(prefix) ? behaviour : undefined)
}

async function headOf(size = log.history.size): Promise<Tree> {
  return { size, root: await log.history.root(size) }
}

describe('latest', () => {
  test('is the verified head', async () => {
    const { head, note } = await client().latest()
    expect(head).toEqual({ origin: SUMDB_ORIGIN, ...(await headOf()) })
    expect(note).toEqual(await log.history.head())
  })

  test('reports the time of the answer, which tiles do not, because they may come from a cache', async () => {
    const dates: number[] = []
    const { head } = await client({ onDate: (ms) => dates.push(ms) }).latest()
    expect(dates).toHaveLength(1)
    await client({ onDate: (ms) => dates.push(ms) }).prefix(head, 5)
    expect(dates).toHaveLength(1)
  })

  test('is refused with another key, with another origin or without a head, but latestNote returns it unchanged', async () => {
    const ours = log.history
    log.history = await memoryLog(otherSigner, madeUpRecords(0, 3))
    await expect(client().latest()).rejects.toThrow(code('SIGNATURE_MISSING'))
    expect(await client().latestNote()).toEqual(await log.history.head())
    log.history = ours

    const text = formatCheckpoint({ origin: 'other', size: 0, root: EMPTY_ROOT })
    const note = formatNote({ text, signatures: [signNote(text, signer)] })
    lieAbout(
      'latest',
      replaceBody(() => note),
    )
    await expect(client().latest()).rejects.toThrow(code('ORIGIN_MISMATCH'))
    // A key with another name is not that of a checksum database, and is queried differently (log-layout.test.ts).
    lieAbout('checkpoint', (response) => honestly(response, { status: 200, type: 'text/plain', body: note }))
    expect((await client({ origin: 'other' }).latest()).head.size).toBe(0)

    lieAbout(
      'latest',
      replaceBody(() => utf8('<html>\n')),
    )
    await expect(client().latest()).rejects.toThrow(code('NOTE_MALFORMED'))
    lieAbout('latest', flipBit(30))
    await expect(client().latest()).rejects.toThrow(code('SIGNATURE_INVALID'))
  })

  test('is bounded', async () => {
    lieAbout(
      'latest',
      replaceBody(() => new Uint8Array(MAX_READ_NOTE_BYTES)),
    )
    expect(await client().latestNote()).toHaveLength(MAX_READ_NOTE_BYTES)
    lieAbout(
      'latest',
      replaceBody(() => new Uint8Array(MAX_READ_NOTE_BYTES + 1)),
    )
    await expect(client().latestNote()).rejects.toThrow(code('LOG_ANSWER_INVALID'))
  })
})

describe('lookup', () => {
  const { path, version, text } = madeUpRecord(42)

  test('returns the proven record and its lines', async () => {
    const { id, record, lines, head, note } = await client().lookup(path, version)
    expect(id).toBe(42)
    expect(record).toEqual(utf8(text))
    expect(lines).toEqual(text.trimEnd().split('\n'))
    expect(head).toMatchObject(await headOf())
    expect(parseCheckpoint(parseNote(note).text)).toEqual(head)
  })

  test('fails for a module that is missing or invalid', async () => {
    await expect(client().lookup('example.com/none', 'v1.0.0')).rejects.toMatchObject({
      code: 'LOG_ANSWER_INVALID',
      status: 404,
    })
    await expect(client().lookup('../latest', 'v1.0.0')).rejects.toThrow(code('MODULE_INVALID'))
  })

  test('refuses an answer with another record, even if that is proven', async () => {
    const other = await log.history.handle('/lookup/example.com/!module41@v1.41.0')
    lieAbout(
      'lookup/',
      replaceBody(() => other.body),
    )
    await expect(client().lookup(path, version)).rejects.toThrow(code('RECORD_INVALID'))
  })

  test('refuses an answer without a record', async () => {
    const head = await log.history.head()
    for (const record of ['', '\n', '42\n\n', '42\n\n\n']) {
      lieAbout(
        'lookup/',
        replaceBody(() => concatBytes(utf8(record), head)),
      )
      await expect(client().lookup(path, version)).rejects.toThrow(code('RECORD_INVALID'))
    }
    lieAbout(
      'lookup/',
      replaceBody(() => new Uint8Array()),
    )
    await expect(client().lookup(path, version)).rejects.toThrow(code('RECORD_INVALID'))
  })

  test('refuses an answer with forged lines under an existing number', async () => {
    const head = await log.history.head()
    const forged = utf8(text.replace('h1:', 'h1:evil'))
    for (const id of [0, 42, SIZE - 1]) {
      lieAbout(
        'lookup/',
        replaceBody(() => concatBytes(formatRecord(id, forged), head)),
      )
      await expect(client().lookup(path, version)).rejects.toThrow(code('RECORD_INVALID'))
    }
  })

  test('refuses an answer with a number beyond the tree', async () => {
    const head = await log.history.head()
    lieAbout(
      'lookup/',
      replaceBody(() => concatBytes(formatRecord(SIZE, utf8(text)), head)),
    )
    await expect(client().lookup(path, version)).rejects.toThrow(code('RECORD_INVALID'))
  })

  test('takes no line from outside the record (CVE-2026-56864)', async () => {
    // The record is genuine and about another module; the requested line is in the signed text after the head.
    const line = `${path} ${version} h1:${Buffer.alloc(32).toString('base64')}`
    const tree = `${formatCheckpoint({ origin: SUMDB_ORIGIN, ...(await headOf()) })}${line}\n`
    const note = formatNote({ text: tree, signatures: [signNote(tree, signer)] })
    lieAbout(
      'lookup/',
      replaceBody(() => concatBytes(formatRecord(41, utf8(madeUpRecord(41).text)), note)),
    )
    await expect(client().lookup(path, version)).rejects.toThrow(code('RECORD_INVALID'))
  })

  test('refuses a head by another key', async () => {
    const stranger = await memoryLog(otherSigner, madeUpRecords(0, SIZE))
    const answer = await stranger.handle('/lookup/example.com/!module42@v1.42.0')
    lieAbout(
      'lookup/',
      replaceBody(() => answer.body),
    )
    await expect(client().lookup(path, version)).rejects.toThrow(code('SIGNATURE_MISSING'))
  })

  test.each([
    ['that stall', stall, 'LOG_UNREACHABLE'],
    ['that break off', closeEarly, 'LOG_UNREACHABLE'],
    ['that never end', endless, 'LOG_ANSWER_INVALID'],
    ['that fail', refuse(500), 'LOG_UNREACHABLE'],
    ['that are refused', refuse(404), 'LOG_ANSWER_INVALID'],
    ['that are empty', replaceBody(() => new Uint8Array()), 'TILE_INVALID'],
    ['that are short', replaceBody((body) => body.subarray(1)), 'TILE_INVALID'],
    ['with one wrong bit', flipBit(7), 'TILE_INVALID'],
  ])('fails with tiles %s', async (_, behaviour, expected) => {
    lieAbout('tile/', behaviour)
    const options = behaviour === stall ? { timeoutMs: 500 } : {}
    await expect(client(options).lookup(path, version)).rejects.toThrow(code(expected))
  })

  test('ends when its caller aborts it', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    lieAbout('tile/', () => controller.abort(reason))
    await expect(client().lookup(path, version, { signal: controller.signal })).rejects.toBe(reason)
  })
})

describe('records', () => {
  const expected = madeUpRecords(0, SIZE).map(({ text }) => utf8(text))

  test.each([
    [0, SIZE],
    [0, 0],
    [0, 1],
    [10, 20],
    [255, 257],
    [256, 300],
    [299, 300],
  ])('[%d, %d) are returned', async (from, to) => {
    expect(await client().records(await headOf(), from, to)).toEqual(expected.slice(from, to))
  })

  test('of an older head are returned', async () => {
    expect(await client().records(await headOf(270), 250, 270)).toEqual(expected.slice(250, 270))
  })

  test.each([
    [-1, 1],
    [2, 1],
    [0, SIZE + 1],
    [0.5, 1],
  ])('[%d, %d) are not in the tree', async (from, to) => {
    await expect(client().records(await headOf(), from, to)).rejects.toThrow(code('PROOF_INVALID'))
  })

  test('may have their numbers, or lack the last empty line', async () => {
    const numbered = concatBytes(...expected.slice(256).map((record, i) => formatRecord(256 + i, record)))
    lieAbout(
      'tile/8/data/001',
      replaceBody(() => numbered),
    )
    expect(await client().records(await headOf(), 250, 300)).toEqual(expected.slice(250, 300))
    lieAbout(
      'tile/8/data/001',
      replaceBody((body) => body.subarray(0, -1)),
    )
    expect(await client().records(await headOf(), 250, 300)).toEqual(expected.slice(250, 300))
  })

  test('are read from the full tile if the partial one is gone', async () => {
    log.history = await growing()
    const head = await headOf()
    await log.history.append(madeUpRecords(SIZE, 512))
    // The partial hash tiles of level 1 never become full here, so they stay.
    log.lie = (path) => (path.includes('.p/') && !path.startsWith('tile/8/1/') ? refuse(410) : undefined)
    expect(await client().records(head, 256, SIZE)).toEqual(expected.slice(256))
    expect(log.requests).toContain('tile/8/data/001')
  })

  test.each([
    ['a wrong bit', flipBit(100)],
    ['one record missing', replaceBody((body) => body.subarray(0, body.lastIndexOf(10, body.length - 2) - 130))],
    ['none of them', replaceBody(() => new Uint8Array())],
    ['another text', replaceBody(() => utf8('a\n\n'.repeat(44)))],
  ])('with %s are refused', async (_, behaviour) => {
    lieAbout('tile/8/data/001', behaviour)
    await expect(client().records(await headOf(), 0, SIZE)).rejects.toThrow(code('RECORD_INVALID'))
  })

  test('are cut off if they never end', async () => {
    lieAbout('tile/8/data/', endless)
    await expect(client().records(await headOf(), 0, SIZE)).rejects.toThrow(code('LOG_ANSWER_INVALID'))
  })
})

describe('proofs', () => {
  test('of records hold under the head, with recordProof', async () => {
    const head = await headOf()
    const one = client()
    for (const index of [0, 1, 255, 256, 299]) {
      const { leaf, proof } = await one.recordProof(head, index)
      expect(leaf).toEqual(hashLeaf(utf8(madeUpRecord(index).text)))
      checkRecord(proof, head.size, head.root, index, leaf)
    }
    await expect(one.recordProof(head, SIZE)).rejects.toThrow(code('PROOF_INVALID'))
  })

  test('of every older size come with its root, with prefix', async () => {
    const head = await headOf()
    const one = client()
    for (const size of [1, 2, 3, 128, 255, 256, 257, 299]) {
      const prefix = await one.prefix(head, size)
      expect(prefix.root).toEqual(await log.history.root(size))
      checkTree(prefix.proof, head.size, head.root, size, prefix.root)
    }
  })

  test('of size 0 and of the head’s own size need no tiles', async () => {
    const head = await headOf()
    expect(await client().prefix(head, 0)).toEqual({ root: EMPTY_ROOT, proof: [] })
    expect(await client().prefix(head, SIZE)).toEqual({ root: head.root, proof: [] })
    expect(await client().prefix({ size: 0, root: EMPTY_ROOT }, 0)).toEqual({ root: EMPTY_ROOT, proof: [] })
    expect(log.requests).toEqual([])
    await expect(client().prefix(head, SIZE + 1)).rejects.toThrow(code('PROOF_INVALID'))
    await expect(client().prefix(head, -1)).rejects.toThrow(code('PROOF_TOO_LARGE'))
  })

  test('of a fork give another root for the same size', async () => {
    const ours = await headOf()
    const fork = await memoryLog(signer, [...madeUpRecords(0, 290), ...madeUpRecords(290, 400, 'b')])
    log.history = fork
    const head = { size: 400, root: await fork.root() }
    const one = client()
    const prefix = await one.prefix(head, ours.size)
    expect(prefix.root).not.toEqual(ours.root)
    checkTree(prefix.proof, head.size, head.root, ours.size, prefix.root)
    expect((await one.prefix(head, 290)).root).toEqual(await fork.root(290))
  })

  test('with tiles of another history are refused', async () => {
    const fork = await memoryLog(signer, [...madeUpRecords(0, 200), ...madeUpRecords(200, 700, 'b')])
    const head = { size: 700, root: await fork.root() }
    log.history = fork
    // Whichever single tile still shows the old history, the root of the prefix is never the old one.
    await client().prefix(head, SIZE)
    for (const masked of [...log.requests]) {
      const { body, status } = await honest.handle(`/${masked.replace(/\.p\/\d+$/, '')}`)
      const old = status === 200 ? body : (await honest.handle('/tile/8/0/001.p/44')).body
      lieAbout(
        masked,
        replaceBody((body) => concatBytes(old, body).subarray(0, body.length)),
      )
      await expect(client().prefix(head, SIZE)).rejects.toThrow(code('TILE_INVALID'))
    }
  })
})

describe('the tile cache', () => {
  test('has each tile fetched once, and keeps those of the right edge by position', async () => {
    const map = new MapCache()
    const one = client({ cache: cacheOf(map) })
    log.history = await growing()
    const head = await headOf()
    await one.prefix(head, 200)
    await one.prefix(head, 270)
    expect(log.requests.toSorted()).toEqual(['tile/8/0/000', 'tile/8/0/001.p/44', 'tile/8/1/000.p/1'])
    expect([...map.keys()].toSorted()).toEqual(['tile/8/0/000', 'tile/8/0/001.p', 'tile/8/1/000.p'])
    // What was proven once is proven again without the log; a wider edge is fetched, and replaces the narrower one.
    lieAbout('', refuse(500))
    await client({ cache: cacheOf(map) }).prefix(head, 200)
    await client({ cache: cacheOf(map) }).prefix(await headOf(280), 200)
    expect(log.requests).toHaveLength(3)
    await log.history.append(madeUpRecords(SIZE, SIZE + 20))
    log.lie = () => undefined
    await client({ cache: cacheOf(map) }).prefix(await headOf(SIZE + 20), 200)
    expect(log.requests.slice(3)).toEqual(['tile/8/0/001.p/64'])
    expect(map.get('tile/8/0/001.p')).toHaveLength(64 * 32)
  })

  test('gives a partial tile from a full one', async () => {
    const map = new MapCache()
    const one = client({ cache: cacheOf(map) })
    await one.prefix(await headOf(), 200)
    const before = log.requests.length
    const older = await headOf(255)
    await one.prefix(older, 200)
    await client({ cache: cacheOf(map) }).prefix(older, 200)
    expect(log.requests).toHaveLength(before)
  })

  test('keeps a partial tile that is cut from a full one, if the partial one is gone', async () => {
    const map = new MapCache()
    log.lie = (path) => (path === 'tile/8/0/000.p/200' ? refuse(404) : undefined)
    const head = await headOf(200)
    const one = client({ cache: cacheOf(map) })
    expect((await one.prefix(head, 100)).root).toEqual(await log.history.root(100))
    await one.prefix(head, 101)
    expect(log.requests).toEqual(['tile/8/0/000.p/200', 'tile/8/0/000'])
    expect([...map].map(([path, data]) => [path, data.length])).toEqual([['tile/8/0/000.p', 200 * 32]])
  })

  test('replaces no partial tile that fails otherwise', async () => {
    log.lie = (path) => (path.includes('.p/') ? refuse(403) : undefined)
    await expect(client().prefix(await headOf(200), 100)).rejects.toThrow(code('LOG_ANSWER_INVALID'))
    expect(log.requests).toEqual(['tile/8/0/000.p/200'])
  })

  test('keeps authenticated tiles only', async () => {
    const map = new MapCache()
    lieAbout('tile/8/0/000', flipBit(5))
    const one = client({ cache: cacheOf(map) })
    await expect(one.prefix(await headOf(), 200)).rejects.toThrow(code('TILE_INVALID'))
    expect(map.size).toBe(0)
    log.lie = () => undefined
    await one.prefix(await headOf(), 200)
    expect(map.size).toBe(3)
  })

  test('recovers if it is poisoned', async () => {
    const map = new MapCache()
    const head = await headOf()
    await client({ cache: cacheOf(map) }).prefix(head, 200)
    const genuine = map.get('tile/8/0/000')!
    for (const poison of [
      genuine.map((byte, i) => (i === 9 ? byte ^ 1 : byte)),
      new Uint8Array(8192),
      genuine.subarray(1),
      new Uint8Array(),
    ]) {
      map.set('tile/8/0/000', poison)
      expect((await client({ cache: cacheOf(map) }).prefix(head, 200)).root).toEqual(await log.history.root(200))
      expect(map.get('tile/8/0/000')).toEqual(genuine)
    }
  })

  test('excuses no lying log if it is poisoned', async () => {
    const map = new MapCache([['tile/8/0/000', new Uint8Array(8192)]])
    lieAbout('tile/8/0/000', flipBit(5))
    await expect(client({ cache: cacheOf(map) }).prefix(await headOf(), 200)).rejects.toThrow(code('TILE_INVALID'))
    expect(log.requests.filter((path) => path === 'tile/8/0/000')).toHaveLength(1)
  })

  test('counts as empty if it fails', async () => {
    const broken: TileCache = {
      get: () => Promise.reject(new Error('disk')),
      put: () => Promise.reject(new Error('disk')),
    }
    expect((await client({ cache: broken }).prefix(await headOf(), 200)).root).toEqual(await log.history.root(200))
  })

  test('is separate for the head of another history', async () => {
    const ours = await headOf()
    const one = client()
    await one.prefix(ours, 200)
    const fork = await memoryLog(signer, madeUpRecords(0, SIZE, 'b'))
    log.history = fork
    expect((await one.prefix({ size: SIZE, root: await fork.root() }, 200)).root).toEqual(await fork.root(200))
  })

  test('has each tile fetched once for simultaneous callers', async () => {
    const head = await headOf()
    const one = client()
    await Promise.all([
      one.prefix(head, 200),
      one.prefix(head, 100),
      one.recordProof(head, 5),
      one.recordProof(head, 290),
    ])
    expect(new Set(log.requests).size).toBe(log.requests.length)
  })
})

describe('the roots of many sizes', () => {
  const sizes = [0, 1, 2, 255, 256, 257, 299, SIZE, 1]

  test('are those of the log, with each tile fetched once', async () => {
    const roots = await client().roots(await headOf(), sizes)
    expect(roots).toEqual(await Promise.all(sizes.map((size) => log.history.root(size))))
    expect(new Set(log.requests).size).toBe(log.requests.length)
    expect(log.requests.every((path) => path.startsWith('tile/8/'))).toBe(true)
  })

  test('are not returned for another history, or for a size beyond the tree', async () => {
    const head = await headOf()
    log.history = await memoryLog(signer, madeUpRecords(0, SIZE, 'b'))
    await expect(client().roots(head, [5])).rejects.toThrow(code('TILE_INVALID'))
    await expect(client().roots(head, [SIZE + 1])).rejects.toThrow(code('PROOF_INVALID'))
  })
})

test('one proof for many records', async () => {
  const head = await headOf()
  const ids = [0, 7, 256, 299]
  const proof = await client().recordsProof(head, ids)
  const leaves = ids.map((index) => ({ index, leafHash: hashLeaf(utf8(madeUpRecord(index).text)) }))
  checkRecords(proof, head.size, head.root, leaves)
  lieAbout('tile/8/0/000', flipBit(100))
  await expect(client().recordsProof(head, ids)).rejects.toThrow(code('TILE_INVALID'))
})

test('a head that was verified before is trusted for its bytes, and for no others', async () => {
  const one = client()
  await one.latest()
  expect((await one.latest()).head.size).toBe(SIZE)
  lieAbout('latest', flipBit(30))
  await expect(one.latest()).rejects.toThrow(code('SIGNATURE_INVALID'))
  lieAbout(
    'latest',
    replaceBody((body) => {
      // Verified bytes must not change with the buffer that they arrived in.
      const other = new Uint8Array(body)
      other[body.length - 2]! ^= 1
      return other
    }),
  )
  await expect(one.latest()).rejects.toThrow(GossumError)
})

test('the given number of tiles is fetched at a time', async () => {
  log.history = await memoryLog(signer, madeUpRecords(0, 2000))
  const head = await headOf()
  const ids = [0, 300, 600, 900, 1200, 1500]
  for (const tilesAtOnce of [1, 3]) {
    let [now, most] = [0, 0]
    const counting: Fetch = async (...args) => {
      most = Math.max(most, ++now)
      try {
        return await fetch(...args)
      } finally {
        now--
      }
    }
    await client({ tilesAtOnce, fetch: counting }).leafHashes(head, ids)
    expect(most).toBe(tilesAtOnce)
  }
})
