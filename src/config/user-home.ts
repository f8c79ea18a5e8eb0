/** The home directory of the user, who may have none: a container may run as a number that no file of users knows. */
import { homedir } from 'node:os'

/** $HOME, else what the system knows of the user; undefined when there is neither. */
export function userHome(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env['HOME']) return env['HOME']
  try {
    return homedir() || undefined
  } catch {
    return undefined
  }
}
