/**
 * The hashes of go.sum lines: h1 of a set of files (golang.org/x/mod/sumdb/dirhash). Only names and contents matter, so
 * two zips of the same files have the same hash, whatever their order, times and compression.
 *
 * Pure.
 */
import { hash } from 'node:crypto'
import { GossumError } from '../errors.js'
import { utf8 } from '../tlog/bytes.js'

export interface HashedFile {
  /** Its name in the hash: `path@version/name` for the files of a module, `go.mod` for a go.mod alone. */
  readonly name: string
  /** SHA-256 of the content: 64 hexadecimal digits. */
  readonly sha256: string
}

/** The h1 hash of files in any order: `h1:` and 44 characters. Throws MODULE_ZIP_INVALID for a name with a newline. */
export function hash1(files: readonly HashedFile[]): string {
  // SPEC: golang.org/x/mod/sumdb/dirhash, Hash1: file names with newlines are disallowed.
  const odd = files.find(({ name }) => name.includes('\n'))
  if (odd !== undefined)
    throw new GossumError('MODULE_ZIP_INVALID', `a newline in the name ${JSON.stringify(odd.name)}`)
  // SPEC: the same: one line a file, ordered by name: the hash in hexadecimal, two spaces, the name, a newline.
  // Go orders names by bytes, JavaScript orders strings by UTF-16 units.
  const lines = files.map(({ name, sha256 }) => ({ key: utf8(name), line: `${sha256}  ${name}\n` }))
  lines.sort((a, b) => Buffer.compare(a.key, b.key))
  return `h1:${hash('sha256', lines.map(({ line }) => line).join(''), 'base64')}`
}

/** The h1 hash in the go.mod line of a module version: that of the one file named go.mod. */
export function goModHash(bytes: Uint8Array): string {
  return hash1([{ name: 'go.mod', sha256: hash('sha256', bytes) }])
}
