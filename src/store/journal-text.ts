/**
 * The bytes of the journal. One line per state, ended by a line feed, its fields separated by a space:
 *   number of the write that brought it, lines of that write still to come, log id, hash of the previous line, the
 *   state as JSON, and the line's own hash.
 * A hash is the SHA-256 (hex) of everything before it in its line. The first line of the file,
 *   gossum-journal/1, number of a write, its lines, hash of the last line of the previous file, and its own hash,
 * continues the chain of the longer file that this one replaced: this line and the lines of its write were completely
 * on disk before the file got its name.
 *
 * A write begins only when the one before it is on disk. So a fault in the last write may be the trace of a crash, and
 * nothing was signed for it; anywhere else, it is damage.
 *
 * Pure.
 */
import { fromUtf8, toHex, utf8 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'

/** The end of a chain of lines. */
export interface Chain {
  /** Number of the last write. */
  readonly write: number
  /** Hash of the last line. */
  readonly hash: string
}

/** The chain before the first line of the first file. */
export const CHAIN_START: Chain = { write: 0, hash: '0'.repeat(64) }
/** The chain before a file that was made from an old home: while a file begins with write 0, no run has used it. */
export const BEFORE_START: Chain = { write: -1, hash: CHAIN_START.hash }

/** The content of a journal. */
export interface Reading {
  /** The last readable state of each log, as JSON. */
  readonly states: Map<string, string>
  readonly chain: Chain
  /** What is wrong with the file, as a sentence; undefined when it is intact. */
  readonly damage?: string
}

/** The state of one log, as JSON. */
export type StateText = readonly [log: string, text: string]

interface Line {
  readonly write: number
  readonly left: number
  readonly log: string
  readonly previous: string
  readonly text: string
  readonly hash: string
}

const HEADER = /^(gossum-journal\/1 (\d{1,15}) (\d{1,9}) ([0-9a-f]{64})) ([0-9a-f]{64})$/
const LINE = /^((\d{1,15}) (\d{1,9}) ([0-9a-f]{64}) ([0-9a-f]{64}) (\{.*\})) ([0-9a-f]{64})$/s

function hashOf(body: string): string {
  return toHex(sha256(utf8(body)))
}

/** Formats one write: the states of logs, in order, as lines that continue the chain. */
export function formatWrite(states: readonly StateText[], { write, hash }: Chain): { text: string; chain: Chain } {
  let previous = hash
  const lines = states.map(([log, text], i) => {
    const body = `${write + 1} ${states.length - 1 - i} ${log} ${previous} ${text}`
    previous = hashOf(body)
    return `${body} ${previous}\n`
  })
  return { text: lines.join(''), chain: { write: write + 1, hash: previous } }
}

/** Formats a whole file that continues `chain`, with one line per log. */
export function formatJournal(states: readonly StateText[], { write, hash }: Chain): { text: string; chain: Chain } {
  const body = `gossum-journal/1 ${write + 1} ${states.length} ${hash}`
  const own = hashOf(body)
  const { text, chain } = formatWrite(states, { write, hash: own })
  return { text: `${body} ${own}\n${text}`, chain }
}

/** Reads a journal, whatever its content. */
export function readJournal(bytes: Uint8Array): Reading {
  const lines = (fromUtf8(bytes) ?? new TextDecoder().decode(bytes)).split('\n')
  // After the last line feed: nothing, or a line that was cut off.
  const rest = lines.pop() ?? ''
  const header = parseHeader(lines[0] ?? '')
  const states = new Map<string, string>()
  let chain: Chain = header ?? CHAIN_START
  let left = header?.lines ?? 0
  let read = 1
  for (; header !== undefined && read < lines.length; read++) {
    const line = parseLine(lines[read] ?? '')
    if (line === undefined || !follows(line, chain, left)) break
    states.set(line.log, line.text)
    chain = line
    left = line.left
  }
  const isWhole = read === lines.length && rest === ''
  const hasAllOfFirst = header !== undefined && read > header.lines
  if (isWhole && hasAllOfFirst) return { states, chain }
  const behind = lines.slice(header === undefined ? 0 : read).flatMap((line) => parseLine(line) ?? [])
  const last = left > 0 ? chain.write : chain.write + 1
  // A crash leaves a line without an end, or a hole that reads as zeros.
  const looksCut = rest !== '' || lines.slice(read).some((line) => line.includes('\0'))
  if (hasAllOfFirst && looksCut && behind.every(({ write }) => write <= last)) return { states, chain }
  for (const line of behind) {
    states.set(line.log, line.text)
    chain = line
  }
  const damage = header === undefined ? 'it does not begin like one' : `line ${read + 1} is not what was written`
  return { states, chain, damage: `the journal is damaged: ${damage}` }
}

/** The number of the write with which a journal begins; undefined when it does not begin like one. */
export function firstWrite(bytes: Uint8Array): number | undefined {
  const end = bytes.indexOf(0x0a)
  return parseHeader(fromUtf8(bytes.subarray(0, Math.max(end, 0))) ?? '')?.write
}

/** Whether a line comes next in a chain whose last write still lacks `left` lines. */
function follows(line: Line, { write, hash }: Chain, left: number): boolean {
  const isSameWrite = left > 0 && line.write === write && line.left === left - 1
  const isNextWrite = left === 0 && line.write === write + 1
  return line.previous === hash && (isSameWrite || isNextWrite)
}

function parseHeader(line: string): (Chain & { readonly lines: number }) | undefined {
  const [, body, write, lines, , hash] = HEADER.exec(line) ?? []
  if (body === undefined || hash === undefined || hashOf(body) !== hash) return undefined
  return { write: Number(write), lines: Number(lines), hash }
}

function parseLine(line: string): Line | undefined {
  const [, body, write, left, log, previous, text, hash] = LINE.exec(line) ?? []
  if (body === undefined || log === undefined || previous === undefined || text === undefined) return undefined
  if (hash === undefined || hashOf(body) !== hash) return undefined
  return { write: Number(write), left: Number(left), log, previous, text, hash }
}
