/**
 * The routes under /api/v1, and those of health and metrics. The shapes of their answers are schemas
 * (status/shapes.ts).
 */
import { GossumError } from '../errors.js'
import { HEAD_CACHING, IMMUTABLE, LIST_CACHING, NO_STORE } from './caching.js'
import { etagOf } from './answer.js'
import { headsPage } from './heads-page.js'
import { pageOf, type ListOrder } from './list-page.js'
import { EVIDENCE_LIST, LOG_LIST, PEER_LIST, SUSPECT_LIST, WITNESS_LIST } from './paged-lists.js'
import { openApiRoute } from './openapi.js'
import { exact, json, jsonFile, text, type Reply } from './reply.js'
import type { ApiRequest, Route } from './router.js'
import { EVIDENCE_ID } from '../status/ids.js'
import type { NodeView } from '../status/node-view.js'
import type { HeadView } from '../status/shapes.js'
import { submitRoutes } from './submit.js'

// ---- routes ----------------------------------------------------------------------------------------------------

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** The routes of the API, of health and of metrics. */
export function apiRoutes(node: NodeView): Route[] {
  const get = (path: string, handle: Route['handle']): Route => ({ method: 'GET', path, handle })
  const costly = (path: string, handle: Route['handle']): Route => ({ ...get(path, handle), isCostly: true })
  const health = (path: string, handle: Route['handle']): Route => ({
    ...{ ...get(path, handle), isHealth: true, caching: NO_STORE },
  })
  const kept = (caching: string, route: Route): Route => ({ ...route, caching })
  const logs = list('logs', LOG_LIST, async () => (await node.status()).logs)
  const peers = list('peers', PEER_LIST, () => node.peers())
  const witnesses = list('witnesses', WITNESS_LIST, () => node.witnesses())
  const evidence = list('evidence', EVIDENCE_LIST, () => node.evidence())
  const suspects = list('suspects', SUSPECT_LIST, () => node.suspects())
  return [
    costly('/api/v1/status', async () => json(await node.status())),
    kept(LIST_CACHING, costly('/api/v1/logs', logs)),
    kept(
      HEAD_CACHING,
      get('/api/v1/logs/:log/head', (request) => newest(request, node.head(followedLog(node, request)))),
    ),
    kept(
      HEAD_CACHING,
      get('/api/v1/logs/:log/quorum', (request) => newest(request, node.quorum(followedLog(node, request)))),
    ),
    kept(
      LIST_CACHING,
      costly('/api/v1/logs/:log/heads', (request) => headsPage(node, followedLog(node, request), request)),
    ),
    get('/api/v1/peers', peers),
    kept(LIST_CACHING, get('/api/v1/witnesses', witnesses)),
    kept(LIST_CACHING, costly('/api/v1/evidence', evidence)),
    kept(LIST_CACHING, costly('/api/v1/suspects', suspects)),
    ...submitRoutes(node),
    // Its name is a hash of the head; whether there is such a suspect may change.
    kept(
      LIST_CACHING,
      costly('/api/v1/suspects/:id', (request) => suspectNote(node, request)),
    ),
    kept(
      IMMUTABLE,
      costly('/api/v1/evidence/:id', (request) => evidenceFile(node, request)),
    ),
    kept(
      NO_STORE,
      costly('/metrics', async () => text(await node.metrics(), { type: METRICS_TYPE })),
    ),
    openApiRoute(),
    health('/livez', () => text('ok\n')),
    health('/readyz', (request) => readiness(node, request)),
    health('/healthz', (request) => readiness(node, request)),
  ]
}

/** A paged list, under its name. */
function list<T>(name: string, order: ListOrder<T>, read: () => T[] | Promise<T[]>): Route['handle'] {
  return async ({ query }) => {
    const { items, next } = pageOf(order, await read(), query)
    return json({ [name]: items, next })
  }
}

function followedLog(node: NodeView, { params }: ApiRequest): string {
  const log = params['log']!
  if (!node.follows(log)) throw new GossumError('LOG_UNKNOWN', log.slice(0, 80))
  return log
}

/** The newest head of a kind: as JSON, or as the note itself. */
async function newest({ headers }: ApiRequest, found: Promise<HeadView | undefined>): Promise<Reply> {
  const head = await found
  if (head === undefined) throw new GossumError('NOT_FOUND', 'the node has no such head of this log yet')
  const made = prefersText(headers.accept ?? '') ? NOTES : JSONS
  let reply = made.get(head)
  if (reply === undefined) {
    const plain = made === NOTES ? exact(head.note) : json(head)
    reply = { ...plain, headers: { ...plain.headers, vary: 'accept', etag: etagOf(plain.body) } }
    made.set(head, reply)
  }
  return reply
}

/** Replies, cached by head: heads are requested more often than they change. */
const JSONS = new WeakMap<HeadView, Reply>()
const NOTES = new WeakMap<HeadView, Reply>()

/** Whether an Accept header asks for plain text and not for JSON. */
function prefersText(accept: string): boolean {
  const types = accept.split(',').map((item) => item.split(';', 1)[0]!.trim().toLowerCase())
  return types.includes('text/plain') && !types.includes('application/json')
}

async function suspectNote(node: NodeView, request: ApiRequest): Promise<Reply> {
  const id = evidenceIdOf(request)
  const note = await node.suspectNote(id)
  if (note === undefined) throw new GossumError('EVIDENCE_UNKNOWN', id)
  return exact(note)
}

const IS_EVIDENCE_ID = new RegExp(EVIDENCE_ID.pattern)

/** Throws EVIDENCE_UNKNOWN if this cannot be the id of evidence or of a suspect. */
export function evidenceIdOf({ params }: ApiRequest): string {
  const id = params['id']!
  if (!IS_EVIDENCE_ID.test(id)) throw new GossumError('EVIDENCE_UNKNOWN', id.slice(0, 80))
  return id
}

async function evidenceFile(node: NodeView, request: ApiRequest): Promise<Reply> {
  const id = evidenceIdOf(request)
  const file = await node.evidenceFile(id)
  if (file === undefined) throw new GossumError('EVIDENCE_UNKNOWN', id)
  return jsonFile(file)
}

async function readiness(node: NodeView, { query }: ApiRequest): Promise<Reply> {
  const { ready, checks } = await node.readiness()
  const lines = checks.map(({ name, ok, detail }) => `${ok ? '[+]' : '[-]'} ${name}: ${detail}`)
  const verdict = ready ? 'ok' : 'not ready'
  return text([...(query.has('verbose') ? lines : []), verdict, ''].join('\n'), { status: ready ? 200 : 503 })
}
