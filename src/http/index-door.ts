/**
 * The index of a checksum database, in the format of the module index: a line of JSON for each module version, with the
 * time at which a quorum of witnesses first vouched for its record.
 */
import { GossumError } from '../errors.js'
import { formatMoment, parseMoment, type Moment } from '../lib/rfc3339.js'
import { LIST_CACHING } from './caching.js'
import { exact, type Reply } from './reply.js'
import type { ApiRequest, Route } from './router.js'
import { INDEX_LIMIT } from './schema/parameters.js'

/** The query for a page. */
export interface IndexQuery {
  /** The earliest time. */
  readonly since: Moment | undefined
  /** The most lines of the page. */
  readonly limit: number
  /** Only versions of this module path. */
  readonly module: string | undefined
}

export interface IndexView {
  /** The lines of a page. Throws INDEX_OFF, INDEX_WAITING, LOG_FROZEN, and errors of reading the disk. */
  page(
    query: IndexQuery,
  ): Promise<readonly { readonly path: string; readonly version: string; readonly time: Moment }[]>
}

export function indexRoutes(index: IndexView): Route[] {
  const handle: Route['handle'] = (request) => answer(index, request)
  return [{ method: 'GET', path: '/index', isCostly: true, caching: LIST_CACHING, handle }]
}

async function answer(index: IndexView, { query }: Pick<ApiRequest, 'query'>): Promise<Reply> {
  const entries = await index.page(queryOf(query))
  const lines = entries.map(
    ({ path, version, time }) => `${JSON.stringify({ Path: path, Version: version, Timestamp: formatMoment(time) })}\n`,
  )
  return exact(lines.join(''))
}

/** Throws REQUEST_INVALID. */
function queryOf(query: URLSearchParams): IndexQuery {
  const include = query.get('include') ?? ''
  // A log never removes anything, and does not know what can still be downloaded, so `include` makes no difference.
  if (include !== '' && include !== 'all') throw invalid('include must be all, or absent')
  const module = query.get('module') ?? ''
  return { since: sinceOf(query), limit: limitOf(query), module: module === '' ? undefined : module }
}

function sinceOf(query: URLSearchParams): Moment | undefined {
  const text = query.get('since') ?? ''
  if (text === '') return undefined
  // An unescaped plus is a space in a query.
  const since = parseMoment(text.replace(' ', '+'))
  if (since === undefined) throw invalid('since is an RFC 3339 time, such as 2026-01-31T00:00:00Z')
  return since
}

/** Like the module index, this returns its maximum to anyone who asks for more. */
function limitOf(query: URLSearchParams): number {
  const text = query.get('limit') ?? ''
  if (text === '') return INDEX_LIMIT.default
  if (!/^[1-9][0-9]{0,15}$/.test(text)) throw invalid(`limit is a whole number from 1 to ${INDEX_LIMIT.maximum}`)
  return Math.min(Number(text), INDEX_LIMIT.maximum)
}

function invalid(detail: string): GossumError {
  return new GossumError('REQUEST_INVALID', detail)
}
