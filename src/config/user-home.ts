/** Where a user keeps things. A user may have no home directory: a container may run under a user id that is not in /etc/passwd. */
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { GossumError, HintedError } from '../errors.js'

/** $HOME, else what the system knows of the user; undefined when there is neither. */
export function userHome(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env['HOME']) return env['HOME']
  try {
    return homedir() || undefined
  } catch {
    return undefined
  }
}

/**
 * The XDG data home; as that specification says, an empty or relative setting counts as none. Throws HOME_UNUSABLE for a user who
 * has none.
 */
export function dataHome(env: NodeJS.ProcessEnv = process.env): string {
  const xdg = env['XDG_DATA_HOME']
  if (xdg && isAbsolute(xdg)) return xdg
  const home = userHome(env)
  if (home !== undefined) return join(home, '.local', 'share')
  const error = new GossumError('HOME_UNUSABLE', 'this user has no home directory, and HOME is not set')
  throw new HintedError(error, 'say where keys and state are to live: --home DIR, or GOSSUM_HOME')
}

/** Where keys and state live unless --home says otherwise: $GOSSUM_HOME, else the data home. Throws HOME_UNUSABLE. */
export function defaultHome(env: NodeJS.ProcessEnv = process.env): string {
  return env['GOSSUM_HOME'] ? resolve(env['GOSSUM_HOME']) : join(dataHome(env), 'gossum')
}

/** Whether this is where they live anyway; never for a user who has no home directory. */
export function isDefaultHome(home: string): boolean {
  try {
    return home === defaultHome()
  } catch {
    return false
  }
}
