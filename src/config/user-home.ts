/**
 * Where a user's files are. A user may have no home directory: a container may run under a user id that is not in
 * /etc/passwd.
 */
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { GossumError, HintedError } from '../errors.js'

/** $HOME, otherwise the user's home according to the system; undefined if there is neither. */
export function userHome(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env['HOME']) return env['HOME']
  try {
    return homedir() || undefined
  } catch {
    return undefined
  }
}

/**
 * The XDG data home; according to its specification, an empty or relative value counts as unset. Throws HOME_UNUSABLE
 * for a user without a home directory.
 */
export function dataHome(env: NodeJS.ProcessEnv = process.env): string {
  const xdg = env['XDG_DATA_HOME']
  if (xdg && isAbsolute(xdg)) return xdg
  const home = userHome(env)
  if (home !== undefined) return join(home, '.local', 'share')
  const error = new GossumError('HOME_UNUSABLE', 'this user has no home directory, and HOME is not set')
  throw new HintedError(error, 'choose a place for keys and state: --home DIR, or GOSSUM_HOME')
}

/** The default home of a node: $GOSSUM_HOME, otherwise in the data home. Throws HOME_UNUSABLE. */
export function defaultHome(env: NodeJS.ProcessEnv = process.env): string {
  return env['GOSSUM_HOME'] ? resolve(env['GOSSUM_HOME']) : join(dataHome(env), 'gossum')
}

/** Whether this is the default home; never for a user without a home directory. */
export function isDefaultHome(home: string): boolean {
  try {
    return home === defaultHome()
  } catch {
    return false
  }
}
