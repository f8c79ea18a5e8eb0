/**
 * The mirror's routes on real sockets: its errors, partial files, and clients that send arbitrary requests or do not
 * read.
 */
import { once } from 'node:events'
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { GossumError, type ErrorCode } from '../../src/errors.js'
import { PIECE_BYTES } from '../../src/http/file-body.js'
import { mirrorRoutes, type MirrorView } from '../../src/http/mirror-door.js'
import type { SumdbView } from '../../src/http/go-door.js'
import { HttpServer, type HttpServerOptions } from '../../src/http/server.js'
import { StatusError } from '../../src/sumdb/fetcher.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { temporaryHome } from '../helpers/home.js'
import { fakeMirror, mirrorOf } from '../helpers/mirror-view.js'
import { fakeNode } from '../helpers/node-view.js'

const LOG: SumdbView = {
  name: 'sum.example/one',
  silentSince: undefined,
  latest: () => ({ body: utf8('a head'), size: 7 }),
  lookup: () => Promise.reject(new StatusError(404, 'no such module')),
  tile: () => Promise.reject(new GossumError('TILE_MISSING')),
}

const errors: unknown[] = []

async function serve(mirror?: MirrorView, options: Partial<HttpServerOptions> = {}): Promise<HttpServer> {
  errors.length = 0
  const onError = (error: unknown): void => void errors.push(error)
  const routes = mirrorRoutes(mirror, [LOG], onError)
  const server = await HttpServer.start({ host: '127.0.0.1', port: 0, node: fakeNode(), routes, onError, ...options })
  onTestFinished(() => server.stop())
  return server
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** Requests a path unchanged, which fetch would normalize. */
async function ask(server: HttpServer, path: string, headers = {}, method = 'GET'): Promise<Answer> {
  const request = httpRequest(server.url, { path, method, headers, agent: false })
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return { status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }
}

const ZIP = '/mod/example.com/!mod/@v/v1.2.3.zip'
/** Three pieces and a bit. */
const BYTES = Buffer.from(Uint8Array.from({ length: 3 * PIECE_BYTES + 17 }, (_, i) => (i * 7 + (i >> 8)) % 251))
const ETAG = '"h1:abcdefgh+/="'

describe('a request of the go command', () => {
  test('reaches the mirror unescaped', async () => {
    const mirror = mirrorOf(temporaryHome(), BYTES)
    const server = await serve(mirror)
    const paths = ['@v/list', '@latest', '@v/v1.2.3.info', '@v/!release-1.x.info', '@v/v1.2.3.mod', '@v/v1.2.3.zip']
    for (const path of paths) expect((await ask(server, `/mod/example.com/!mod/v2/${path}`)).status, path).toBe(200)
    const [path, module] = ['example.com/Mod/v2', { path: 'example.com/Mod/v2', version: 'v1.2.3' }]
    expect(mirror.asked).toEqual([
      [path],
      [path],
      [path, 'v1.2.3'],
      [path, 'Release-1.x'],
      [module, 'mod'],
      [module, 'zip'],
    ])
  })

  test('may be cached permanently if the file never changes, otherwise for a minute', async () => {
    const server = await serve(mirrorOf(temporaryHome(), BYTES))
    const kept = async (path: string): Promise<unknown> => {
      const { headers } = await ask(server, `/mod/example.com/mod/${path}`)
      return [headers['content-type'], headers['cache-control']]
    }
    const [always, minute] = ['public, max-age=31536000, immutable', 'public, max-age=60']
    expect(await kept('@v/v1.2.3.zip')).toEqual(['application/zip', always])
    expect(await kept('@v/v1.2.3.mod')).toEqual(['text/plain; charset=UTF-8', always])
    expect(await kept('@v/v1.2.3.info')).toEqual(['application/json', always])
    expect(await kept('@v/master.info')).toEqual(['application/json', minute])
    expect(await kept('@latest')).toEqual(['application/json', minute])
    expect(await kept('@v/list')).toEqual(['text/plain; charset=UTF-8', minute])
  })

  test('for the checksum database is answered as under /sumdb/', async () => {
    const server = await serve(fakeMirror())
    expect((await ask(server, '/mod/sumdb/sum.example/one/supported')).status).toBe(200)
    const latest = await ask(server, '/mod/sumdb/sum.example/one/latest')
    expect([String(latest.body), latest.headers['gossum-quorum-size']]).toEqual(['a head', '7'])
    const missing = await ask(server, '/mod/sumdb/sum.example/one/lookup/a.b/c@v1.0.0')
    expect([missing.status, String(missing.body)]).toEqual([404, 'not found: no such module\n'])
    // Not 404: the go command would bypass us and go to the log.
    expect((await ask(server, '/mod/sumdb/sum.other/supported')).status).toBe(403)
  })

  test.each<[ErrorCode, number]>([
    ['MODULE_MISMATCH', 403],
    ['MODULE_UNRECORDED', 403],
    ['MODULE_ZIP_INVALID', 403],
    ['MODULE_COOLING', 403],
    ['MODULE_PRIVATE', 404],
    ['MODULE_ABSENT', 404],
    ['PROXY_FAILED', 502],
    ['RECORD_INVALID', 502],
    ['LOG_UNREACHABLE', 502],
    ['QUORUM_MISSING', 503],
    ['LOG_FROZEN', 503],
    ['MIRROR_FULL', 503],
    ['TOO_MANY_REQUESTS', 429],
  ])('that is refused with %s is answered with %i, as text that it prints', async (code, status) => {
    const fail = (): Promise<never> => Promise.reject(new GossumError(code, 'the detail'))
    const server = await serve(fakeMirror({ file: fail, info: fail, list: fail, latest: fail }))
    for (const path of ['@v/list', '@latest', '@v/v1.0.0.info', '@v/v1.0.0.mod', '@v/v1.0.0.zip']) {
      const answer = await ask(server, `/mod/example.com/mod/${path}`)
      expect([answer.status, answer.headers['content-type']], path).toEqual([status, 'text/plain; charset=UTF-8'])
      expect(String(answer.body)).toMatch(/^gossum: [^\n]+: the detail\nhint: [^\n]+\n$/)
      expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'access-control-allow-origin': '*' })
    }
    expect(errors).toEqual([])
  })

  test('that meets a bug or a disk error learns no details', async () => {
    const gone = mirrorOf(temporaryHome(), BYTES)
    const bug = (): Promise<never> => Promise.reject(new Error('a secret path'))
    const server = await serve({ ...gone, list: bug })
    const answer = await ask(server, '/mod/example.com/mod/@v/list')
    expect([answer.status, String(answer.body).includes('secret')]).toEqual([500, false])
    expect(errors).toHaveLength(1)
    const dir = temporaryHome()
    const mirror = mirrorOf(dir, BYTES)
    unlinkSync(join(dir, 'served'))
    const lost = await ask(await serve(mirror), ZIP)
    expect([lost.status, String(lost.body).includes(dir), mirror.held()]).toEqual([500, false, 0])
  })

  test('to a node that is no mirror always stops the build', async () => {
    const server = await serve()
    for (const path of ['/mod/example.com/mod/@v/list', '/mod/sumdb/sum.example/one/supported', '/mod/']) {
      const answer = await ask(server, path)
      expect([answer.status, String(answer.body)], path).toEqual([501, expect.stringContaining('--mirror') as string])
    }
  })

  test.each([
    '/mod/',
    '/mod/@v/list',
    '/mod/example.com/mod',
    '/mod/example.com/mod/',
    '/mod/example.com/mod/@v/',
    '/mod/example.com/mod/@v/v1.0.0',
    '/mod/example.com/mod/@v/v1.0.0.ziphash',
    '/mod/example.com/mod/@v/v1.0.0.zip/x',
    '/mod/example.com/mod/@v/.zip',
    '/mod/example.com/mod/@v/v1.zip',
    '/mod/example.com/mod/@v/V1.0.0.zip',
    '/mod/example.com/mod/@v/v1.0.0.ZIP',
    '/mod/example.com/mod/@v/..%2f..%2fx.info',
    '/mod/example.com/mod/@v/...info',
    '/mod/example.com/mod/@v/a%20b.info',
    '/mod/example.com/mod/@v/a%3fb.info',
    '/mod/example.com/mod/@v/a%0d%0ab.info',
    '/mod/example.com/mod/@v/%00.info',
    '/mod/example.com/Mod/@v/list',
    '/mod/example.com/!Mod/@v/list',
    '/mod/example.com/mod!/@v/list',
    '/mod/example.com/../../etc/passwd/@v/list',
    '/mod/../mod/@v/list',
    '/mod/%2e%2e/%2e%2e/@v/list',
    '/mod/.example.com/@v/list',
    '/mod/example.com%2fmod/@v/list',
    '/mod/example.com//mod/@v/list',
    '/mod//example.com/mod/@v/list',
    '/mod/http://169.254.169.254/@v/list',
    '/mod/user@example.com/mod/@v/list',
    '/mod/example.com/m@v1.0.0/@v/v1.0.0.zip',
    '/mod/ex%C3%A4mple.com/mod/@v/list',
    '/mod/example.com/%ff/@v/list',
    `/mod/example.com/${'a'.repeat(2000)}/@v/list`,
    `/mod/example.com/mod/@v/v1.0.0-${'a'.repeat(2000)}.mod`,
    `/mod/example.com/mod/@v/${'a'.repeat(2000)}.info`,
  ])('for %s is answered with 400, and does not reach the mirror', async (path) => {
    const mirror = mirrorOf(temporaryHome(), BYTES)
    const answer = await ask(await serve(mirror), path)
    expect([answer.status, mirror.asked]).toEqual([400, []])
    expect(answer.body.length).toBeLessThan(600)
  })

  test('with a line above 8 KiB does not reach the mirror', async () => {
    const mirror = mirrorOf(temporaryHome(), BYTES)
    expect((await ask(await serve(mirror), `/mod/${'a/'.repeat(8000)}@v/list`)).status).toBe(431)
    expect(mirror.asked).toEqual([])
  })
})

describe('a file', () => {
  test('is sent unchanged, with the hash in the log as its ETag, and is closed', async () => {
    const mirror = mirrorOf(temporaryHome(), BYTES)
    const server = await serve(mirror)
    const { status, headers, body } = await ask(server, ZIP)
    expect([status, headers.etag, headers['accept-ranges'], body.equals(BYTES)]).toEqual([200, ETAG, 'bytes', true])
    expect(headers['content-length']).toBe(String(BYTES.length))
    await expect.poll(mirror.held).toBe(0)
  })

  test.each([0, 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES])('of %i bytes is sent completely', async (length) => {
    const mirror = mirrorOf(temporaryHome(), BYTES.subarray(0, length))
    const { status, body } = await ask(await serve(mirror), ZIP)
    expect([status, body.equals(BYTES.subarray(0, length))]).toEqual([200, true])
    await expect.poll(mirror.held).toBe(0)
  })

  test('is not sent for a matching ETag or for HEAD', async () => {
    const mirror = mirrorOf(temporaryHome(), BYTES)
    const server = await serve(mirror)
    for (const known of [ETAG, `W/${ETAG}`, `"x", ${ETAG}`, '*']) {
      const answer = await ask(server, ZIP, { 'if-none-match': known })
      expect([answer.status, answer.body.length, answer.headers.etag], known).toEqual([304, 0, ETAG])
    }
    const head = await ask(server, ZIP, { range: 'bytes=0-0' }, 'HEAD')
    expect([head.status, head.body.length, head.headers['content-length']]).toEqual([200, 0, String(BYTES.length)])
    await expect.poll(mirror.held).toBe(0)
  })

  const size = BYTES.length
  test.each<[range: string, start: number, end: number]>([
    ['bytes=0-0', 0, 1],
    ['bytes=5-9', 5, 10],
    [`bytes=${PIECE_BYTES - 1}-${PIECE_BYTES}`, PIECE_BYTES - 1, PIECE_BYTES + 1],
    ['bytes=10-', 10, size],
    [`bytes=0-${10 * size}`, 0, size],
    ['bytes=-7', size - 7, size],
    [`bytes=-${10 * size}`, 0, size],
  ])('is sent in part for %s', async (range, start, end) => {
    const mirror = mirrorOf(temporaryHome(), BYTES)
    const { status, headers, body } = await ask(await serve(mirror), ZIP, { range, 'if-range': ETAG })
    expect([status, headers['content-range']]).toEqual([206, `bytes ${start}-${end - 1}/${size}`])
    expect(body.equals(BYTES.subarray(start, end))).toBe(true)
    expect([headers['content-length'], headers.etag]).toEqual([String(end - start), ETAG])
    await expect.poll(mirror.held).toBe(0)
  })

  test.each([`bytes=${size}-`, `bytes=${size}-${size + 5}`, 'bytes=-0'])('has no range %s', async (range) => {
    const mirror = mirrorOf(temporaryHome(), BYTES)
    const { status, headers, body } = await ask(await serve(mirror), ZIP, { range })
    expect([status, headers['content-range'], body.length]).toEqual([416, `bytes */${size}`, 0])
    await expect.poll(mirror.held).toBe(0)
  })

  test.each<[string, Record<string, string>]>([
    ['several parts', { range: 'bytes=0-1,5-6' }],
    ['another unit', { range: 'lines=0-1' }],
    ['a range that ends before it begins', { range: 'bytes=5-4' }],
    ['no range at all', { range: 'bytes=-' }],
    ['a number that is too large', { range: `bytes=${'9'.repeat(30)}-` }],
    ['a signed number', { range: 'bytes=+1-2' }],
    ['a range of another file', { range: 'bytes=0-1', 'if-range': '"h1:other="' }],
    ['a range with a date', { range: 'bytes=0-1', 'if-range': 'Wed, 21 Oct 2015 07:28:00 GMT' }],
    ['a part of something that is only alike', { range: 'bytes=0-1', 'if-range': `W/${ETAG}` }],
  ])('is sent completely for %s', async (_, headers) => {
    const { status, body } = await ask(await serve(mirrorOf(temporaryHome(), BYTES)), ZIP, headers)
    expect([status, body.length]).toEqual([200, size])
  })

  test('that turns out shorter than expected breaks off the answer', async () => {
    const dir = temporaryHome()
    const mirror = mirrorOf(dir, BYTES.subarray(0, 2 * PIECE_BYTES))
    // The mirror's stated size is too large.
    const file: MirrorView['file'] = async (...of) => ({ ...(await mirror.file(...of)), size: BYTES.length })
    const server = await serve({ ...mirror, file })
    await expect(ask(server, ZIP)).rejects.toThrow()
    expect(errors).toHaveLength(1)
    expect(mirror.held()).toBe(0)
  })

  test('is closed if its client disconnects in the middle', async () => {
    const mirror = mirrorOf(temporaryHome(), Buffer.alloc(64 * 2 ** 20))
    const server = await serve(mirror)
    const request = httpRequest(server.url, { path: ZIP, agent: false })
    request.end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    await once(response, 'readable')
    expect(mirror.held()).toBe(1)
    request.destroy()
    await expect.poll(mirror.held).toBe(0)
    expect(errors).toEqual([])
  })

  test('is closed if its client disconnected before it was found', async () => {
    const mirror = mirrorOf(temporaryHome(), BYTES)
    let find = (): void => undefined
    const found = new Promise<void>((resolve) => (find = resolve))
    const asked = new Promise<AbortSignal>((resolve) => {
      const file: MirrorView['file'] = async (module, kind, asking) => {
        resolve(asking.signal)
        await found
        return mirror.file(module, kind, asking)
      }
      void serve({ ...mirror, file }).then((server) => {
        const request = httpRequest(server.url, { path: ZIP, agent: false }).on('error', () => undefined)
        request.end()
        void asked.then(() => request.destroy())
      })
    })
    const signal = await asked
    if (!signal.aborted) await once(signal, 'abort')
    find()
    await expect.poll(() => mirror.asked.length).toBe(1)
    await expect.poll(mirror.held).toBe(0)
  })

  test('is closed after a time limit if its client does not read', async () => {
    const mirror = mirrorOf(temporaryHome(), Buffer.alloc(64 * 2 ** 20))
    // A negative base: the time limit depends only on the size.
    const server = await serve(mirror, { limits: { readMs: 200 - (64 * 2 ** 20) / 64 } })
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    const closed = once(socket, 'close')
    socket.on('error', () => undefined).write(`GET ${ZIP} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await once(socket, 'connect')
    socket.pause()
    await expect.poll(mirror.held).toBe(1)
    await expect.poll(mirror.held).toBe(0)
    socket.resume()
    await closed
    expect(socket.bytesRead).toBeLessThan(32 * 2 ** 20)
  })

  test('and the next pipelined answer come in order on one connection', async () => {
    const server = await serve(mirrorOf(temporaryHome(), BYTES))
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.write(`GET ${ZIP} HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    await once(socket, 'close')
    const text = Buffer.concat(chunks)
    const body = text.indexOf('\r\n\r\n') + 4
    expect(text.subarray(body, body + size).equals(BYTES)).toBe(true)
    expect(text.subarray(body + size).toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nok\n$/)
  })
})

describe('other websites', () => {
  test.each([
    ZIP,
    '/mod/example.com/mod/@v/list',
    '/mod/x',
    '/sumdb/x',
    '/api/v1/status',
    '/api/v1/nothing',
    '/nothing',
  ])('may read %s, whatever the status', async (path) => {
    const { headers } = await ask(await serve(mirrorOf(temporaryHome(), BYTES)), path, { origin: 'https://a.example' })
    expect(headers['access-control-allow-origin']).toBe('*')
    expect(headers['access-control-expose-headers']).toContain('etag')
  })

  test.each(['/mod/example.com/mod/@v/v1.0.0.zip', '/sumdb/sum.example/one/latest'])(
    'may send range and conditional requests for %s',
    async (path) => {
      const mirror = mirrorOf(temporaryHome(), BYTES)
      const { status, headers } = await ask(await serve(mirror), path, { origin: 'https://a.example' }, 'OPTIONS')
      expect([status, mirror.asked]).toEqual([204, []])
      expect(headers['access-control-allow-headers']).toBe('if-none-match, if-range, range')
      expect(headers['access-control-allow-methods']).toBe('GET, HEAD, OPTIONS')
    },
  )

  test('may not write', async () => {
    const answer = await ask(await serve(fakeMirror()), ZIP, {}, 'POST')
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS'])
  })
})
