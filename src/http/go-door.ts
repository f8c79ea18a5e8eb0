/**
 * The routes for the go command: `/sumdb/<name>/{supported,latest,lookup/M@V,tile/8/L/K[.p/W]}`
 * (golang.org/design/25530-sumdb), used with GOSUMDB="name URL" or through GOPROXY.
 *
 * A 404 to `supported` would make the go command silently bypass us and ask the log, so `supported` is always answered,
 * also for logs that this node does not follow.
 */
import { GossumError } from '../errors.js'
import { unescapeModule } from '../sumdb/module.js'
import { isFullTile, parseTilePath } from '../tlog/tile.js'
import type { ProvenAnswer } from '../proxy/sumdb-proxy.js'
import type { Asking } from '../proxy/shared.js'
import { preflightRoute } from './cross-origin.js'
import { forGo, GO_PATIENCE_MS, GO_TEXT } from './go-answer.js'
import { IMMUTABLE } from './caching.js'
import { text, type Reply } from './reply.js'
import type { ApiRequest, Route } from './router.js'

/** One log as the go command sees it here. */
export interface SumdbView {
  /** Key name of the log. */
  readonly name: string
  /** When the log stopped answering, in milliseconds since 1970; undefined while it answers. */
  readonly silentSince: number | undefined
  latest(): ProvenAnswer
  lookup(path: string, version: string, asking: Asking): Promise<ProvenAnswer>
  tile(path: string, asking: Asking): Promise<Uint8Array>
}

const BYTES = 'application/octet-stream'

export function sumdbRoutes(logs: readonly SumdbView[], onError: (error: unknown) => void): Route[] {
  const handle = forGo((request) => sumdbAnswer(logs, request.params['rest']!, request), onError)
  const path = '/sumdb/*rest'
  return [{ method: 'GET', path, patienceMs: GO_PATIENCE_MS, handle }, preflightRoute(path)]
}

/** The answer to a path below `/sumdb/`. */
export async function sumdbAnswer(
  logs: readonly SumdbView[],
  rest: string,
  { remoteAddress, signal }: Pick<ApiRequest, 'remoteAddress' | 'signal'>,
): Promise<Reply> {
  const log = logs.find(({ name }) => rest.startsWith(`${name}/`))
  if (log === undefined) throw new GossumError('LOG_UNKNOWN', rest.slice(0, 200))
  const path = rest.slice(log.name.length + 1)
  const asking = { client: remoteAddress ?? '', signal }
  if (path === 'supported') return text('')
  if (path === 'latest') return head(log, log.latest())
  if (path.startsWith('lookup/')) {
    const { path: module, version } = unescapeModule(path.slice('lookup/'.length))
    return head(log, await log.lookup(module, version, asking))
  }
  if (path.startsWith('tile/')) {
    const tile = parseTilePath(path)
    const body = await log.tile(path, asking)
    const type = tile.level === -1 ? GO_TEXT : BYTES
    const cache = isFullTile(tile) ? { 'cache-control': IMMUTABLE } : {}
    return { status: 200, headers: { 'content-type': type, ...cache, ...staleness(log) }, body }
  }
  throw new GossumError('REQUEST_INVALID', path.slice(0, 200))
}

function head(log: SumdbView, { body, size }: ProvenAnswer): Reply {
  const { headers } = text('', { type: GO_TEXT })
  return { status: 200, headers: { ...headers, 'gossum-quorum-size': String(size), ...staleness(log) }, body }
}

/** A header that says that the answer is proven, but that the log could not be asked for anything newer. */
function staleness({ silentSince }: SumdbView): Record<string, string> {
  return silentSince === undefined ? {} : { 'gossum-stale-since': new Date(silentSince).toISOString() }
}
