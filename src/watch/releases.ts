/**
 * The releases that the owner of a module made, as a go.sum: a new version in the log that is not listed was made by
 * someone else, or from something else. Either plain text, or in the format of Source Spotter: JSON with the go.sum and
 * an Ed25519 signature over it, so that the server of the list need not be trusted.
 *
 * Pure.
 */
import { GossumError } from '../errors.js'
import { fromBase64, fromUtf8, utf8 } from '../tlog/bytes.js'
import type { VerifierKey } from '../tlog/note.js'
import { recordLines, type RecordLine } from '../tlog/record.js'

/** The largest list, in bytes, and in lines. */
export const MAX_RELEASES_BYTES = 16 * 1024 * 1024
const MAX_LINES = 200_000
/** The most signed parts of one list: a release job may add one each time. */
const MAX_PARTS = 1024

/** Lines of go.sum that the owner has authorised. */
export type Releases = ReadonlySet<string>

/** A part in the format of Source Spotter: {Ed25519, GoSum, Signature}, binary values as base64. */
interface SignedReleases {
  readonly Ed25519?: unknown
  readonly GoSum?: unknown
  readonly Signature?: unknown
}

/**
 * Parses a list. With a key, all of it must be signed by that key; without one, it must not be signed, since it is not
 * known whose signature would count. Throws RELEASES_INVALID.
 */
export function parseReleases(bytes: Uint8Array, key?: VerifierKey): Releases {
  const text = bytes.length <= MAX_RELEASES_BYTES ? fromUtf8(bytes) : undefined
  if (text === undefined) throw refused('it is too large or not UTF-8')
  const isJson = /^\s*[[{]/.test(text)
  if (isJson && key === undefined) throw refused('it is signed, but the setting names no key')
  if (!isJson && key !== undefined) throw refused('it is not signed, but the setting names a key')
  const lines = isJson ? signedTexts(text, key!).flatMap(goSum) : goSum(text)
  if (lines.length > MAX_LINES) throw refused(`it has more than ${MAX_LINES} lines`)
  return new Set(lines)
}

/** The go.sum texts of a signed list, each verified. */
function signedTexts(json: string, key: VerifierKey): string[] {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw refused('it is not JSON')
  }
  const parts = Array.isArray(value) ? (value as unknown[]) : [value]
  if (parts.length > MAX_PARTS) throw refused(`it has more than ${MAX_PARTS} parts`)
  return parts.map((part) => signedText(part, key))
}

function signedText(part: unknown, key: VerifierKey): string {
  const { Ed25519, GoSum, Signature } = (typeof part === 'object' ? (part ?? {}) : {}) as SignedReleases
  if (typeof Ed25519 !== 'string' || typeof GoSum !== 'string' || typeof Signature !== 'string')
    throw refused('Ed25519, GoSum and Signature expected')
  const signature = fromBase64(Signature)
  const isOther = Buffer.from(key.publicKey).toString('base64') !== Ed25519
  if (isOther) throw refused('it is signed by another key than the one that the setting names')
  if (signature?.length !== 64 || !key.verify(utf8(GoSum), signature)) throw refused('its signature does not verify')
  return GoSum
}

/** The lines of a go.sum; an empty one means that there are no releases yet. */
function goSum(text: string): string[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '')
  const odd = lines.find((line) => recordLines(line).length === 0)
  if (odd !== undefined) throw refused(`${JSON.stringify(odd.slice(0, 100))} is not a line of go.sum`)
  return lines
}

/** Whether the owner has authorised all lines of a record that are about its module version. */
export function isAuthorised(lines: readonly RecordLine[], releases: Releases): boolean {
  return lines.length > 0 && lines.every((line) => releases.has(goSumLine(line)))
}

function goSumLine({ path, version, of, hash }: RecordLine): string {
  return `${path} ${version}${of === 'go.mod' ? '/go.mod' : ''} ${hash}`
}

function refused(why: string): GossumError {
  return new GossumError('RELEASES_INVALID', why)
}
