/** Genuine data of sum.golang.org: the small copy in test/vectors/sumdb, and the full set outside the repository. */
import { readFileSync } from 'node:fs'
import { parseHash } from '../../src/tlog/hash.js'
import { parseVerifierKey } from '../../src/tlog/note.js'
import { readLines } from '../helpers/vectors.js'

export const GOLANG_KEY = parseVerifierKey('sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8')

export const SMALL = new URL('../vectors/sumdb/', import.meta.url)
export const FULL = new URL('../../../shared/sumdb/', import.meta.url)
/** Whether the full set is available. */
export { hasShared as hasFull } from '../helpers/shared.js'

export function readJson(url: URL): unknown {
  return JSON.parse(readFileSync(url, 'utf8')) as unknown
}

/** The values of a file with one JSON value per line; the caller asserts their shape. */
export function readJsonLines<T>(url: URL): T[] {
  return readLines(url) as T[]
}

/** A consistency proof between two genuine heads; `tiles` tells whether all its tiles are in the set. */
export interface Consistency {
  old: number
  new: number
  oldRoot: string
  newRoot: string
  proof: string[]
  tiles: boolean
}

export function root(base64: string): Uint8Array {
  return parseHash(base64)!
}
