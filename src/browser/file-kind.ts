/** Determines what a file given to the page is by its content, since names of files mean nothing. Pure. */
import { parseGoSum } from '../audit/gosum.js'
import { isAccepted } from '../errors/attempt.js'
import { parseNote } from '../tlog/note.js'

export type FileKind = 'evidence' | 'head' | 'go.sum'

/** The largest file that is accepted, in bytes. */
export const MAX_CHECKED_BYTES = 16 * 1024 * 1024
/** The number of bytes that are examined. */
const LOOKED_AT = 64 * 1024
/** What the go command prints when it has caught a fork. */
const REPORT = /proof of misbehavior|old database:/

/** Undefined if it is none of them. */
export function kindOfFile(bytes: Uint8Array): FileKind | undefined {
  const text = new TextDecoder().decode(bytes.subarray(0, LOOKED_AT)).trimStart()
  if (text.startsWith('{')) return 'evidence'
  if (isAccepted(() => parseNote(bytes))) return 'head'
  // A report may be anywhere in the output of a build.
  if (REPORT.test(new TextDecoder().decode(bytes))) return 'evidence'
  const { lines, malformed } = parseGoSum('', bytes)
  return lines.length > 0 && lines.length >= malformed.length ? 'go.sum' : undefined
}
