import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Level } from 'level'
import { MemoryLevel } from 'memory-level'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { SumdbClient } from '../../src/sumdb/client.js'
import { splitDataTile } from '../../src/sumdb/module.js'
import { SumdbServer, type Listening, type SumdbServerOptions } from '../../src/sumdb/log-server.js'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { EMPTY_ROOT, hashLeaf, hashNode, type Hash } from '../../src/tlog/hash.js'
import { makeSignerKey, parseNote, SIGNATURE_TYPES, verifyNote } from '../../src/tlog/note.js'
import { newTiles, tilePath } from '../../src/tlog/tile.js'
import { madeUpRecord, madeUpRecords } from '../fakes/lying-log.js'

const signer = makeSignerKey('example.com/log', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(7))

function code(expected: string): Error {
  return expect.objectContaining({ code: expected }) as Error
}

function open(options: Partial<SumdbServerOptions<string, string>> = {}): Promise<SumdbServer> {
  return SumdbServer.open({ db: new MemoryLevel<string, string>(), signer, ...options })
}

/** The root by the definition of RFC 6962, section 2.1. */
function naiveRoot(leaves: readonly Hash[]): Hash {
  if (leaves.length === 0) return EMPTY_ROOT
  if (leaves.length === 1) return leaves[0]!
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return hashNode(naiveRoot(leaves.slice(0, split)), naiveRoot(leaves.slice(split)))
}

function leaf(n: number): Hash {
  return hashLeaf(utf8(madeUpRecord(n).text))
}

const listening: Listening[] = []
afterEach(async () => {
  for (const one of listening.splice(0)) await one.close()
})

async function listen(server: SumdbServer): Promise<string> {
  const one = await server.listen({ host: '127.0.0.1', port: 0 })
  listening.push(one)
  return one.url
}

describe('the tree', () => {
  test('has the roots of RFC 6962, however records are appended', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 8 }), async (counts) => {
        const server = await open()
        let size = 0
        for (const count of counts) {
          await server.append(madeUpRecords(size, size + count))
          size += count
        }
        expect(server.size).toBe(size)
        const leaves = Array.from({ length: size }, (_, i) => leaf(i))
        for (const older of new Set([0, Math.floor(size / 3), Math.max(size - 1, 0), size])) {
          expect(await server.root(older)).toEqual(naiveRoot(leaves.slice(0, older)))
        }
      }),
      { numRuns: 50 },
    )
  })

  test('has one record per module version, the first', async () => {
    const server = await open()
    const [a, b] = [madeUpRecord(0), madeUpRecord(1)]
    expect(await server.append([a, b, { ...a, text: madeUpRecord(0, 'x').text }])).toEqual([0, 1, 0])
    expect(await server.append([b, madeUpRecord(2), a])).toEqual([1, 2, 0])
    expect(server.size).toBe(3)
    expect(await server.root()).toEqual(naiveRoot([leaf(0), leaf(1), leaf(2)]))
  })

  test('keeps its order with simultaneous appends', async () => {
    const server = await open()
    const ids = await Promise.all(Array.from({ length: 50 }, (_, i) => server.append([madeUpRecord(i % 40)])))
    expect(ids.flat()).toEqual(Array.from({ length: 50 }, (_, i) => i % 40))
    expect(await server.root()).toEqual(naiveRoot(Array.from({ length: 40 }, (_, i) => leaf(i))))
  })

  test('appends nothing of a call with a bad record, and continues', async () => {
    const server = await open()
    const { path, version, text } = madeUpRecord(0)
    await expect(server.append([madeUpRecord(1), { path, version: 'latest', text }])).rejects.toThrow(
      code('RECORD_INVALID'),
    )
    await expect(server.append([{ path: 'UP/../x', version, text: `UP/../x ${version} h1:x\n` }])).rejects.toThrow(
      code('MODULE_INVALID'),
    )
    for (const bad of ['', text.trimEnd(), `${text}\n`, madeUpRecord(2).text]) {
      await expect(server.append([madeUpRecord(1), { path, version, text: bad }])).rejects.toThrow(
        code('RECORD_INVALID'),
      )
    }
    expect(server.size).toBe(0)
    expect(await server.append([madeUpRecord(0)])).toEqual([0])
  })

  test('is unharmed if the database cannot be written', async () => {
    const db = new MemoryLevel()
    const server = await open({ db })
    await server.append(madeUpRecords(0, 3))
    vi.spyOn(db, 'batch').mockRejectedValueOnce(new Error('disk full'))
    await expect(server.append([madeUpRecord(9), madeUpRecord(3)])).rejects.toThrow('disk full')
    expect(server.size).toBe(3)
    await server.append([madeUpRecord(3)])
    expect(await server.root()).toEqual(naiveRoot([0, 1, 2, 3].map(leaf)))
  })

  test('is the same after a restart from disk', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'gossum-sumdb-'))
    try {
      let before: Uint8Array
      {
        const db = new Level(directory)
        const server = await open({ db })
        await server.append(madeUpRecords(0, 300))
        before = await server.head()
        await db.close()
      }
      const db = new Level(directory)
      const server = await open({ db })
      expect(server.size).toBe(300)
      expect(await server.head()).toEqual(before)
      expect(await server.append([madeUpRecord(7), madeUpRecord(300)])).toEqual([7, 300])
      expect(await server.root()).toEqual(naiveRoot(Array.from({ length: 301 }, (_, i) => leaf(i))))
      await db.close()
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })

  test('is not opened without its hashes', async () => {
    const db = new MemoryLevel()
    const server = await open({ db })
    await server.append(madeUpRecords(0, 5))
    for await (const key of db.keys()) if (key.includes('hash/')) await db.del(key)
    await expect(open({ db })).rejects.toThrow(code('STORE_DAMAGED'))
  })
})

describe('heads', () => {
  test('of every size up to the current are signed', async () => {
    const server = await open({ origin: 'example.com/origin' })
    await server.append(madeUpRecords(0, 20))
    for (let size = 0; size <= 20; size++) {
      const note = parseNote(await server.head(size))
      verifyNote(note, signer.verifier)
      const expected = naiveRoot(Array.from({ length: size }, (_, i) => leaf(i)))
      expect(parseCheckpoint(note.text)).toEqual({ origin: 'example.com/origin', size, root: expected })
    }
    for (const size of [21, -1, 0.5]) await expect(server.head(size)).rejects.toThrow(code('PROOF_INVALID'))
    expect(server.vkey).toBe(signer.verifier.vkey)
  })
})

describe('requests', () => {
  const SIZE = 600

  test('for tiles of every width up to the tree are answered', async () => {
    const server = await open()
    await server.append(madeUpRecords(0, SIZE))
    for (const tile of [...newTiles(8, 0, SIZE), ...newTiles(8, 512, 530), ...newTiles(8, 256, 300)]) {
      const { status, type, body } = await server.handle(`/${tilePath(tile)}`)
      expect([status, type, body.length]).toEqual([200, 'application/octet-stream', tile.width * 32])
      if (tile.level === 0) expect(body.subarray(0, 32)).toEqual(leaf(tile.index * 256))
      if (tile.level === 1)
        expect(body.subarray(0, 32)).toEqual(naiveRoot(Array.from({ length: 256 }, (_, i) => leaf(i))))
      if (tile.level !== 0) continue
      const data = await server.handle(`/${tilePath({ ...tile, level: -1 })}`)
      expect([data.status, data.type]).toEqual([200, 'text/plain; charset=UTF-8'])
      const expected = madeUpRecords(tile.index * 256, tile.index * 256 + tile.width).map(({ text }) => text)
      expect(splitDataTile(data.body).map(fromUtf8)).toEqual(expected)
      expect(fromUtf8(data.body)).toBe(expected.map((text) => `${text}\n`).join(''))
    }
  })

  test.each([
    ['/', 404],
    ['/latest/', 404],
    ['/supported', 404],
    ['/lookup/', 400],
    ['/lookup/example.com/a', 400],
    ['/lookup/example.com/A@v1.0.0', 400],
    ['/lookup/example.com/a@v1', 400],
    ['/lookup/example.com/a@v1.0.0', 404],
    ['/lookup/%', 400],
    ['/lookup/%ff@v1.0.0', 400],
    ['/tile/', 400],
    ['/tile/8/0/0', 400],
    ['/tile/8/0/000.p/0', 400],
    ['/tile/8/0/000.p/256', 400],
    ['/tile/8/64/000', 400],
    ['/tile/8/0/000.p/6', 404],
    ['/tile/8/0/000', 404],
    ['/tile/8/0/001.p/1', 404],
    ['/tile/8/1/000.p/1', 404],
    ['/tile/8/63/000', 404],
    ['/tile/8/0/x999/x999/x999/x999/999', 404],
    ['/tile/8/data/000', 404],
    ['/tile/4/0/000.p/1', 404],
    ['/tile/30/data/000.p/1', 404],
  ])('for %s fail with %d', async (path, status) => {
    const server = await open()
    await server.append(madeUpRecords(0, 5))
    const answer = await server.handle(path)
    expect(answer.status).toBe(status)
    expect(answer.type).toBe('text/plain; charset=UTF-8')
  })

  test('with a path that is too long are refused', async () => {
    const server = await open()
    expect((await server.handle(`/lookup/${'a'.repeat(100_000)}@v1.0.0`)).status).toBe(400)
  })

  test('for lookups are answered with the record and the newest head, in any encoding', async () => {
    const server = await open()
    await server.append(madeUpRecords(0, 5))
    const expected = `3\n${madeUpRecord(3).text}\n${fromUtf8(await server.head())}`
    for (const path of ['/lookup/example.com/!module3@v1.3.0', '/lookup/example.com/%21module3%40v1.3.0']) {
      const { status, type, body } = await server.handle(path)
      expect([status, type, fromUtf8(body)]).toEqual([200, 'text/plain; charset=UTF-8', expected])
    }
  })

  test('for a missing module may add it, once', async () => {
    const asked: string[] = []
    const server = await open({
      onMissing: async (path, version) => {
        asked.push(`${path}@${version}`)
        await Promise.resolve()
        return path === 'example.com/Module3' ? madeUpRecord(3).text : undefined
      },
    })
    const answers = await Promise.all(
      Array.from({ length: 3 }, () => server.handle('/lookup/example.com/!module3@v1.3.0')),
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(server.size).toBe(1)
    expect((await server.handle('/lookup/example.com/!module4@v1.4.0')).status).toBe(404)
    expect(asked).toContain('example.com/Module4@v1.4.0')
  })

  test('that fail reveal nothing internal', async () => {
    const failing = await open({ onMissing: () => Promise.reject(new Error('secret path')) })
    const { status, body } = await failing.handle('/lookup/example.com/a@v1.0.0')
    expect([status, fromUtf8(body)]).toEqual([500, 'internal error\n'])
    const wrong = await open({ onMissing: () => 'not about it\n' })
    expect((await wrong.handle('/lookup/example.com/a@v1.0.0')).status).toBe(500)
  })
})

describe('over HTTP', () => {
  test('a client verifies everything, even while the log grows', async () => {
    const server = await open()
    await server.append(madeUpRecords(0, 10))
    const client = new SumdbClient({ url: await listen(server), key: signer.verifier })
    let known = (await client.latest()).head
    for (const size of [11, 255, 256, 257, 520]) {
      await server.append(madeUpRecords(known.size, size))
      const { head } = await client.latest()
      expect(head.size).toBe(size)
      expect((await client.prefix(head, known.size)).root).toEqual(known.root)
      const { path, version, text } = madeUpRecord(size - 1)
      const answer = await client.lookup(path, version)
      expect([answer.id, fromUtf8(answer.record)]).toEqual([size - 1, text])
      known = head
    }
    const records = await client.records(known, 0, known.size)
    expect(records.map(fromUtf8)).toEqual(madeUpRecords(0, 520).map(({ text }) => text))
  })

  function ask(
    url: string,
    method: string,
    body = '',
  ): Promise<{ status: number; length: string | undefined; text: string }> {
    return new Promise((resolve, reject) => {
      const asking = request(url, { method }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => (text += part))
        response.on('end', () =>
          resolve({ status: response.statusCode!, length: response.headers['content-length'], text }),
        )
      })
      asking.on('error', reject)
      asking.end(body)
    })
  }

  test('only GET and HEAD are answered, and a query is ignored', async () => {
    const server = await open()
    const url = await listen(server)
    const head = fromUtf8(await server.head())!
    expect(await ask(`${url}/latest?x=y`, 'GET')).toEqual({
      status: 200,
      length: String(utf8(head).length),
      text: head,
    })
    expect(await ask(`${url}/latest`, 'HEAD')).toEqual({ status: 200, length: String(utf8(head).length), text: '' })
    for (const method of ['POST', 'PUT', 'DELETE']) {
      expect((await ask(`${url}/latest`, method, 'x'.repeat(1000))).status).toBe(405)
    }
  })

  test('closing drops idle and silent connections', async () => {
    const server = await open()
    const one = await server.listen({ host: '127.0.0.1', port: 0 })
    const { port } = new URL(one.url)
    const socket = connect(Number(port), '127.0.0.1')
    await new Promise((resolve) => socket.write('GET /latest HTTP/1.1\r\n', resolve))
    const closed = new Promise((resolve) => socket.on('close', resolve).on('error', () => undefined))
    await one.close()
    await closed
  })

  test('an address in use is reported', async () => {
    const server = await open()
    const port = Number(new URL(await listen(server)).port)
    await expect(server.listen({ host: '127.0.0.1', port })).rejects.toThrow(code('ADDRESS_IN_USE'))
  })
})
