/** The settings of the go command that decide who is asked about a module, and where modules are stored. */
import { isAbsolute, join } from 'node:path'
import { GossumError } from '../../../errors.js'
import { isPrivate } from '../../../sumdb/goprivate.js'
import { firstGoPath, goEnv } from '../../go-env.js'

/** Whether the log must not be asked about it: GONOSUMDB, or GOPRIVATE. */
export function isPrivateModule(path: string): boolean {
  return isPrivate(goEnv('GONOSUMDB') ?? goEnv('GOPRIVATE') ?? '', path)
}

/**
 * The proxies for a module, in the form of GOPROXY; `direct` if none may be asked about it (GONOPROXY, GOPRIVATE). The
 * go command's own default is in its go.env, which is read; without it, no proxy is asked unless one is named.
 */
export function goProxyFor(path: string): string {
  if (isPrivate(goEnv('GONOPROXY') ?? goEnv('GOPRIVATE') ?? '', path)) return 'direct'
  return goEnv('GOPROXY') ?? ''
}

/**
 * The module cache of the go command: GOMODCACHE, otherwise pkg/mod in GOPATH. Throws FILE_UNREADABLE if neither is
 * usable.
 */
export function moduleCache(): string {
  const named = goEnv('GOMODCACHE')
  const path = named ?? join(firstGoPath(), 'pkg', 'mod')
  if (isAbsolute(path)) return path
  throw new GossumError('FILE_UNREADABLE', `the module cache has no absolute path: ${path}`)
}
