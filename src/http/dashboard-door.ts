/** The page of the node at `/`, and what its pictures show as JSON. */
import { picturesOf, type NodeReading } from '../dashboard/facts-of.js'
import { GossumError } from '../errors.js'
import type { NodeView } from '../status/node-view.js'
import { json, NO_STORE, type Reply } from './reply.js'
import type { Route } from './router.js'
import { utf8 } from '../tlog/bytes.js'

/** Heads of each log that are drawn. */
const HEADS = 48
/** Nothing from anywhere, no script, and the one style that stands in the page. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** `now` is in milliseconds since 1970. */
export function dashboardRoutes(node: NodeView, now: () => number): Route[] {
  const show = async (): Promise<Reply> => {
    // Loaded when somebody looks.
    const [reading, { page }] = await Promise.all([read(node, now()), import('../dashboard/page.js')])
    const headers = {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': NO_STORE,
      'content-security-policy': POLICY,
      'referrer-policy': 'no-referrer',
    }
    return { status: 200, headers, body: utf8(page(reading)) }
  }
  const pictures: Route['handle'] = async ({ params }) => {
    const reading = await read(node, now(), params['log'])
    const log = reading.status.logs.find(({ id }) => id === params['log'])
    if (log === undefined) throw new GossumError('LOG_UNKNOWN', params['log']!.slice(0, 80))
    return json(picturesOf(reading, log))
  }
  return [
    { method: 'GET', path: '/', isCostly: true, handle: show },
    { method: 'GET', path: '/api/v1/logs/:log/pictures', isCostly: true, handle: pictures },
  ]
}

/** Reads the node once; the heads of one log alone if it is named. */
async function read(node: NodeView, now: number, only?: string): Promise<NodeReading> {
  const status = await node.status()
  const logs = status.logs.filter(({ id }) => only === undefined || id === only)
  const heads = new Map(await Promise.all(logs.map(async ({ id }) => [id, await node.heads(id, HEADS)] as const)))
  return { status, witnesses: node.witnesses(), peers: node.peers(), evidence: await node.evidence(), heads, now }
}
