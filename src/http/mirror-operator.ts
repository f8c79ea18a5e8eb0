/** The operator's routes for the mirror, served only at the socket in the home: which modules are in use is private. */
import { GossumError } from '../errors.js'
import type { MirrorStatusView } from '../status/mirror-shapes.js'
import { escapeModule, type ModuleVersion } from '../sumdb/module-version.js'
import { NO_STORE } from './caching.js'
import { json, type Reply } from './reply.js'
import type { ApiRequest, Route } from './router.js'

export interface MirrorOperator {
  status(): Promise<MirrorStatusView>
  /**
   * Exempts a version from the cooldown; `existing`: everything that the log had before this node's first quorum head.
   */
  allow(module: ModuleVersion | 'existing'): Promise<void>
  pin(module: ModuleVersion): Promise<void>
  unpin(module: ModuleVersion): Promise<void>
}

/** `mirror` is undefined for a node without one; all of these routes then say so. */
export function mirrorOperatorRoutes(mirror: MirrorOperator | undefined): Route[] {
  const told = (act: (mirror: MirrorOperator, request: ApiRequest) => Promise<Reply>): Route['handle'] => {
    return (request) => {
      if (mirror === undefined) throw new GossumError('MIRROR_OFF')
      return act(mirror, request)
    }
  }
  const verb = (name: 'pin' | 'unpin'): Route => ({
    ...{ method: 'POST', path: `/api/v1/mirror/${name}` },
    handle: told(async (to, request) => {
      const module = moduleOf(request)
      await to[name](module)
      return done(module)
    }),
  })
  const allow = told(async (to, request) => {
    if (request.query.has('existing')) {
      await to.allow('existing')
      return json({ module: null, existing: true })
    }
    const module = moduleOf(request)
    await to.allow(module)
    return done(module)
  })
  return [
    {
      ...{ method: 'GET', path: '/api/v1/mirror', caching: NO_STORE },
      handle: told(async (to) => json(await to.status())),
    },
    { method: 'POST', path: '/api/v1/mirror/allow', handle: allow },
    verb('pin'),
    verb('unpin'),
  ]
}

function done({ path, version }: ModuleVersion): Reply {
  return json({ module: `${path}@${version}`, existing: false })
}

/** The `path@version` of the query, written without escapes. Throws MODULE_INVALID. */
function moduleOf({ query }: ApiRequest): ModuleVersion {
  const text = query.get('module') ?? ''
  const at = text.indexOf('@')
  const module = { path: text.slice(0, Math.max(at, 0)), version: text.slice(at + 1) }
  escapeModule(module.path, module.version)
  return module
}
