/** What somebody put into the page: told by what is in it, for names of files are anything. Pure. */
import { parseGoSum } from '../audit/gosum.js'
import { isAccepted } from '../errors/attempt.js'
import { parseNote } from '../tlog/note.js'

export type FileKind = 'evidence' | 'head' | 'go.sum'

/** The largest file that is taken, in bytes. */
export const MAX_CHECKED_BYTES = 16 * 1024 * 1024
/** Bytes in which it is looked for what a text is. */
const LOOKED_AT = 64 * 1024
/** What the go command prints when it has caught a fork. */
const REPORT = /proof of misbehavior|old database:/

/** Undefined for what is none of them. */
export function kindOfFile(bytes: Uint8Array): FileKind | undefined {
  const text = new TextDecoder().decode(bytes.subarray(0, LOOKED_AT)).trimStart()
  if (text.startsWith('{')) return 'evidence'
  if (isAccepted(() => parseNote(bytes))) return 'head'
  // A report stands anywhere in what a build printed.
  if (REPORT.test(new TextDecoder().decode(bytes))) return 'evidence'
  const { lines, malformed } = parseGoSum('', bytes)
  return lines.length > 0 && lines.length >= malformed.length ? 'go.sum' : undefined
}
