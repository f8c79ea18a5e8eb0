/** The cache headers of each route of the API description, over real sockets: every route has the right ones. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { alarmOperatorRoutes } from '../../src/http/alarm-operator.js'
import { dashboardRoutes } from '../../src/http/dashboard-door.js'
import { eventsRoute } from '../../src/http/events-door.js'
import { feedRoutes } from '../../src/http/feed-door.js'
import { indexRoutes } from '../../src/http/index-door.js'
import { mirrorRoutes } from '../../src/http/mirror-door.js'
import { mirrorOperatorRoutes } from '../../src/http/mirror-operator.js'
import { operatorSocket } from '../../src/http/operator-path.js'
import { OperatorDoor } from '../../src/http/operator-socket.js'
import { PageScript } from '../../src/http/page-script.js'
import { OPERATIONS } from '../../src/http/schema/operations.js'
import { HttpServer } from '../../src/http/server.js'
import { aboutWitnessRoute } from '../../src/http/witness/about-witness.js'
import { witnessRoutes } from '../../src/http/witness/add-checkpoint.js'
import { EventLog } from '../../src/node/event-log.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { testWitness } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { fakeMirror, mirrorOf } from '../helpers/mirror-view.js'
import { EVIDENCE_ID, fakeNode, LOG_ID, LOG_KEY, NOTE } from '../helpers/node-view.js'
import { parseVerifierKey } from '../../src/tlog/note.js'

const NEVER = 'no-store'
const ASKED = 'no-cache'
const FOR_EVER = 'public, max-age=31536000, immutable'
const HEADS = 'public, max-age=2, stale-while-revalidate=8, stale-if-error=600'
const CHECKPOINTS = 'public, max-age=5, stale-while-revalidate=10, stale-if-error=600'
const LISTS = 'public, max-age=10, stale-while-revalidate=50, stale-if-error=3600'
const SLOW = 'public, max-age=60, stale-while-revalidate=240, stale-if-error=86400'
const MINUTE = 'public, max-age=60'

/** For every read: its target, and its cache headers. */
const READS: Readonly<Record<string, readonly [target: string, caching: string]>> = {
  '/': ['/', ASKED],
  '/assets/{name}': ['/assets/page-NAME.js', FOR_EVER],
  '/api/v1/status': ['/api/v1/status', ASKED],
  '/api/v1/logs': ['/api/v1/logs', LISTS],
  '/api/v1/logs/{log}/head': [`/api/v1/logs/${LOG_ID}/head`, HEADS],
  '/api/v1/logs/{log}/quorum': [`/api/v1/logs/${LOG_ID}/quorum`, HEADS],
  '/api/v1/logs/{log}/heads': [`/api/v1/logs/${LOG_ID}/heads?limit=2`, LISTS],
  '/api/v1/logs/{log}/pictures': [`/api/v1/logs/${LOG_ID}/pictures`, ASKED],
  '/api/v1/peers': ['/api/v1/peers', ASKED],
  '/api/v1/witnesses': ['/api/v1/witnesses', LISTS],
  '/api/v1/witness': ['/api/v1/witness', SLOW],
  '/api/v1/evidence': ['/api/v1/evidence', LISTS],
  '/api/v1/evidence/{id}': [`/api/v1/evidence/${EVIDENCE_ID}`, FOR_EVER],
  '/api/v1/suspects': ['/api/v1/suspects', LISTS],
  '/api/v1/suspects/{id}': [`/api/v1/suspects/${EVIDENCE_ID}`, LISTS],
  '/api/v1/events': ['/api/v1/events', NEVER],
  '/index': ['/index', LISTS],
  '/livez': ['/livez', NEVER],
  '/readyz': ['/readyz', NEVER],
  '/healthz': ['/healthz', NEVER],
  '/feed.atom': ['/feed.atom', SLOW],
  '/feed.json': ['/feed.json', SLOW],
  '/metrics': ['/metrics', NEVER],
  '/openapi.json': ['/openapi.json', SLOW],
  '/{log}/checkpoint': [`/${LOG_ID}/checkpoint`, CHECKPOINTS],
  '/sumdb/{name}/supported': ['/sumdb/sum.example/supported', ASKED],
  '/sumdb/{name}/latest': ['/sumdb/sum.example/latest', ASKED],
  '/sumdb/{name}/lookup/{module}': ['/sumdb/sum.example/lookup/a@v1.0.0', ASKED],
  '/sumdb/{name}/tile/{tile}': ['/sumdb/sum.example/tile/8/0/000', FOR_EVER],
  '/mod/{module}/@v/list': ['/mod/example.com/m/@v/list', MINUTE],
  '/mod/{module}/@latest': ['/mod/example.com/m/@latest', MINUTE],
  '/mod/{module}/@v/{version}.info': ['/mod/example.com/m/@v/v1.0.0.info', FOR_EVER],
  '/mod/{module}/@v/{version}.mod': ['/mod/example.com/m/@v/v1.0.0.mod', FOR_EVER],
  '/mod/{module}/@v/{version}.zip': ['/mod/example.com/m/@v/v1.0.0.zip', FOR_EVER],
  '/api/v1/mirror': ['/api/v1/mirror', NEVER],
  '/api/v1/alarm': ['/api/v1/alarm', NEVER],
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly length: number
}

type Ask = (target: string, asking?: { method?: string; headers?: Record<string, string> }) => Promise<Answer>

/** Sends requests to a URL, or to a socket. An answer without end is cut off. */
function asking(to: object): Ask {
  return async (path, { method = 'GET', headers = {} } = {}) => {
    const request = httpRequest({ ...to, path, method, headers, agent: false })
    request.end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    let length = 0
    if (response.headers['content-type']?.startsWith('text/event-stream')) response.destroy()
    else for await (const chunk of response) length += (chunk as Buffer).length
    return { status: response.statusCode!, headers: response.headers, length }
  }
}

/** A node that has one of everything, and answers all routes; and its operator. */
async function serve() {
  const home = temporaryHome()
  const node = fakeNode()
  const script = join(home, 'page.js')
  writeFileSync(script, 'a script')
  const key = parseVerifierKey(LOG_KEY)
  const answer = { body: utf8(NOTE), size: 5 }
  const sumdb = {
    ...{ name: 'sum.example', silentSince: undefined, latest: () => answer, lookup: () => Promise.resolve(answer) },
    tile: () => Promise.resolve(utf8('tile')),
  }
  const about = {
    ...{ contact: undefined, logs: [], isTaken: () => false, isFrozen: () => false },
    keys: { shared: [testWitness.verifier] as const, of: () => [testWitness.verifier] },
  }
  const server = await HttpServer.start({
    ...{ host: '127.0.0.1', port: 0, node, sumdbs: [sumdb] },
    routes: [
      ...witnessRoutes({
        logs: [{ id: LOG_ID, key, origin: 'go.sum database tree' }],
        submit: () => Promise.reject(new Error('nothing is pushed here')),
        checkpoint: () => Promise.resolve(utf8(NOTE)),
        now: () => 0,
      }),
      aboutWitnessRoute(about),
      eventsRoute({
        ...{ events: new EventLog(), names: [], follows: () => true, now: () => 0 },
        onReader: () => undefined,
      }),
      ...dashboardRoutes(
        node,
        () => 1_790_000_000_000,
        () => PageScript.load(new URL(`file://${script}`)),
      ),
      ...feedRoutes(node, () => []),
      ...indexRoutes({ page: () => Promise.resolve([]) }),
      ...mirrorRoutes(mirrorOf(home, utf8('module')), [], () => undefined),
    ],
  })
  onTestFinished(() => server.stop())
  const none = { list: () => ({ firing: [], receivers: [] }), test: () => Promise.resolve({ results: [] }) }
  const operator = [...mirrorOperatorRoutes(fakeMirror()), ...alarmOperatorRoutes(none)]
  const door = await OperatorDoor.start(home, node, {}, operator)
  onTestFinished(() => door.stop())
  const { hostname, port } = new URL(server.url)
  const name = (await PageScript.load(new URL(`file://${script}`)))!.path
  return { all: asking({ hostname, port }), operator: asking({ socketPath: operatorSocket(home) }), name }
}

const reads = OPERATIONS.filter(({ method }) => method === 'get')

test('every read in the API description is listed here, and no other', () => {
  expect(Object.keys(READS).toSorted()).toEqual(reads.map(({ path }) => path).toSorted())
})

test.each(reads)('GET $path has its Cache-Control, and answers conditional requests', async (operation) => {
  const { all, operator, name } = await serve()
  const ask = operation.isForOperator === true ? operator : all
  const [written, caching] = READS[operation.path]!
  const target = written.replace('/assets/page-NAME.js', name)
  const { status, headers } = await ask(target)
  expect([status, headers['cache-control']]).toEqual([200, caching])
  // An answer that depends on a header must declare it, or a cache would mix up answers.
  const types = Object.keys(operation.answers[200]!.content)
  const isNegotiated = types.length > 1 && !operation.path.startsWith('/sumdb/')
  expect(headers.vary).toBe(isNegotiated ? 'accept' : undefined)
  if (operation.path === '/api/v1/events') return expect(headers.etag).toBeUndefined()

  const { etag } = headers
  const without = (all: IncomingHttpHeaders) => ({ ...all, date: undefined, connection: undefined })
  const head = await ask(target, { method: 'HEAD' })
  expect([head.status, head.length, without(head.headers)]).toEqual([200, 0, without(headers)])
  for (const method of ['GET', 'HEAD']) {
    const again = await ask(target, { method, headers: { 'if-none-match': etag! } })
    expect([again.status, again.length, again.headers.etag]).toEqual([304, 0, etag])
    expect([again.headers['cache-control'], again.headers.vary]).toEqual([caching, headers.vary])
  }
  expect((await ask(target, { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
})

test('a note and its JSON have different ETags', async () => {
  const { all } = await serve()
  const target = `/api/v1/logs/${LOG_ID}/head`
  const [json, note] = await Promise.all([all(target), all(target, { headers: { accept: 'text/plain' } })])
  expect(note.headers).toMatchObject({ vary: 'accept', 'cache-control': HEADS })
  expect(note.headers.etag).not.toBe(json.headers.etag)
  const other = { accept: 'text/plain', 'if-none-match': json.headers.etag! }
  expect((await all(target, { headers: other })).status).toBe(200)
})

test('refusals and missing resources may not be cached', async () => {
  const { all } = await serve()
  for (const [target, method] of [
    ['/nothing', 'GET'],
    [`/api/v1/logs/${'cd'.repeat(32)}/head`, 'GET'],
    [`/api/v1/evidence/fedcba9876543210`, 'GET'],
    ['/api/v1/logs?limit=0', 'GET'],
    ['/api/v1/status', 'DELETE'],
    ['/api/v1/heads', 'POST'],
    ['/add-checkpoint', 'POST'],
    ['/sumdb/other/latest', 'GET'],
  ] as const) {
    const { status, headers } = await all(target, { method })
    expect([status === 200 || status >= 400, headers['cache-control']], target).toEqual([true, NEVER])
  }
})
