/**
 * The large sets of real data are outside the repository, in a directory named `shared` next to it. Tests that use them
 * have `describe.skipIf(!hasShared)`, so that a checkout on its own skips them visibly.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = new URL('../../../shared/', import.meta.url)

/** Whether the shared data is there. */
export const hasShared: boolean = existsSync(new URL('sumdb/heads-all.jsonl', root))

/** The path of a file in the shared directory: `sharedPath('sumdb/tiles/latest')`. */
export function sharedPath(name: string): string {
  return fileURLToPath(new URL(name, root))
}

/** The bytes of a file in the shared directory. */
export function readShared(name: string): Uint8Array {
  return new Uint8Array(readFileSync(sharedPath(name)))
}
