/**
 * Settings of the go command, in its own order: the environment, then the file that `go env -w` writes, then
 * `$GOROOT/go.env`, which the distributor of a go command may write.
 */
import { accessSync, constants, readFileSync, realpathSync, statSync } from 'node:fs'
import { delimiter, dirname, isAbsolute, join } from 'node:path'
import { userHome } from '../config/user-home.js'

/** The largest settings file that is read, in characters. */
const MAX_LENGTH = 1024 * 1024

/** The setting with this name; undefined when it is unset or empty, which is the same to the go command. */
export function goEnv(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env[name]) return env[name]
  const own = readSettings(settingsFile(env))
  // A value in the user's file wins, even an empty one.
  if (own.has(name)) return own.get(name) || undefined
  const root = goRoot(own.get('GOROOT') || env['GOROOT'] || undefined, env)
  return root === undefined ? undefined : readSettings(join(root, 'go.env')).get(name) || undefined
}

/** What the user has set with `go env -w`, and `go env -u` would remove; undefined if nothing. */
export function writtenGoEnv(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  return readSettings(settingsFile(env)).get(name)
}

/** The first entry of GOPATH, where the go command stores downloads; empty for a user without a home. */
export function firstGoPath(env: NodeJS.ProcessEnv = process.env): string {
  const home = userHome(env)
  const gopath = goEnv('GOPATH', env) ?? (home === undefined ? '' : join(home, 'go'))
  return gopath.split(delimiter)[0] ?? ''
}

/**
 * The root of the go command that the user would run: GOROOT if set, otherwise derived from the path of the program.
 */
function goRoot(named: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  if (named !== undefined) return named
  const program = process.platform === 'win32' ? 'go.exe' : 'go'
  const places = (env['PATH'] ?? '').split(delimiter).filter(isAbsolute)
  const path = places.map((place) => join(place, program)).find(isProgram)
  if (path === undefined) return undefined
  // Debian, for example, links to it from /usr/bin. The binary of a cross-compiled one is one folder deeper.
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

/** $GOENV, which may be `off`; otherwise a file in the user's configuration folder. */
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

/** Reads lines of NAME=VALUE; values are taken verbatim, and other lines are ignored, as the go command does. */
function readSettings(path: string | undefined): Map<string, string> {
  const settings = new Map<string, string>()
  let text = ''
  try {
    if (path !== undefined) text = readFileSync(path, 'utf8').slice(0, MAX_LENGTH)
  } catch {
    // Most users have no such file.
  }
  for (const line of text.split('\n')) {
    const match = /^([A-Z][^=]*)=(.*)$/s.exec(line)
    if (match !== null) settings.set(match[1]!, match[2]!)
  }
  return settings
}
