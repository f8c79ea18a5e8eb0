/** A checksum database through a node, over real sockets: a lying log or proxy, and clients with arbitrary requests. */
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { loadConfig, type Settings } from '../../src/config/config.js'
import type { NodeEvent } from '../../src/node/events.js'
import { createNode, type GossumNode } from '../../src/node/node.js'
import { SumdbClient } from '../../src/sumdb/client.js'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'
import { hashLeaf } from '../../src/tlog/hash.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { formatNote, makeSignerKey, parseNote, SIGNATURE_TYPES, signNote } from '../../src/tlog/note.js'
import {
  endless,
  flipBit,
  LyingLog,
  madeUpRecord,
  madeUpRecords,
  memoryLog,
  refuse,
  replaceBody,
  stall,
  type Behaviour,
} from '../fakes/lying-log.js'
import { temporaryHome } from '../helpers/home.js'
import { SPOILED } from '../helpers/spoiled.js'

const NAME = 'sum.example/one'
const signer = makeSignerKey(NAME, SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(9))
const SIZE = 700

/** The history of all tests, which only read it. */
const history = await memoryLog(signer, madeUpRecords(0, SIZE))
/** Another history of the same size. */
const fork = await memoryLog(signer, [...madeUpRecords(0, 600), ...madeUpRecords(600, SIZE, 'fork')])

interface Started {
  readonly node: GossumNode
  readonly url: string
  /** Resolves when the node has a quorum head of this many records. */
  readonly quorum: (size: number) => Promise<void>
  readonly events: NodeEvent[]
}

let log: LyingLog

beforeEach(async () => {
  log = await LyingLog.start(history)
  onTestFinished(() => log.close())
})

async function startNode(settings: Settings = {}): Promise<Started> {
  const events: NodeEvent[] = []
  const looks = new Set<() => void>()
  const config = loadConfig(
    {
      ...{ home: temporaryHome(), log: [`${signer.verifier.vkey} ${log.url}`], listen: [], http: '127.0.0.1:0' },
      ...{ poll: 3600, ...settings },
    },
    { env: {} },
  )
  const node = await createNode(config, (event) => {
    events.push(event)
    looks.forEach((look) => look())
  })
  onTestFinished(() => node.stop())
  const quorum = (size: number): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (events.some((event) => event.event === 'quorum' && event.size === size)) resolve()
      }
      looks.add(look)
      look()
    })
  await quorum(log.history.size)
  return { node, url: `${node.http}/sumdb/${NAME}`, quorum, events }
}

const escaped = (n: number): string => `example.com/!module${n}@v1.${n}.0`
const lookup = (url: string, n: number): Promise<Response> => fetch(`${url}/lookup/${escaped(n)}`)

/** Requests a path unchanged, which fetch would normalize. */
function raw(url: string, path: string, method = 'GET'): Promise<{ status: number; headers: object; body: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(new URL(url).origin, { path, method, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString() }),
      )
    })
    request.on('error', reject).end()
  })
}

describe('a lookup', () => {
  test('returns the record with the quorum head, which any sumdb client verifies', async () => {
    const { url, node } = await startNode()
    const client = new SumdbClient({ url, key: signer.verifier })
    const { path, version, text } = madeUpRecord(321)
    const found = await client.lookup(path, version)
    expect([found.id, found.head.size, found.lines.join('\n')]).toEqual([321, SIZE, text.trimEnd()])
    expect(parseNote(found.note).signatures.map(({ name }) => name)).toEqual([NAME, node.witness!.split('+')[0]])
    expect(await client.records(found.head, 250, 260)).toEqual(madeUpRecords(250, 260).map((r) => utf8(r.text)))
  })

  test('is sent to the log once, for any number of clients', async () => {
    const { url } = await startNode()
    const answers = await Promise.all(Array.from({ length: 50 }, () => lookup(url, 5)))
    expect(answers.map(({ status }) => status)).toEqual(new Array(50).fill(200))
    await lookup(url, 5)
    expect(log.requests.filter((path) => path.startsWith('lookup/'))).toHaveLength(1)
    const tiles = log.requests.filter((path) => path.startsWith('tile/'))
    expect(tiles).toHaveLength(new Set(tiles).size)
  })

  const other = utf8(madeUpRecord(6).text)
  const swapRecord = (record: Uint8Array, id = 5): Behaviour =>
    replaceBody((body) => {
      const note = body.subarray(Buffer.from(body).indexOf('\n\n') + 2)
      return concatBytes(utf8(`${id}\n`), record, utf8('\n'), note)
    })
  const lines = utf8(madeUpRecord(5).text)
  test.each<[string, Behaviour, number]>([
    ['another record of the tree', swapRecord(other, 6), 502],
    ['another record under this number', swapRecord(other), 502],
    ['a record that the tree does not hold', swapRecord(lines.map((byte, i) => (i === 30 ? byte ^ 1 : byte))), 502],
    ['the genuine lines behind another record', swapRecord(concatBytes(other, lines), 6), 502],
    ['no line at all', swapRecord(utf8('nothing\n')), 502],
    [
      'a changed signature',
      replaceBody((body) => body.map((byte, i) => (i === body.length - 9 ? byte ^ 1 : byte))),
      502,
    ],
    ['a number beyond the head', swapRecord(lines, SIZE), 502],
    ['more bytes than an answer has', endless, 502],
    ['an error', refuse(500), 502],
    ['a redirect', refuse(302), 502],
    ['status 404', refuse(404), 404],
    ['status 410', refuse(410), 404],
  ])('that is answered with %s fails, and nothing is stored', async (_, behaviour, status) => {
    const { url } = await startNode()
    log.lie = (path) => (path.startsWith('lookup/') ? behaviour : undefined)
    const answer = await lookup(url, 5)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'text/plain; charset=UTF-8'])
    expect((await answer.text()).split('\n').length).toBeLessThanOrEqual(8)
    log.lie = () => undefined
    const honest = await lookup(url, 5)
    expect([honest.status, (await honest.text()).includes(madeUpRecord(5).text)]).toEqual([200, true])
  })

  test('is not accepted because of a forged tile', async () => {
    const { url } = await startNode()
    const forged = utf8(madeUpRecord(5, 'evil').text)
    log.lie = (path) => {
      if (path.startsWith('lookup/')) return swapRecord(forged)
      // Its leaf hash replaces that of the genuine record in the tree.
      if (path === 'tile/8/0/000')
        return replaceBody((body) => concatBytes(body.subarray(0, 160), hashLeaf(forged), body.subarray(192)))
      return undefined
    }
    expect((await lookup(url, 5)).status).toBe(502)
    expect((await fetch(`${url}/tile/8/0/000`)).status).toBe(502)
    log.lie = () => undefined
    expect((await lookup(url, 5)).status).toBe(200)
    expect((await fetch(`${url}/tile/8/0/000`)).status).toBe(200)
  })

  test('that is slow at the log delays no other client, and ends when its client disconnects', async () => {
    const { url } = await startNode()
    log.lie = (path) => (path === `lookup/${decodeURIComponent(escaped(7))}` ? stall : undefined)
    const gone = new AbortController()
    const slow = Array.from({ length: 40 }, () => fetch(`${url}/lookup/${escaped(7)}`, { signal: gone.signal }))
    expect((await lookup(url, 8)).status).toBe(200)
    gone.abort()
    expect((await Promise.allSettled(slow)).every(({ status }) => status === 'rejected')).toBe(true)
    log.lie = () => undefined
    // A new request to the log, not the one that hangs.
    expect((await lookup(url, 7)).status).toBe(200)
  })

  test('queued on a connection that ends is not sent to the log', async () => {
    const { url } = await startNode()
    log.lie = (path) => (path.startsWith('lookup/') ? stall : undefined)
    const asked = (): string[] => log.requests.filter((path) => path.startsWith('lookup/'))
    const { hostname, port, pathname } = new URL(url)
    const numbers = Array.from({ length: 100 }, (_, i) => i)
    // One client requests all of them over one connection, and leaves; another uses a connection for each.
    const piped = connect(Number(port), hostname)
    piped.write(numbers.map((n) => `GET ${pathname}/lookup/${escaped(n)} HTTP/1.1\r\nHost: n\r\n\r\n`).join(''))
    await expect.poll(() => asked().length).toBeGreaterThan(0)
    const gone = new AbortController()
    const single = numbers.map((n) => fetch(`${url}/lookup/${escaped(n + 100)}`, { signal: gone.signal }))
    await expect.poll(() => asked().length).toBeGreaterThanOrEqual(16)
    piped.destroy()
    gone.abort()
    await Promise.allSettled(single)
    log.lie = () => undefined
    expect((await lookup(url, 650)).status).toBe(200)
    const before = asked().length
    expect((await lookup(url, 651)).status).toBe(200)
    expect(before).toBeLessThan(100)
    expect(asked()).toHaveLength(before + 1)
  })

  test('is answered from the cache after a restart with the log down, unless the cache is wrong', async () => {
    const home = temporaryHome()
    const first = await startNode({ home })
    for (const n of [3, 4]) expect((await lookup(first.url, n)).status).toBe(200)
    await first.node.stop()
    const { Store } = await import('../../src/store/store.js')
    const store = await Store.open(home)
    const id = loadConfig({ log: [`${signer.verifier.vkey} ${log.url}`] }, { env: {} }).logs[0]!.id
    await store.lookups.of(id).put(escaped(4), { id: 4, record: utf8(madeUpRecord(4, 'evil').text) })
    await store.close()

    log.lie = () => refuse(500)
    const config = { home, log: [`${signer.verifier.vkey} ${log.url}`], listen: [], http: '127.0.0.1:0' }
    const again = await createNode(loadConfig(config, { env: {} }))
    onTestFinished(() => again.stop())
    const url = `${again.http}/sumdb/${NAME}`
    expect(await (await lookup(url, 3)).text()).toContain(madeUpRecord(3).text)
    expect((await lookup(url, 4)).status).toBe(502)
    log.lie = () => undefined
    expect(await (await lookup(url, 4)).text()).toContain(madeUpRecord(4).text)
  })

  test.each([
    ['a new record', 850],
    ['an old one, which both histories have', 10],
  ])('of %s that returns the head of a fork convicts the log, and lookups stop', async (_, n) => {
    const { url, node } = await startNode()
    log.history = await memoryLog(signer, [...madeUpRecords(0, 600), ...madeUpRecords(600, 900, 'fork')])
    const answer = await lookup(url, n)
    const said = await answer.text()
    await expect.poll(async () => (await node.view.evidence()).length).toBe(1)
    const { id } = (await node.view.evidence())[0]!
    // The tiles of the fork do not prove the record, and the head in the answer shows why.
    expect([answer.status, said]).toEqual([503, expect.stringContaining(id) as string])
    const next = await lookup(url, n)
    expect([next.status, await next.text()]).toEqual([503, expect.stringContaining(id) as string])
    expect((await fetch(`${url}/latest`)).status).toBe(503)
  })

  /** Whatever surrounds the head of a fork, the go command's user and the operator are told of two histories. */
  test.each(SPOILED)('with %s around the head of a fork convicts the log', async (_, spoil) => {
    const { url, node } = await startNode()
    const answer = spoil(madeUpRecord(5).text, await fork.head())
    log.lie = (path) => (path.startsWith('lookup/') ? replaceBody(() => answer) : undefined)
    const refused = await lookup(url, 5)
    expect([refused.status, await refused.text()]).toEqual([503, expect.stringContaining('frozen') as string])
    expect(await node.view.evidence()).toMatchObject([{ sizes: [SIZE, SIZE] }])
  })

  test.each([
    ['no records and a root', (text: string) => text.replace(`\n${SIZE}\n`, '\n0\n'), 1],
    ['2^53 records', (text: string) => text.replace(`\n${SIZE}\n`, `\n${2 ** 53}\n`), 0],
  ])('with a head that says %s freezes the log', async (_, change, evidence) => {
    const { url, node } = await startNode()
    const text = change(parseNote(await log.history.head()).text)
    const head = formatNote({ text, signatures: [signNote(text, signer)] })
    log.lie = (path) =>
      path.startsWith('lookup/')
        ? replaceBody(() => concatBytes(utf8(`5\n${madeUpRecord(5).text}\n`), head))
        : undefined
    const refused = await lookup(url, 5)
    expect([refused.status, await refused.text()]).toEqual([503, expect.stringContaining('frozen') as string])
    expect(await node.view.evidence()).toHaveLength(evidence)
  })

  test('with a forked head padded to the limit of the go command freezes the log', async () => {
    const { url, node, events } = await startNode()
    const text = `${parseNote(await fork.head()).text}${'x'.repeat(900_000)}\n`
    const head = formatNote({ text, signatures: [signNote(text, signer)] })
    log.lie = (path) =>
      path.startsWith('lookup/')
        ? replaceBody(() => concatBytes(utf8(`5\n${madeUpRecord(5).text}\n`), head))
        : undefined
    // The record is proven, whatever came with it; the head is judged meanwhile.
    await lookup(url, 5)
    await expect.poll(() => events.filter(({ event }) => event === 'suspect')).toMatchObject([{ size: SIZE }])
    const refused = await lookup(url, 6)
    expect([refused.status, await refused.text()]).toEqual([503, expect.stringContaining('frozen') as string])
    expect(await node.view.evidence()).toEqual([])
  })
})

/** Characters that a terminal interprets instead of displaying. */
const UNSEEN = /[^\n\P{C}]/u

describe('foreign text', () => {
  test('in an answer of the log is cleaned for the client', async () => {
    const { url } = await startNode()
    log.lie = (path) =>
      path.startsWith('lookup/')
        ? (response) => response.writeHead(404).end('gone \x1b[8m\x9b8m\u202e\nhint: nothing to see')
        : undefined
    const said = await (await lookup(url, 5)).text()
    expect(said).toContain('gone \ufffd[8m')
    expect(said).not.toMatch(UNSEEN)
    expect(said.trimEnd().split('\n')).toHaveLength(1)
  })

  test('in the name of a log is cleaned in all labels and answers', async () => {
    const name = 'sum\x1b[8m.example\u202e'
    const named = makeSignerKey(name, SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(9))
    const other = await LyingLog.start(await memoryLog(named, madeUpRecords(0, 3)))
    onTestFinished(() => other.close())
    const settings = { home: temporaryHome(), log: [`${named.verifier.vkey} ${other.url}`], listen: [] }
    const node = await createNode(loadConfig({ ...settings, http: '127.0.0.1:0', poll: 3600 }, { env: {} }))
    onTestFinished(() => node.stop())
    for (const path of ['/metrics', '/api/v1/status', '/api/v1/logs', '/readyz?verbose'])
      expect(await (await fetch(`${node.http}${path}`)).text(), path).not.toMatch(UNSEEN)
    const { logs } = (await (await fetch(`${node.http}/api/v1/logs`)).json()) as { logs: { name: string }[] }
    expect(logs[0]!.name).toBe(name)
  })
})

describe('tiles', () => {
  test('of every width are cut from the tile fetched once', async () => {
    const { url } = await startNode()
    const full = new Uint8Array(await (await fetch(`${url}/tile/8/0/002.p/188`)).arrayBuffer())
    const asked = log.requests.length
    for (const width of [1, 2, 100, 187]) {
      const bytes = new Uint8Array(await (await fetch(`${url}/tile/8/0/002.p/${width}`)).arrayBuffer())
      expect(bytes).toEqual(full.subarray(0, width * 32))
    }
    expect(log.requests).toHaveLength(asked)
  })

  test('that are full may be cached permanently, and others may not', async () => {
    const { url } = await startNode()
    const cacheOf = async (path: string) => (await fetch(`${url}/${path}`)).headers.get('cache-control')
    expect(await cacheOf('tile/8/0/000')).toContain('immutable')
    expect(await cacheOf('tile/8/0/002.p/188')).toBe('no-cache')
    expect(await cacheOf('latest')).toBe('no-cache')
    expect(await cacheOf(`lookup/${escaped(1)}`)).toBe('no-cache')
  })

  test('newer than the proven head make the node poll the log and prove the new head first', async () => {
    log.history = await memoryLog(signer, madeUpRecords(0, SIZE))
    const { url, quorum } = await startNode()
    await log.history.append(madeUpRecords(SIZE, SIZE + 60))
    const answer = await fetch(`${url}/tile/8/0/002.p/240`)
    expect([answer.status, (await answer.arrayBuffer()).byteLength]).toEqual([200, 240 * 32])
    await quorum(SIZE + 60)
    const beyond = await fetch(`${url}/tile/8/0/003.p/240`)
    expect([beyond.status, await beyond.text()]).toEqual([404, expect.stringContaining('760 records') as string])
  })

  test('with one wrong bit are withheld', async () => {
    const { url } = await startNode()
    log.lie = (path) => (path.startsWith('tile/8/0/001') ? flipBit(77) : undefined)
    const answer = await fetch(`${url}/tile/8/0/001`)
    expect([answer.status, await answer.text()]).toEqual([502, expect.stringContaining('tile') as string])
  })

  test('of records are proven record by record', async () => {
    const { url } = await startNode()
    const text = madeUpRecords(512, SIZE)
      .map((record) => `${record.text}\n`)
      .join('')
    expect(await (await fetch(`${url}/tile/8/data/002.p/188`)).text()).toBe(text)
    log.lie = (path) => (path.startsWith('tile/8/data') ? flipBit(40) : undefined)
    expect((await fetch(`${url}/tile/8/data/001`)).status).toBe(502)
  })
})

describe('a path', () => {
  test.each([
    [`/sumdb/${NAME}/lookup/example.com/Module5@v1.5.0`, 400],
    [`/sumdb/${NAME}/lookup/example.com/!module5@v1.5.0/..`, 400],
    [`/sumdb/${NAME}/lookup/../latest`, 400],
    [`/sumdb/${NAME}/lookup/..%2f..%2fetc@v1.0.0`, 400],
    [`/sumdb/${NAME}/lookup/http://127.0.0.1:1/x@v1.0.0`, 400],
    [`/sumdb/${NAME}/lookup/@v1.0.0`, 400],
    [`/sumdb/${NAME}/lookup/example.com/m@latest`, 400],
    [`/sumdb/${NAME}/lookup/${'a'.repeat(2000)}@v1.0.0`, 400],
    [`/sumdb/${NAME}/tile/8/0/000.p/0`, 400],
    [`/sumdb/${NAME}/tile/8/0/000.p/256`, 400],
    [`/sumdb/${NAME}/tile/8/0/0`, 400],
    [`/sumdb/${NAME}/tile/9/0/000`, 400],
    [`/sumdb/${NAME}/tile/8/64/000`, 400],
    [`/sumdb/${NAME}/tile/8/0/x999/x999/x999/999`, 404],
    [`/sumdb/${NAME}/other`, 400],
    [`/sumdb/${NAME}/`, 400],
    ['/sumdb/sum.golang.org/supported', 403],
    ['/sumdb/127.0.0.1:22/latest', 403],
    [`/sumdb/${NAME}x/supported`, 403],
    [`/sumdb/x/${NAME}/supported`, 403],
    [`/sumdb/${NAME}/%ff`, 400],
    ['/github.com/any/module/@v/list', 404],
    ['/sumdb', 404],
  ])('%s is answered with %i, without any request to the log other than for its head', async (path, status) => {
    const { url } = await startNode()
    const before = new Set(log.requests)
    expect((await raw(url, path)).status).toBe(status)
    expect(log.requests.filter((asked) => !before.has(asked) && asked !== 'latest')).toEqual([])
  })

  test('is read-only, and HEAD is a GET without a body', async () => {
    const { url } = await startNode()
    const path = `/sumdb/${NAME}/latest`
    expect(await raw(url, path, 'POST')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD, OPTIONS' } })
    expect(await raw(url, path, 'HEAD')).toMatchObject({ status: 200, body: '' })
  })
})

test('lookups go to the configured upstream, heads still come from the log itself', async () => {
  const upstream = await LyingLog.start(log.history)
  onTestFinished(() => upstream.close())
  const { url } = await startNode({ upstream: [`${NAME} ${upstream.url}/`] })
  expect((await lookup(url, 5)).status).toBe(200)
  expect(upstream.requests).toContain(`lookup/${decodeURIComponent(escaped(5))}`)
  expect(upstream.requests).not.toContain('latest')
  expect(log.requests.filter((path) => path.startsWith('lookup/'))).toEqual([])
  expect(parseCheckpoint(parseNote(new Uint8Array(await (await fetch(`${url}/latest`)).arrayBuffer())).text).size).toBe(
    SIZE,
  )
})
