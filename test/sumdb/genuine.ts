/** Genuine data of sum.golang.org: the small copy in test/vectors/sumdb, and the full set beside the repository. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseHash } from '../../src/tlog/hash.js'
import { parseVerifierKey } from '../../src/tlog/note.js'

export const GOLANG_KEY = parseVerifierKey('sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8')

export const SMALL = new URL('../vectors/sumdb/', import.meta.url)
export const FULL = new URL('../../../shared/sumdb/', import.meta.url)
/** Whether the full set is here. */
export const hasFull = existsSync(fileURLToPath(FULL))

export function readJson(url: URL): unknown {
  return JSON.parse(readFileSync(url, 'utf8')) as unknown
}

/** The values of a file with one JSON value a line. */
export function readJsonLines<T>(url: URL): T[] {
  const lines = readFileSync(url, 'utf8').trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as T)
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
