/**
 * The go command's report of a fork, as evidence (golang.org/x/mod/sumdb, Client.checkTrees). It ends with "SECURITY
 * ERROR"; every line of the notes and hashes is indented by a TAB:
 *
 *   old database:            the smaller head, a signed note (if the sizes are equal, either may come first)
 *   new database:            the larger head
 *   proof of misbehavior:    the root of the smaller size as computed from the larger head's tiles, then the
 *                            consistency proof from there to the larger head, one hash per line
 *
 * The report may be anywhere in the output, after whatever prefix a build system puts before each line. Parsing is
 * lenient because it convicts nobody: the result is verified like any other evidence. Pure.
 */
import { errorCode, GossumError } from '../errors.js'
import { attempt } from '../errors/attempt.js'
import { utf8 } from '../tlog/bytes.js'
import { parseCheckpoint, SUMDB_ORIGIN } from '../tlog/checkpoint.js'
import { signedHeadsIn } from '../tlog/cut.js'
import { formatHash, parseHash, type Hash } from '../tlog/hash.js'
import { isBy, parseNote, type Note, type VerifierKey } from '../tlog/note.js'
import { makeSplitView, type SplitView } from './evidence.js'

/** Different reports in one text. */
export const MAX_REPORTS = 16
/** A root and the longest consistency proof. */
const MAX_HASHES = 65

/** Two heads and the hashes below them, as they were printed; none of it is verified. */
export interface GoReport {
  readonly older: string
  /** Empty when the text ends before it. */
  readonly newer: string
  readonly hashes: readonly Hash[]
}

// ---- reading ---------------------------------------------------------------------------------------------------

const TITLES = ['old database:', 'new database:', 'proof of misbehavior:']

/** A report that is being read. */
interface Open {
  /** The TABs before its titles, added by a build system. What the go command indents has one more. */
  readonly tabs: number
  /** Whether its titles are indented by spaces, as a whole text may be. */
  readonly isIndented: boolean
  /** The lines below each title so far. */
  readonly sections: [string[], ...string[][]]
}

/** The different reports in a text, in order. Throws EVIDENCE_MALFORMED if there are more than MAX_REPORTS. */
export function parseGoReports(bytes: Uint8Array): GoReport[] {
  const reports = new Map<string, GoReport>()
  let open: Open | undefined
  const close = (): void => {
    const report = open && reportOf(open.sections)
    if (report === undefined || report.older === '') return
    // Parallel builds all report the same fork.
    reports.set([report.older, report.newer, ...report.hashes.map(formatHash)].join('\0'), report)
    if (reports.size > MAX_REPORTS) throw malformed(`more than ${MAX_REPORTS} reports; split them into several texts`)
  }
  for (const line of linesOf(bytes)) {
    const title = TITLES.findIndex((words) => line.trimEnd().endsWith(words))
    // After a proof, another report may begin with a different prefix.
    const isNext = title === 0 && open?.sections.length === TITLES.length
    const content = open && !isNext ? contentOf(line, open) : undefined
    if (content !== undefined) {
      open!.sections.at(-1)!.push(content)
    } else if (title === 0) {
      close()
      open = { tabs: tabsIn(line), isIndented: line.startsWith(' '), sections: [[]] }
    } else if (title === open?.sections.length) {
      open.sections.push([])
    }
  }
  close()
  return [...reports.values()]
}

function malformed(why: string): GossumError {
  return new GossumError('EVIDENCE_MALFORMED', why)
}

/**
 * The lines, whatever the line ending. Text that is not UTF-8 does not come from a note: nothing in it would verify.
 */
function linesOf(bytes: Uint8Array): string[] {
  return new TextDecoder()
    .decode(bytes)
    .split('\n')
    .map((line) => line.replace(/(?<!\r)\r+$/, ''))
}

function tabsIn(line: string): number {
  return line.split('\t').length - 1
}

/**
 * The content of an indented line; undefined for one that is not indented, such as a title or a foreign line. No note
 * contains a TAB, so nothing that a log signs can pass for a title. Text copied from a screen has spaces in place of
 * TABs.
 */
function contentOf(line: string, { tabs, isIndented }: Open): string | undefined {
  const extra = tabsIn(line) - tabs
  if (extra > 0) return line.slice(line.lastIndexOf('\t') + 1)
  if (line.trim() === '') return ''
  return extra === 0 && !isIndented && line.startsWith(' ') ? line.trimStart() : undefined
}

function reportOf([older, newer = [], proof = []]: Open['sections']): GoReport {
  const hashes: Hash[] = []
  for (const line of proof) {
    const hash = parseHash(line)
    // Anything after the proof does not belong to it.
    if (hash === undefined || hashes.length === MAX_HASHES) break
    hashes.push(hash)
  }
  return { older: noteOf(older), newer: noteOf(newer), hashes }
}

/** The lines of a note, without the empty ones that the go command prints after it. */
function noteOf(lines: readonly string[]): string {
  const text = lines.join('\n').replace(/(?<!\n)\n+$/, '')
  return text === '' ? '' : `${text}\n`
}

// ---- judging ---------------------------------------------------------------------------------------------------

function readHead(text: string): Note {
  try {
    return parseNote(utf8(text))
  } catch (error) {
    if (errorCode(error) !== 'NOTE_MALFORMED') throw error
    throw malformed(`a head of the report is incomplete: ${(error as GossumError).detail}`)
  }
}

/** The heads of a report that one of these keys signed, with all their lines. */
export function headsOfReport(
  { older, newer }: GoReport,
  keys: readonly VerifierKey[],
): { key: VerifierKey; note: Note }[] {
  return [older, newer].flatMap((text) =>
    keys.flatMap((key) => signedHeadsIn(utf8(text), key, SUMDB_ORIGIN).map((note) => ({ key, note }))),
  )
}

/**
 * Makes split-view evidence from a report, verified with one of these keys. Throws EVIDENCE_MALFORMED for an incomplete
 * report, LOG_UNKNOWN when none of the keys signed it, and what makeSplitView throws when it convicts nobody.
 */
export function evidenceOfReport({ older, newer, hashes }: GoReport, keys: readonly VerifierKey[]): SplitView {
  const first = readHead(older)
  // If the go command knew no head yet, the other one is empty; and a head of size 0 can convict by itself.
  const isAlone = newer === '' && parseCheckpoint(first.text).size === 0
  if (newer === '' && !isAlone) throw malformed('the report is cut off: it has no second head')
  const heads: [Note, Note] = [first, isAlone ? first : readHead(newer)]
  const signers = keys.filter((key) => heads.every(({ signatures }) => signatures.some((line) => isBy(line, key))))
  if (signers.length === 0) {
    throw new GossumError('LOG_UNKNOWN', heads[0].signatures.map(({ name, keyId }) => `${name}+${keyId}`).join(', '))
  }
  const [small, large] = heads.map(({ text }) => parseCheckpoint(text).size) as [number, number]
  const [root, ...proof] = hashes
  // If the sizes are equal, or one is 0, the hashes add nothing to the heads.
  const prefix = root === undefined || small === 0 || small === large ? undefined : { root, proof }
  let refusal: GossumError | undefined
  for (const key of signers) {
    const made = attempt(() => makeSplitView(key, heads, prefix))
    if (!(made instanceof GossumError)) return made
    refusal ??= made
  }
  throw refusal!
}
