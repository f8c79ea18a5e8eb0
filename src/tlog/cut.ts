/**
 * Extracts heads that a log signed from whatever surrounds them: an answer with an odd line before the head, or a text
 * with something after it. The surroundings may be refused, but the head itself may convict, so it must not be lost.
 *
 * Pure.
 */
import { utf8 } from './bytes.js'
import { isBy, MAX_SIGNATURES, parseSignatureLine, type Note, type Signature, type VerifierKey } from './note.js'

/** Positions from each end of a text at which a head may begin, and ends that are tried for each. */
const MAX_STARTS = 4
const MAX_ENDS = 3
/** The most signatures verified for one text: its sender must not keep us busy. */
const MAX_VERIFIED = 32
const EMPTY_LINE = '\n\n'
const SIGNATURE_START = '— '

/**
 * The heads in these bytes that begin with the line `origin` and that the key verifies, as notes with the verified line
 * first and the other lines after it. Each text once. Never throws.
 */
export function signedHeadsIn(bytes: Uint8Array, key: VerifierKey, origin: string): Note[] {
  // Anything that is not UTF-8 is around the head: inside, nothing would verify.
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  const found = new Map<string, Note>()
  let left = MAX_VERIFIED
  for (const note of startsIn(text, `${origin}\n`).flatMap((start) => notesAt(text, start))) {
    // The go command accepts only the first line; here any line that verifies will do.
    const lines = found.has(note.text) ? [] : note.signatures.filter((line) => isBy(line, key))
    const signed = lines.find((line) => left-- > 0 && key.verify(utf8(note.text), line.bytes))
    if (signed === undefined) continue
    const others = note.signatures.filter((line) => !isBy(line, key))
    found.set(note.text, { text: note.text, signatures: [signed, ...others] })
  }
  return [...found.values()]
}

/** Where the line occurs: first where the go command looks for a head, then from both ends of the text. */
function startsIn(text: string, line: string): number[] {
  const starts: number[] = []
  const behindEmptyLine = text.indexOf(EMPTY_LINE) + EMPTY_LINE.length
  if (text.startsWith(line, behindEmptyLine)) starts.push(behindEmptyLine)
  let at = text.indexOf(line)
  for (let i = 0; i < MAX_STARTS && at !== -1; i++, at = text.indexOf(line, at + 1)) starts.push(at)
  at = text.lastIndexOf(line)
  for (let i = 0; i < MAX_STARTS && at > 0; i++, at = text.lastIndexOf(line, at - 1)) starts.push(at)
  return [...new Set(starts)]
}

/**
 * What may be a note that begins here: one for each block of signature lines after an empty line, the last blocks
 * first.
 */
function notesAt(text: string, start: number): Note[] {
  const notes: Note[] = []
  let at = text.lastIndexOf(`${EMPTY_LINE}${SIGNATURE_START}`)
  while (at > start && notes.length < MAX_ENDS) {
    const signatures = signaturesAt(text, at + EMPTY_LINE.length)
    if (signatures.length > 0) notes.push({ text: text.slice(start, at + 1), signatures })
    at = text.lastIndexOf(`${EMPTY_LINE}${SIGNATURE_START}`, at - 1)
  }
  return notes
}

/** The signature lines from here on, without unreadable ones. */
function signaturesAt(text: string, start: number): Signature[] {
  const signatures: Signature[] = []
  for (let at = start; signatures.length < MAX_SIGNATURES && text.startsWith(SIGNATURE_START, at);) {
    const newline = text.indexOf('\n', at)
    const end = newline === -1 ? text.length : newline
    const signature = parseSignatureLine(text.slice(at, end))
    if (signature !== undefined) signatures.push(signature)
    at = end + 1
  }
  return signatures
}
