/**
 * Where the go command remembers the newest head of a checksum database: `pkg/sumdb/<name>/latest` below the first
 * entry of GOPATH, which is found as the go command finds it (cmd/go/internal/cfg).
 */
import { homedir } from 'node:os'
import { delimiter, isAbsolute, join } from 'node:path'
import { GossumError, HintedError } from '../errors.js'
import { fromUtf8 } from '../tlog/bytes.js'
import { isMissing, readFileBounded } from './files.js'

/** The largest file of settings that is read, in bytes. */
const MAX_SETTINGS_BYTES = 256 * 1024

/** The file that remembers the log with this key name. Throws FILE_UNREADABLE when GOPATH names no place for it. */
export async function latestPath(name: string, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const gopath = env['GOPATH'] || (await goSettings(env)).get('GOPATH') || join(env['HOME'] || homedir(), 'go')
  const [first = ''] = gopath.split(delimiter)
  if (!isAbsolute(first)) {
    const error = new GossumError('FILE_UNREADABLE', `the first entry of GOPATH is no absolute path: ${gopath}`)
    throw new HintedError(error, 'the go command refuses it, too; or name the file itself')
  }
  return join(first, 'pkg', 'sumdb', ...name.split('/'), 'latest')
}

/** What the go command remembers there, at most `most` bytes. Throws FILE_UNREADABLE. */
export async function readLatest(path: string, name: string, most: number): Promise<Uint8Array> {
  try {
    return await readFileBounded(path, most)
  } catch (error) {
    if (!isMissing(error)) throw error
    const missing = new GossumError('FILE_UNREADABLE', `the go command has not used ${name} here yet: no ${path}`)
    throw new HintedError(
      missing,
      'it writes the file when it first verifies a module; or name another FILE, or set GOPATH',
    )
  }
}

/** What `go env -w` has written; lines that the go command would skip are skipped. */
async function goSettings(env: NodeJS.ProcessEnv): Promise<Map<string, string>> {
  const named = env['GOENV'] ?? ''
  const path = named === '' ? join(configHome(env), 'go', 'env') : named
  const settings = new Map<string, string>()
  if (path === 'off') return settings
  const bytes = await readFileBounded(path, MAX_SETTINGS_BYTES).catch((error: unknown) => {
    if (isMissing(error)) return new Uint8Array()
    throw error
  })
  for (const line of (fromUtf8(bytes) ?? '').split('\n')) {
    const [, name, value] = /^([A-Z][^=]*)=(.*)$/.exec(line) ?? []
    if (name !== undefined) settings.set(name, value!)
  }
  return settings
}

/** Go's os.UserConfigDir. */
function configHome(env: NodeJS.ProcessEnv): string {
  const home = env['HOME'] || homedir()
  if (process.platform === 'win32') return env['AppData'] ?? join(home, 'AppData', 'Roaming')
  if (process.platform === 'darwin') return join(home, 'Library', 'Application Support')
  return env['XDG_CONFIG_HOME'] || join(home, '.config')
}
