/** How a command of this program is written so that the user can paste it into a shell. */
import { realpathSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

/** What determines it. */
export interface Invocation {
  readonly env: NodeJS.ProcessEnv
  /** The path of the JavaScript runtime, and of the script that it runs. */
  readonly node: string
  readonly program: string
}

/** `gossum` with these arguments, as the user would call it: from the PATH, through npx, or as a script of node. */
export function pasteable(args: readonly string[], { env, node, program }: Invocation): string {
  return [...nameOf({ env, node, program }), ...args].map(quoted).join(' ')
}

function nameOf({ env, node, program }: Invocation): string[] {
  if (env['npm_command'] === 'exec') return ['npx', 'gossum']
  // npm puts its own folders before the user's.
  const places = (env['PATH'] ?? '')
    .split(delimiter)
    .filter((place) => isAbsolute(place) && !/node_modules/.test(place))
  if (leadsTo(places, 'gossum', program)) return ['gossum']
  return [leadsTo(places, 'node', node) ? 'node' : node, program]
}

/** Whether the first program of this name on the PATH is that file. */
function leadsTo(places: readonly string[], name: string, file: string): boolean {
  for (const place of places) {
    const found = real(join(place, name))
    if (found !== undefined) return found === real(file)
  }
  return false
}

function real(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

/** A word quoted for a POSIX shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
