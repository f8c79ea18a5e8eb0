/**
 * The built program. A test of an outdated build would be worthless, so it fails with a message if dist/ was not built
 * from the current src/ (scripts/built.js records what it was built from).
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sourcesHash } from '../../scripts/sources.js'

const DIST = new URL('../../dist/', import.meta.url)

/** The path of a file in dist/, such as `cli/main.js`. Throws if dist/ is not built from the current sources. */
export function built(file: string): string {
  const note = new URL('.sources', DIST)
  requireFresh(existsSync(note) ? readFileSync(note, 'utf8') : undefined, sourcesHash())
  return fileURLToPath(new URL(file, DIST))
}

/** Names the folder in which this test run has the packed program (packed-program.ts). */
export const PACKED_VARIABLE = 'TEST_PROGRAM'

/**
 * The program to start: the packed one if a test runner made it, otherwise the build itself, as for benchmarks. Tests
 * of the program's files use `built('cli/main.js')`.
 */
export function program(): string {
  const main = built('cli/main.js')
  const packed = process.env[PACKED_VARIABLE]
  if (packed === undefined || packed === '') return main
  const of = /-packed-([0-9a-f]{64})/.exec(packed)?.[1]
  requireFresh(of, sourcesHash(), 'the packed program')
  return join(packed, 'cli/main.js')
}

/** `of`: the hash of the sources that dist/ was built from, if dist/ exists. */
export function requireFresh(of: string | undefined, sources: string, what = 'dist/'): void {
  if (of !== sources) throw new Error(`${what} is ${of === undefined ? 'not built' : 'older than src/'}: npm run build`)
}
