/** The settings of the go command that decide who is asked about a module, and where it keeps modules. */
import { isAbsolute, join } from 'node:path'
import { GossumError } from '../../../errors.js'
import { isPrivate } from '../../../sumdb/goprivate.js'
import { firstGoPath, goEnv } from '../../go-env.js'

/** Whether the log is not to be asked for it: GONOSUMDB, or GOPRIVATE. */
export function isPrivateModule(path: string): boolean {
  return isPrivate(goEnv('GONOSUMDB') ?? goEnv('GOPRIVATE') ?? '', path)
}

/**
 * The proxies for a module, as GOPROXY writes them: `direct` for one that none is to be asked for (GONOPROXY, GOPRIVATE). The go command's own
 * default is in its go.env, which is read; where there is none, no proxy is asked that nobody named.
 */
export function goProxyFor(path: string): string {
  if (isPrivate(goEnv('GONOPROXY') ?? goEnv('GOPRIVATE') ?? '', path)) return 'direct'
  return goEnv('GOPROXY') ?? ''
}

/** The module cache of the go command: GOMODCACHE, else pkg/mod in GOPATH. Throws FILE_UNREADABLE when there is no such place. */
export function moduleCache(): string {
  const named = goEnv('GOMODCACHE')
  const path = named ?? join(firstGoPath(), 'pkg', 'mod')
  if (isAbsolute(path)) return path
  throw new GossumError('FILE_UNREADABLE', `the module cache has no absolute path: ${path}`)
}
