/** Routes and how a request finds its own. Pure. */
import type { IncomingHttpHeaders } from 'node:http'
import { GossumError } from '../errors.js'
import type { Reply } from './reply.js'

/** What a route may know of a request. */
export interface ApiRequest {
  /** The named segments of the path, percent-decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** The address of the other end of the connection. */
  readonly remoteAddress: string | undefined
}

export interface Route {
  /** A GET route also answers HEAD. */
  readonly method: 'GET' | 'POST'
  /** Segments; one that begins with a colon takes any value: `/api/v1/logs/:log/head`. */
  readonly path: string
  readonly handle: (request: ApiRequest) => Reply | Promise<Reply>
}

export interface Match {
  readonly params: Record<string, string>
  /** The routes of this path, by method. */
  readonly routes: readonly Route[]
}

/** The routes of a path. Throws NOT_FOUND, or REQUEST_INVALID for a path that is not percent-encoded UTF-8. */
export function matchPath(routes: readonly Route[], pathname: string): Match {
  const segments = pathname.split('/').map(decodeSegment)
  for (const { path } of routes) {
    const params = matchSegments(path.split('/'), segments)
    if (params !== undefined) return { params, routes: routes.filter((route) => route.path === path) }
  }
  throw new GossumError('NOT_FOUND', pathname.slice(0, 200))
}

/** The methods that a path takes, as the Allow header lists them. */
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
  if (pattern.length !== segments.length) return undefined
  const params: Record<string, string> = {}
  for (const [i, part] of pattern.entries()) {
    const segment = segments[i]!
    if (part.startsWith(':') && segment !== '') params[part.slice(1)] = segment
    else if (part !== segment) return undefined
  }
  return params
}
