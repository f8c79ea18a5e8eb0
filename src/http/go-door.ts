/**
 * The routes that the go command speaks to: `/sumdb/<name>/{supported,latest,lookup/M@V,tile/8/L/K[.p/W]}`
 * (golang.org/design/25530-sumdb), by GOSUMDB="name URL" or through GOPROXY.
 *
 * A 404 to `supported` would make the go command go past us to the log in silence, so there is none, also for logs
 * that this node does not follow. Errors are plain text of few lines: the go command shows them to its user.
 */
import { errorCode, ERRORS, errorText, GossumError, traitsOf, type ErrorCode } from '../errors.js'
import { unescapeModule } from '../sumdb/module.js'
import { StatusError } from '../sumdb/fetcher.js'
import { isFullTile, parseTilePath } from '../tlog/tile.js'
import type { ProvenAnswer } from '../proxy/sumdb-proxy.js'
import type { Asking } from '../proxy/shared.js'
import { text, type Reply } from './reply.js'
import type { ApiRequest, Route } from './router.js'

/** One log as the go command sees it here. */
export interface SumdbView {
  /** Key name of the log. */
  readonly name: string
  /** Since when the log has not answered, in milliseconds since 1970; undefined while it does. */
  readonly silentSince: number | undefined
  latest(): ProvenAnswer
  lookup(path: string, version: string, asking: Asking): Promise<ProvenAnswer>
  tile(path: string, asking: Asking): Promise<Uint8Array>
}

/** Milliseconds that an answer may take: a log needs 15 seconds for some lookups, and then the quorum is waited for. */
const PATIENCE_MS = 160_000
/** Seconds after which a client may ask again. */
const RETRY_AFTER = { QUORUM_MISSING: '5', TOO_MANY_REQUESTS: '10', LOG_UNREACHABLE: '10' } as const

const TEXT = 'text/plain; charset=UTF-8'
const BYTES = 'application/octet-stream'
/** What is proven does not change. */
const IMMUTABLE = 'public, max-age=31536000, immutable'

/** Status of an error here. Bytes that do not do are the log's, for clients bring none. */
function statusOf(code: ErrorCode): number {
  const { fault, status } = traitsOf(code)
  // Not 404: see above.
  if (code === 'LOG_UNKNOWN') return 403
  return fault === 'head' || fault === 'claim' ? 502 : status
}

export function sumdbRoutes(logs: readonly SumdbView[], onError: (error: unknown) => void): Route[] {
  const handle = async (request: ApiRequest): Promise<Reply> => {
    try {
      return await answer(logs, request)
    } catch (error) {
      const reply = refusal(error, request)
      if (reply.status === 500 && !request.signal.aborted) onError(error)
      return reply
    }
  }
  return [{ method: 'GET', path: '/sumdb/*rest', patienceMs: PATIENCE_MS, handle }]
}

async function answer(logs: readonly SumdbView[], { params, remoteAddress, signal }: ApiRequest): Promise<Reply> {
  const rest = params['rest']!
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
    const type = tile.level === -1 ? TEXT : BYTES
    const cache = isFullTile(tile) ? { 'cache-control': IMMUTABLE } : {}
    return { status: 200, headers: { 'content-type': type, ...cache, ...staleness(log) }, body }
  }
  throw new GossumError('REQUEST_INVALID', path.slice(0, 200))
}

function head(log: SumdbView, { body, size }: ProvenAnswer): Reply {
  const { headers } = text('', { type: TEXT })
  return { status: 200, headers: { ...headers, 'gossum-quorum-size': String(size), ...staleness(log) }, body }
}

/** Says so when what is answered is proven, but the log could not be asked for anything newer. */
function staleness({ silentSince }: SumdbView): Record<string, string> {
  return silentSince === undefined ? {} : { 'gossum-stale-since': new Date(silentSince).toISOString() }
}

/** What the go command shows: a sentence, and what to do. */
function refusal(error: unknown, { signal }: ApiRequest): Reply {
  const code = errorCode(error)
  // The log itself says that there is no such module version; its words are the answer.
  const isMissing = error instanceof StatusError && (error.status === 404 || error.status === 410)
  const status = isMissing ? 404 : statusOf(code)
  // Nobody reads it; and an abort is no bug of ours.
  if (signal.aborted) return text('', { status: 503 })
  const sentence = status === 500 ? ERRORS[code][0] : errorText(error)
  const lines = isMissing ? [`not found: ${error.detail}`] : [`gossum: ${sentence}`, `hint: ${ERRORS[code][1]}`]
  const reply = text(`${lines.join('\n')}\n`, { status, type: TEXT })
  const after = RETRY_AFTER[code as keyof typeof RETRY_AFTER] as string | undefined
  return after === undefined ? reply : { ...reply, headers: { ...reply.headers, 'retry-after': after } }
}
