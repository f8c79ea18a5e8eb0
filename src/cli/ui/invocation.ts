/** How a command of this program is written so that it can be pasted into the shell that the user has. */
import { realpathSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

/** What decides it. */
export interface Invocation {
  readonly env: NodeJS.ProcessEnv
  /** The program that runs JavaScript, and the file that it runs. */
  readonly node: string
  readonly program: string
}

/** `gossum` with these arguments, by the name that it has for the user: on the PATH, by npx, or as a file of node. */
export function pasteable(args: readonly string[], { env, node, program }: Invocation): string {
  return [...nameOf({ env, node, program }), ...args].map(quoted).join(' ')
}

function nameOf({ env, node, program }: Invocation): string[] {
  if (env['npm_command'] === 'exec') return ['npx', 'gossum']
  // npm puts folders of its own before the user's.
  const places = (env['PATH'] ?? '')
    .split(delimiter)
    .filter((place) => isAbsolute(place) && !/node_modules/.test(place))
  if (leadsTo(places, 'gossum', program)) return ['gossum']
  return [leadsTo(places, 'node', node) ? 'node' : node, program]
}

/** Whether the first of this name on the PATH is that file. */
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

/** As a POSIX shell reads it back. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
