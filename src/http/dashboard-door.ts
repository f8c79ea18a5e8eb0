/** The page of the node at `/`, and the data of its pictures as JSON. */
import { picturesOf, type NodeReading } from '../dashboard/facts-of.js'
import { GossumError } from '../errors.js'
import type { NodeView } from '../status/node-view.js'
import { PageScript, pageScriptRoute } from './page-script.js'
import { NO_STORE } from './caching.js'
import { json, type Reply } from './reply.js'
import type { Route } from './router.js'
import { utf8 } from '../tlog/bytes.js'

/** The number of heads of each log that are drawn. */
const HEADS = 48
/**
 * Allows nothing from other origins, only our one script and the one inline style. Text can never become markup or
 * code, whatever the script does with it.
 */
const POLICY = [
  ...["default-src 'none'", "script-src 'self'", "connect-src 'self'", "style-src 'unsafe-inline'"],
  ...["img-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
  ...["require-trusted-types-for 'script'", "trusted-types 'none'"],
].join('; ')

/** `now` in milliseconds since 1970; `load` loads the script of the page. */
export function dashboardRoutes(node: NodeView, now: () => number, load = () => PageScript.load()): Route[] {
  let loaded: Promise<PageScript | undefined> | undefined
  const script = (): Promise<PageScript | undefined> =>
    (loaded ??= load().catch((error: unknown) => {
      loaded = undefined
      throw error
    }))
  const show = async (): Promise<Reply> => {
    // Loaded with the first request.
    const [reading, { page }] = await Promise.all([read(node, now()), import('../dashboard/page.js')])
    const headers = {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': NO_STORE,
      'content-security-policy': POLICY,
      'referrer-policy': 'no-referrer',
    }
    return { status: 200, headers, body: utf8(page(reading, (await script())?.path)) }
  }
  const pictures: Route['handle'] = async ({ params }) => {
    const reading = await read(node, now(), params['log'])
    const log = reading.status.logs.find(({ id }) => id === params['log'])
    if (log === undefined) throw new GossumError('LOG_UNKNOWN', params['log']!.slice(0, 80))
    return json(picturesOf(reading, log))
  }
  return [
    { method: 'GET', path: '/', isCostly: true, handle: show },
    pageScriptRoute(script),
    { method: 'GET', path: '/api/v1/logs/:log/pictures', isCostly: true, handle: pictures },
  ]
}

/** Reads the node once; only the heads of one log if it is named. */
async function read(node: NodeView, now: number, only?: string): Promise<NodeReading> {
  const status = await node.status()
  const logs = status.logs.filter(({ id }) => only === undefined || id === only)
  const heads = new Map(await Promise.all(logs.map(async ({ id }) => [id, await node.heads(id, HEADS)] as const)))
  const outcomes = new Map(logs.map(({ id }) => [id, node.outcomes(id)] as const))
  const evidence = await node.evidence()
  return { status, witnesses: node.witnesses(), peers: node.peers(), evidence, heads, outcomes, now }
}
