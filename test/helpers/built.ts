/**
 * The built program. A test of it that runs what was built yesterday is worth nothing, so it fails with words where
 * dist/ was not made of src/ as it stands (scripts/built.js notes what it was made of).
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { sourcesHash } from '../../scripts/sources.js'

const DIST = new URL('../../dist/', import.meta.url)

/** The path of a file in dist/, such as `cli/main.js`. Throws when dist/ is not built of these sources. */
export function built(file: string): string {
  const note = new URL('.sources', DIST)
  requireFresh(existsSync(note) ? readFileSync(note, 'utf8') : undefined, sourcesHash())
  return fileURLToPath(new URL(file, DIST))
}

/** `of`: the hash of the sources that dist/ was made of, when it is there. */
export function requireFresh(of: string | undefined, sources: string): void {
  if (of !== sources) throw new Error(`dist/ is ${of === undefined ? 'not built' : 'older than src/'}: npm run build`)
}
