/** Settings of the go command, as it finds them itself: the environment, else the file that `go env -w` writes. */
import { readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { userHome } from '../config/user-home.js'

/** The largest settings file that is read, in characters. */
const MAX_LENGTH = 1024 * 1024

/** The setting with this name; undefined when it is not set, or to nothing, which is the same to the go command. */
export function goEnv(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  return env[name] || readSettings(settingsFile(env)).get(name) || undefined
}

/** $GOENV, which may be `off`; else where the user's configuration lives. */
function settingsFile(env: NodeJS.ProcessEnv): string | undefined {
  const named = env['GOENV']
  if (named) return named === 'off' ? undefined : named
  const base = configHome(env)
  return base && isAbsolute(base) ? join(base, 'go', 'env') : undefined
}

function configHome(env: NodeJS.ProcessEnv): string | undefined {
  if (process.platform === 'win32') return env['AppData']
  const home = userHome(env)
  if (process.platform === 'darwin') return home && join(home, 'Library', 'Application Support')
  return env['XDG_CONFIG_HOME'] || (home && join(home, '.config'))
}

/** Lines of NAME=VALUE, a value as it stands; any other line says nothing, as to the go command. */
function readSettings(path: string | undefined): Map<string, string> {
  const settings = new Map<string, string>()
  let text = ''
  try {
    if (path !== undefined) text = readFileSync(path, 'utf8').slice(0, MAX_LENGTH)
  } catch {
    // Most people have none.
  }
  for (const line of text.split('\n')) {
    const match = /^([A-Z][^=]*)=(.*)$/s.exec(line)
    if (match !== null) settings.set(match[1]!, match[2]!)
  }
  return settings
}
