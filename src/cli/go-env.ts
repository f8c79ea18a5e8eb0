/**
 * Settings of the go command, as it finds them itself: the environment, else the file that `go env -w` writes, else
 * `$GOROOT/go.env`, which those who distribute a go command may write.
 */
import { accessSync, constants, readFileSync, realpathSync, statSync } from 'node:fs'
import { delimiter, dirname, isAbsolute, join } from 'node:path'
import { userHome } from '../config/user-home.js'

/** The largest settings file that is read, in characters. */
const MAX_LENGTH = 1024 * 1024

/** The setting with this name; undefined when it is not set, or to nothing, which is the same to the go command. */
export function goEnv(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env[name]) return env[name]
  const own = readSettings(settingsFile(env))
  // What the user has set, if to nothing, is not overwritten.
  if (own.has(name)) return own.get(name) || undefined
  const root = goRoot(own.get('GOROOT') || env['GOROOT'] || undefined, env)
  return root === undefined ? undefined : readSettings(join(root, 'go.env')).get(name) || undefined
}

/** What the user has written with `go env -w`, and `go env -u` would take away; undefined for nothing. */
export function writtenGoEnv(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  return readSettings(settingsFile(env)).get(name)
}

/** The first entry of GOPATH, where the go command keeps what it downloads; empty for a user without a home. */
export function firstGoPath(env: NodeJS.ProcessEnv = process.env): string {
  const home = userHome(env)
  const gopath = goEnv('GOPATH', env) ?? (home === undefined ? '' : join(home, 'go'))
  return gopath.split(delimiter)[0] ?? ''
}

/** Where the go command lives that the user would run: as it was set, else from where its program is. */
function goRoot(named: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  if (named !== undefined) return named
  const program = process.platform === 'win32' ? 'go.exe' : 'go'
  const places = (env['PATH'] ?? '').split(delimiter).filter(isAbsolute)
  const path = places.map((place) => join(place, program)).find(isProgram)
  if (path === undefined) return undefined
  // Links as Debian's lead from /usr/bin to where it is. A cross-compiled one is a folder deeper.
  const bin = dirname(realpathSync(path))
  return [dirname(bin), dirname(dirname(bin))].find((dir) => isFile(join(dir, 'go.env')))
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
  } catch {
    return false
  }
  return isFile(path)
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
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
