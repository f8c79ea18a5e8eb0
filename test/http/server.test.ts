import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { GossumError } from '../../src/errors.js'
import type { NodeView } from '../../src/status/node-view.js'
import { HttpServer, type HttpServerOptions } from '../../src/http/server.js'
import {
  EVIDENCE,
  EVIDENCE_FILE,
  EVIDENCE_ID,
  fakeNode,
  LOG,
  LOG_ID,
  NOTE,
  ROOT,
  WITNESSES,
} from '../helpers/node-view.js'

const servers: HttpServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()))
})

async function serve(changes: Partial<NodeView> = {}, options: Partial<HttpServerOptions> = {}) {
  const node = fakeNode(changes)
  const server = await HttpServer.start({ host: '127.0.0.1', port: 0, node, ...options })
  servers.push(server)
  return { node, server }
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

interface Asking {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array
  readonly agent?: Agent
}

/** fetch cannot send Host or Origin. */
async function ask(server: HttpServer, path: string, asking: Asking = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body, agent } = asking
  const request = httpRequest(server.url, { method, headers, agent: agent ?? false, path })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return { status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString('utf8') }
}

function problemOf(answer: Answer): Record<string, unknown> {
  expect(answer.headers['content-type']).toBe('application/problem+json')
  const problem = JSON.parse(answer.body) as Record<string, unknown>
  expect(Object.keys(problem)).toEqual(['type', 'title', 'status', 'detail', 'code', 'hint'])
  expect(problem['status']).toBe(answer.status)
  return problem
}

describe('the API', () => {
  it('returns the status, which caches must revalidate', async () => {
    const { server, node } = await serve()
    const answer = await ask(server, '/api/v1/status')
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.body)).toEqual(await node.status())
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-cache',
      'access-control-allow-origin': '*',
      'x-content-type-options': 'nosniff',
      'content-length': String(Buffer.byteLength(answer.body)),
    })
  })

  it.each([
    ['/api/v1/logs', { logs: [LOG] }],
    ['/api/v1/peers', { peers: fakeNode().peers() }],
    ['/api/v1/witnesses', { witnesses: WITNESSES }],
    ['/api/v1/evidence', { evidence: EVIDENCE }],
  ])('wraps the list of %s', async (path, expected) => {
    const { server } = await serve()
    expect(JSON.parse((await ask(server, path)).body)).toEqual(expected)
  })

  it('returns the head as JSON, or as a note if plain text is requested', async () => {
    const { server } = await serve()
    const path = `/api/v1/logs/${LOG_ID}/head`
    expect(JSON.parse((await ask(server, path)).body)).toMatchObject({ size: 280573, root: ROOT, note: NOTE })
    const plain = await ask(server, path, { headers: { accept: 'text/plain;q=0.9' } })
    expect(plain.body).toBe(NOTE)
    expect(plain.headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(plain.headers.vary).toBe('accept')
    const both = await ask(server, path, { headers: { accept: 'application/json, text/plain, */*' } })
    expect(both.headers['content-type']).toBe('application/json')
  })

  it.each([
    '/api/v1/status',
    '/api/v1/logs',
    `/api/v1/logs/${LOG_ID}/head`,
    `/api/v1/logs/${LOG_ID}/heads`,
    '/api/v1/peers',
    '/api/v1/witnesses',
    '/api/v1/evidence',
    `/api/v1/evidence/${EVIDENCE_ID}`,
    `/api/v1/suspects/${EVIDENCE_ID}`,
    '/metrics',
    '/livez',
  ])('answers conditional requests at %s', async (path) => {
    const { server } = await serve()
    const { headers, status } = await ask(server, path)
    expect(status).toBe(200)
    expect(headers['cache-control']).toMatch(
      /^(no-(cache|store)|public, max-age=\d+, (immutable|stale-while-revalidate=\d+, stale-if-error=\d+))$/,
    )
    for (const known of [headers.etag!, `W/${headers.etag!}`, `"other", ${headers.etag!}`, '*']) {
      const again = await ask(server, path, { headers: { 'if-none-match': known } })
      expect(again).toMatchObject({ status: 304, body: '' })
      expect(again.headers.etag).toBe(headers.etag)
      expect(again.headers['cache-control']).toBe(headers['cache-control'])
    }
    expect((await ask(server, path, { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
  })

  it('has no head before the first', async () => {
    const { server } = await serve({ head: () => Promise.resolve(undefined) })
    expect(problemOf(await ask(server, `/api/v1/logs/${LOG_ID}/head`))).toMatchObject({
      code: 'NOT_FOUND',
      status: 404,
    })
  })

  it('returns 20 heads, or as many as requested', async () => {
    const { server, node } = await serve()
    expect(JSON.parse((await ask(server, `/api/v1/logs/${LOG_ID}/heads`)).body)).toMatchObject({
      heads: [{ note: NOTE }],
    })
    await ask(server, `/api/v1/logs/${LOG_ID}/heads?limit=1000`)
    // Read in parts, until there are no more.
    expect(node.limits).toEqual([20, 32])
  })

  it.each(['0', '1001', '-1', '1.5', '', 'ten', '1e2', '99999999999999999999'])(
    'refuses the limit %j',
    async (limit) => {
      const { server, node } = await serve()
      const answer = await ask(server, `/api/v1/logs/${LOG_ID}/heads?limit=${limit}`)
      expect(problemOf(answer)).toMatchObject({ code: 'REQUEST_INVALID', status: 400, title: 'Bad Request' })
      expect(node.limits).toEqual([])
    },
  )

  it.each(['head', 'heads'])('refuses to give the %s of a log that it does not follow', async (what) => {
    const { server } = await serve()
    expect(problemOf(await ask(server, `/api/v1/logs/${'cd'.repeat(32)}/${what}`))).toMatchObject({
      code: 'LOG_UNKNOWN',
      status: 404,
    })
  })

  it('serves evidence byte for byte, as immutable', async () => {
    const { server } = await serve()
    const answer = await ask(server, `/api/v1/evidence/${EVIDENCE_ID}`)
    expect(Buffer.from(answer.body)).toEqual(Buffer.from(EVIDENCE_FILE))
    expect(answer.headers['cache-control']).toContain('immutable')
  })

  it.each(['fedcba9876543210', 'UPPER', '..', '%2e%2e%2fwitness.key'])('has no evidence %j', async (id) => {
    const { server } = await serve({
      evidenceFile: (asked) => Promise.resolve(/^[0-9a-f]+$/.test(asked) ? undefined : EVIDENCE_FILE),
    })
    expect(problemOf(await ask(server, `/api/v1/evidence/${id}`))).toMatchObject({
      code: 'EVIDENCE_UNKNOWN',
      status: 404,
    })
  })

  it('answers HEAD as GET, without the body', async () => {
    const { server } = await serve()
    const [get, head] = [await ask(server, '/api/v1/logs'), await ask(server, '/api/v1/logs', { method: 'HEAD' })]
    expect(head.status).toBe(200)
    expect(head.body).toBe('')
    expect(head.headers['content-length']).toBe(get.headers['content-length'])
    expect(head.headers['access-control-allow-origin']).toBe('*')
  })
})

describe('health and metrics', () => {
  it('are 200 at /livez', async () => {
    const { server } = await serve()
    expect(await ask(server, '/livez')).toMatchObject({ status: 200, body: 'ok\n' })
  })

  it.each(['/readyz', '/healthz'])('say at %s whether the node is ready, and why not', async (path) => {
    const { server } = await serve()
    expect(await ask(server, path)).toMatchObject({ status: 200, body: 'ok\n' })
    const checks = [
      { name: 'head', ok: true, detail: 'size 5' },
      { name: 'not frozen', ok: false, detail: 'proven to misbehave' },
    ]
    const sick = await serve({ readiness: () => Promise.resolve({ ready: false, checks }) })
    expect(await ask(sick.server, path)).toMatchObject({ status: 503, body: 'not ready\n' })
    expect((await ask(sick.server, `${path}?verbose`)).body).toBe(
      '[+] head: size 5\n[-] not frozen: proven to misbehave\nnot ready\n',
    )
  })

  it('use the Prometheus text format', async () => {
    const { server } = await serve()
    const answer = await ask(server, '/metrics')
    expect(answer.body).toBe('gossum_peers 1\n')
    expect(answer.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/)
  })
})

describe('acknowledging evidence', () => {
  const path = `/api/v1/evidence/${EVIDENCE_ID}/ack`

  it.each([
    ['clients on loopback, like all behind a plain reverse proxy', {}],
    ['clients with loopback in the Host header', { host: 'localhost:46787' }],
    [
      'clients that claim to be the operator',
      { host: 'operator', 'x-operator': '1', authorization: 'Basic b3BlcmF0b3I6' },
    ],
    ['clients that claim to come from loopback', { 'x-forwarded-for': '127.0.0.1', forwarded: 'for=127.0.0.1' }],
    ['clients that override the method', { 'x-http-method-override': 'POST' }],
  ])('is no public route, even for %s', async (_who, headers) => {
    const { server, node } = await serve({}, { trustedProxies: ['127.0.0.1'] })
    for (const method of ['POST', 'PUT', 'GET']) {
      const answer = await ask(server, path, { method, headers })
      expect(problemOf(answer)).toMatchObject({ code: 'NOT_FOUND', status: 404 })
    }
    expect(node.acknowledged).toEqual([])
  })
})

describe('a bad request', () => {
  it.each(['/', '/api/v1', '/api/v1/status/', '/api/v2/status', '//api/v1/status', '/api/v1/logs//head', '*'])(
    'for %s is answered with 404',
    async (path) => {
      const { server } = await serve()
      expect(problemOf(await ask(server, path))).toMatchObject({ code: 'NOT_FOUND', status: 404 })
    },
  )

  it.each([
    ['POST', '/api/v1/status', 'GET, HEAD'],
    ['DELETE', `/api/v1/evidence/${EVIDENCE_ID}`, 'GET, HEAD'],
    ['OPTIONS', '/metrics', 'GET, HEAD'],
    ['GET', '/api/v1/heads', 'POST'],
    ['PUT', '/api/v1/heads', 'POST'],
  ])('with method %s at %s is not allowed', async (method, path, allow) => {
    const { server } = await serve()
    const answer = await ask(server, path, { method })
    expect(problemOf(answer)).toMatchObject({ code: 'METHOD_NOT_ALLOWED', status: 405 })
    expect(answer.headers.allow).toBe(allow)
  })

  it('with a path that is not percent-encoded UTF-8 is refused', async () => {
    const { server } = await serve()
    expect(problemOf(await ask(server, '/api/v1/logs/%ff/head'))).toMatchObject({
      code: 'REQUEST_INVALID',
      status: 400,
    })
  })

  it('with a body above 1 KiB, declared or not, is refused', async () => {
    const { server } = await serve()
    const path = '/api/v1/logs'
    for (const headers of [{ 'content-length': '1025' }, { 'transfer-encoding': 'chunked' }]) {
      const answer = await ask(server, path, { headers, body: new Uint8Array(1025) })
      expect(problemOf(answer)).toMatchObject({ code: 'REQUEST_TOO_LARGE', status: 413 })
    }
    const answer = await ask(server, path, { headers: { 'content-length': '1024' }, body: new Uint8Array(1024) })
    expect(answer.status).toBe(200)
  })

  it.each([
    ['as declared', `Content-Length: 999999\r\n\r\n`],
    ['as received', `Transfer-Encoding: chunked\r\n\r\n${(1025).toString(16)}\r\n${'x'.repeat(1025)}\r\n`],
  ])(
    'with a body that is too large, %s, is refused before its end, and its connection is closed',
    async (_how, rest) => {
      const { server } = await serve()
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
      socket.write(`GET /api/v1/logs HTTP/1.1\r\nHost: localhost\r\n${rest}`)
      const chunks: Buffer[] = []
      socket.on('data', (chunk: Buffer) => chunks.push(chunk))
      await once(socket, 'end')
      expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 413 [^]*\r\nconnection: close\r\n/i)
      socket.destroy()
    },
  )

  it('with headers above 8 KiB is refused', async () => {
    const { server } = await serve()
    expect((await ask(server, '/livez', { headers: { 'x-long': 'x'.repeat(9000) } })).status).toBe(431)
  })
})

describe('an internal error', () => {
  it('is hidden from the client, and fully reported to the operator', async () => {
    const trouble = new Error('secret: /home/me/.local')
    const errors: unknown[] = []
    const { server } = await serve(
      { status: () => Promise.reject(trouble) },
      { onError: (error) => errors.push(error) },
    )
    const answer = await ask(server, '/api/v1/status')
    expect(problemOf(answer)).toMatchObject({ code: 'INTERNAL', status: 500, title: 'Internal Server Error' })
    expect(answer.body).not.toContain('secret')
    expect(errors).toEqual([trouble])
  })

  it.each([
    [
      'in the middle of its request',
      'GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhi',
      '/livez',
    ],
    ['before it is answered', 'GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n', '/api/v1/status'],
  ])('is not reported for a client that disconnects %s', async (_when, request, path) => {
    const errors: unknown[] = []
    const seen: [string, number][] = []
    let counted: (() => void) | undefined
    const isCounted = new Promise<void>((resolve) => (counted = resolve))
    let asked: (() => void) | undefined
    const isAsked = new Promise<void>((resolve) => (asked = resolve))
    let fail: (() => void) | undefined
    const status = (): Promise<never> => {
      asked?.()
      return new Promise((_, reject) => (fail = () => reject(new Error('what was asked for nobody'))))
    }
    const onRequest = (route: string, code: number): void => {
      seen.push([route, code])
      // The other one is the test's own.
      if (route !== '/livez' || code !== 200) counted?.()
    }
    const { server } = await serve({ status }, { onError: (error) => errors.push(error), onRequest })
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    await new Promise<void>((resolve) => socket.write(request, () => resolve()))
    if (path !== '/livez') await isAsked
    await new Promise<void>((resolve) => socket.once('close', () => resolve()).destroy())
    // By then the server knows it too: it answers later requests.
    await ask(server, '/livez')
    fail?.()
    await isCounted
    expect(errors).toEqual([])
    expect(seen).toContainEqual([path, 499])
    expect(seen.filter(([, code]) => code >= 500)).toEqual([])
  })

  it('is also caught if thrown synchronously, and its paths are hidden', async () => {
    const { server } = await serve({
      peers: () => {
        throw new GossumError('STORE_DAMAGED', '/home/me/db')
      },
    })
    const answer = await ask(server, '/api/v1/peers')
    expect(problemOf(answer)).toMatchObject({ code: 'STORE_DAMAGED', status: 500 })
    expect(answer.body).not.toContain('/home/me')
    // It goes on running.
    expect((await ask(server, '/livez')).status).toBe(200)
  })
})

describe('the server', () => {
  it('counts requests by route, never by path', async () => {
    const seen: [string, number][] = []
    const { server } = await serve({}, { onRequest: (route, status) => seen.push([route, status]) })
    await ask(server, `/api/v1/evidence/${EVIDENCE_ID}`)
    await ask(server, `/api/v1/evidence/none`)
    await ask(server, '/nonsense')
    expect(seen).toEqual([
      ['/api/v1/evidence/:id', 200],
      ['/api/v1/evidence/:id', 404],
      ['', 404],
    ])
  })

  it('refuses an address that is in use', async () => {
    const { server } = await serve()
    const start = HttpServer.start({ host: '127.0.0.1', port: Number(new URL(server.url).port), node: fakeNode() })
    await expect(start).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
  })

  it('refuses an address of another machine', async () => {
    const start = HttpServer.start({ host: '192.0.2.1', port: 0, node: fakeNode() })
    await expect(start).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
  })

  it('stops despite idle connections and a hanging request', async () => {
    let asked: () => void
    const isAsked = new Promise<void>((resolve) => (asked = resolve))
    const { server } = await serve({
      metrics: () => {
        asked()
        return new Promise(() => undefined)
      },
    })
    const agent = new Agent({ keepAlive: true })
    await ask(server, '/livez', { agent })
    const silent = connect(Number(new URL(server.url).port), '127.0.0.1')
    await once(silent, 'connect')
    const hanging = expect(ask(server, '/metrics')).rejects.toThrow()
    await isAsked
    await Promise.all([server.stop(), server.stop()])
    await hanging
    agent.destroy()
    silent.destroy()
    await expect(ask(server, '/livez')).rejects.toThrow()
    // Less than the time after which idle connections are dropped anyway.
  }, 10_000)

  it('finishes a running request when it stops', async () => {
    let answer: (text: string) => void
    let asked: () => void
    const isAsked = new Promise<void>((resolve) => (asked = resolve))
    const { server } = await serve({
      metrics: () => {
        asked()
        return new Promise((resolve) => (answer = resolve))
      },
    })
    const pending = ask(server, '/metrics')
    await isAsked
    const closed = server.stop()
    answer!('done\n')
    expect(await pending).toMatchObject({ status: 200, body: 'done\n', headers: { connection: 'close' } })
    await closed
  })
})
