/**
 * Where the go command remembers the newest head of a checksum database: `pkg/sumdb/<name>/latest` in the first entry
 * of GOPATH, which is determined as the go command does it (cmd/go/internal/cfg).
 */
import { isAbsolute, join } from 'node:path'
import { GossumError, HintedError } from '../../../errors.js'
import { isMissingFile, readFileBounded } from '../../named-files.js'
import { firstGoPath } from '../../go-env.js'

/** The path of that file for this key name. Throws FILE_UNREADABLE if GOPATH has no usable place for it. */
export function latestPath(name: string, env: NodeJS.ProcessEnv = process.env): string {
  const first = firstGoPath(env)
  if (!isAbsolute(first)) {
    const error = new GossumError('FILE_UNREADABLE', `the first entry of GOPATH is not an absolute path: ${first}`)
    throw new HintedError(error, 'the go command refuses it as well; name the file instead')
  }
  return join(first, 'pkg', 'sumdb', ...name.split('/'), 'latest')
}

/** The bytes of that file, at most `most`. Throws FILE_UNREADABLE. */
export async function readLatest(path: string, name: string, most: number): Promise<Uint8Array> {
  try {
    return await readFileBounded(path, most)
  } catch (error) {
    if (!isMissingFile(error)) throw error
    const missing = new GossumError('FILE_UNREADABLE', `the go command has not used ${name} here yet: no ${path}`)
    throw new HintedError(
      missing,
      'it writes the file when it first verifies a module; or name another FILE, or set GOPATH',
    )
  }
}
