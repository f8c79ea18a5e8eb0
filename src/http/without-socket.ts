/** Answers of routes to reads by other parts of the node: the same bytes that the server would return to anyone. */
import { conditional, refusalOf, routeFor } from './answer.js'
import type { Reply } from './reply.js'
import { matchPath, type Match, type Route } from './router.js'

const NOBODY = {
  query: new URLSearchParams(),
  headers: {},
  body: new Uint8Array(),
  remoteAddress: undefined,
}

/** The answer to GET of a path. Never throws: a failure is a reply that says so, and goes to `onError`. */
export async function readFrom(
  routes: readonly Route[],
  path: string,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<Reply> {
  let match: Match | undefined
  let route: Route | undefined
  try {
    match = matchPath(routes, path)
    route = routeFor(match, 'GET')
    const reply = await route.handle({ ...NOBODY, params: match.params, signal })
    return conditional({ method: 'GET', headers: {} }, reply, route.caching)
  } catch (error) {
    const reply = refusalOf(error, match, route)
    if (reply.status >= 500 && !signal.aborted) onError(error)
    return reply
  }
}
