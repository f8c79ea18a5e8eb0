/** Routes, and how a request finds its route. Pure. */
import type { IncomingHttpHeaders } from 'node:http'
import { GossumError } from '../errors.js'
import type { Reply } from './reply.js'

/** What a route knows of a request. */
export interface ApiRequest {
  /** The named segments of the path, percent-decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** The body, if the route takes one. */
  readonly body: Uint8Array
  /** The address of the client; undefined where clients are not distinguished. */
  readonly remoteAddress: string | undefined
  /** Aborted when the client leaves before it is answered. */
  readonly signal: AbortSignal
}

export interface Route {
  /** A GET route also answers HEAD. */
  readonly method: 'GET' | 'POST' | 'OPTIONS'
  /**
   * Segments; one that begins with a colon matches any value: `/api/v1/logs/:log/head`. A last one that begins with a
   * star matches the rest of the path: `/sumdb/*rest`.
   */
  readonly path: string
  /** The largest body that the route takes, in bytes; by default it takes none. */
  readonly maxBodyBytes?: number
  /** Milliseconds that an answer may take on an idle connection; the server's limit by default. */
  readonly patienceMs?: number
  /** Whether it is answered even when there is no room for anything else. */
  readonly isHealth?: true
  /** Whether an answer needs much reading: only a few of those are made at a time. */
  readonly isCostly?: true
  /**
   * The caching policy of a read with status 200 whose reply has none (caching.ts); by default, caches must revalidate.
   */
  readonly caching?: string
  readonly handle: (request: ApiRequest) => Reply | Promise<Reply>
  /** How errors are reported; as a problem body by default. */
  readonly refusal?: (error: unknown) => Reply
}

export interface Match {
  readonly params: Record<string, string>
  /** The routes of this path, one per method. */
  readonly routes: readonly Route[]
}

/** The routes of a path. Throws NOT_FOUND, or REQUEST_INVALID for a path that is not percent-encoded UTF-8. */
export function matchPath(routes: readonly Route[], pathname: string): Match {
  const match = findPath(routes, pathname)
  if (match === undefined) throw new GossumError('NOT_FOUND', pathname.slice(0, 200))
  return match
}

/** The same; undefined if there are none. Throws REQUEST_INVALID. */
export function findPath(routes: readonly Route[], pathname: string): Match | undefined {
  const segments = pathname.split('/').map(decodeSegment)
  for (const { path } of routes) {
    const params = matchSegments(patternOf(path), segments)
    if (params !== undefined) return { params, routes: routes.filter((route) => route.path === path) }
  }
  return undefined
}

/** The segments of declared paths, cached: a closed set. */
const patterns = new Map<string, readonly string[]>()

function patternOf(path: string): readonly string[] {
  let pattern = patterns.get(path)
  if (pattern === undefined) patterns.set(path, (pattern = path.split('/')))
  return pattern
}

/** The methods that a path accepts, in the form of the Allow header. */
export function allowedMethods(routes: readonly Route[]): string {
  return routes.map(({ method }) => (method === 'GET' ? 'GET, HEAD' : method)).join(', ')
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch (error) {
    throw new GossumError('REQUEST_INVALID', 'the path is not percent-encoded UTF-8', error)
  }
}

function matchSegments(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  const takesRest = pattern.at(-1)!.startsWith('*')
  if (takesRest ? segments.length < pattern.length : segments.length !== pattern.length) return undefined
  const params: Record<string, string> = {}
  for (const [i, part] of pattern.entries()) {
    const segment = segments[i]!
    if (part.startsWith('*')) params[part.slice(1)] = joined(segments.slice(i))
    else if (part.startsWith(':') && segment !== '') params[part.slice(1)] = segment
    else if (part !== segment) return undefined
  }
  return params
}

/**
 * Decoded segments joined to one path. Refuses an encoded slash, which would be inside a segment here but separate two
 * there.
 */
function joined(segments: readonly string[]): string {
  if (segments.some((segment) => segment.includes('/'))) {
    throw new GossumError('REQUEST_INVALID', 'the path contains a percent-encoded slash')
  }
  return segments.join('/')
}
