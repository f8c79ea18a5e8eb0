/**
 * `gossum evidence import`: what the go command printed when it caught a fork, or an evidence file, given to a node.
 * What is imported is verified here first, with keys that the text does not name.
 */
import { Command } from 'commander'
import { SUM_GOLANG_ORG } from '../config.js'
import { errorCode, GossumError, HintedError } from '../errors.js'
import {
  evidenceId,
  parseEvidence,
  splitViewOf,
  verifyEvidence,
  WITNESS_CONFLICT,
  type Evidence,
} from '../evidence/evidence.js'
import { evidenceOfReport, MAX_REPORT_BYTES, parseGoReports } from '../evidence/go-report.js'
import type { LogView } from '../http/api.js'
import type { EvidenceAnswer } from '../http/submit.js'
import { fromUtf8 } from '../tlog/bytes.js'
import { parseVerifierKey, type VerifierKey } from '../tlog/note.js'
import { grouped } from './ask-text.js'
import { NodeClient } from './client.js'
import { nodeUrl } from './node-url.js'
import { collect, type CommonFlags } from './command.js'
import { giveEvidence, writeEvidence } from './evidence-file.js'
import { EXIT, exitCodeOf } from './exit.js'
import { readFileBounded } from './files.js'
import { parseLogKey } from './log-key.js'
import { output, type Output } from './output.js'

interface ImportFlags extends CommonFlags {
  readonly log?: string[]
  readonly write?: string
}

export function importCommand(): Command {
  return new Command('import')
    .description('make evidence of what the go command printed when it caught a fork, and give it to a running node')
    .argument('<FILE>', "the go command's output with its SECURITY ERROR, or an evidence file; - is stdin")
    .option('--log <VKEY>', "key of a log to trust (repeatable; default: the node's logs, and sum.golang.org)", collect)
    .option('--write <FILE>', 'write the evidence, too; then it takes no node')
    .addHelpText(
      'after',
      `
Examples:
  go mod download 2>&1 | gossum evidence import -
  gossum evidence import build.log --write fork.json
  gossum evidence import --log VKEY build.log --node http://10.0.0.7:46787

Exit code 3 when a report was proven and kept: the import worked, and what was imported proves that the log has signed
two histories. 2 for a text without a report, or whose reports prove nothing; 1 when no node could be reached and
nothing was written.
`,
    )
    .action(async (file: string, _options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<ImportFlags>()
      process.exitCode = await importFile(file, flags, output(flags))
    })
}

/** Makes evidence with these keys, or throws. */
type Candidate = (keys: readonly VerifierKey[]) => Evidence

async function importFile(file: string, flags: ImportFlags, out: Output): Promise<number> {
  const node = new NodeClient(nodeUrl(flags))
  const candidates = readCandidates(await readFileBounded(file, MAX_REPORT_BYTES))
  const keys = flags.log?.map(parseLogKey) ?? (await keysOf(node))
  let exit: number = EXIT.fine
  const failed = (error: unknown, hint?: string): void => {
    if (!(error instanceof GossumError)) throw error
    out.error(hint === undefined ? error : new HintedError(error, hint))
    exit = Math.max(exit, exitCodeOf(error.code))
  }
  const proven = new Map<string, Proven>()
  for (const candidate of candidates) {
    try {
      const found = prove(candidate(keys), keys)
      proven.set(found.id, found)
    } catch (error) {
      failed(error, errorCode(error) === 'LOG_UNKNOWN' ? 'name the key of the log with --log VKEY' : undefined)
    }
  }
  for (const [i, found] of [...proven.values()].entries()) {
    const path = flags.write === undefined ? null : numbered(flags.write, i)
    const written = path === null ? undefined : await attempt(writeEvidence(path, found.evidence))
    if (written instanceof GossumError) failed(written)
    const isWritten = path !== null && !(written instanceof GossumError)
    const answer = await attempt(giveEvidence(node, found.evidence))
    if (answer instanceof GossumError && !isWritten) {
      failed(answer, `evidence ${found.id} is proven, and no node keeps it: keep it with --write FILE`)
      continue
    }
    tell(found, answer, isWritten ? path : null, out)
    exit = EXIT.misbehaviour
  }
  return exit
}

/** What became of an attempt, or why it failed. */
function attempt<T>(work: Promise<T>): Promise<T | GossumError> {
  return work.catch((error: unknown) => {
    if (error instanceof GossumError) return error
    throw error
  })
}

// ---- reading ---------------------------------------------------------------------------------------------------

/** How every evidence file begins. */
const EVIDENCE_START = '{\n  "type": "gossum/'

function readCandidates(bytes: Uint8Array): Candidate[] {
  const reports = parseGoReports(bytes)
  if (reports.length > 0) return reports.map((report) => (keys) => evidenceOfReport(report, keys))
  if (fromUtf8(bytes)?.startsWith(EVIDENCE_START) === true) {
    const evidence = parseEvidence(bytes)
    return [() => evidence]
  }
  const error = new GossumError('EVIDENCE_MALFORMED', 'no report of the go command is in this text')
  throw new HintedError(
    error,
    'a report has "old database:" and "new database:" with a signed head below each, then "proof of misbehavior:"',
  )
}

/** The keys of the logs that the node follows, if it is there, and that of sum.golang.org. */
async function keysOf(node: NodeClient): Promise<VerifierKey[]> {
  const usual = parseVerifierKey(SUM_GOLANG_ORG)
  const known = await attempt(node.askJson<{ logs: LogView[] }>('/api/v1/logs', 'logs'))
  return known instanceof GossumError ? [usual] : [...known.value.logs.map(({ key }) => parseVerifierKey(key)), usual]
}

// ---- proving ---------------------------------------------------------------------------------------------------

interface Proven {
  readonly id: string
  readonly evidence: Evidence
  readonly key: VerifierKey
  readonly sizes: readonly [number, number]
}

/** Throws when the evidence does not convict a log with one of these keys. */
function prove(evidence: Evidence, keys: readonly VerifierKey[]): Proven {
  // Whether a witness is convicted, too, is for the node, which may know it: the log is, all the same.
  const { key, sizes } = verifyEvidence(evidence.type === WITNESS_CONFLICT ? splitViewOf(evidence) : evidence, keys)
  return { id: evidenceId(evidence), evidence, key, sizes }
}

// ---- telling ---------------------------------------------------------------------------------------------------

/** `fork.json`, then `fork-2.json` and so on. */
function numbered(path: string, index: number): string {
  return index === 0 ? path : path.replace(/(\.[^./]*)?$/, (extension) => `-${index + 1}${extension}`)
}

function tell(
  { id, evidence, key, sizes }: Proven,
  answer: EvidenceAnswer | GossumError,
  path: string | null,
  out: Output,
): void {
  const isGiven = !(answer instanceof GossumError)
  const fate = isGiven ? answer.fate : null
  const shownId = isGiven ? answer.id : id
  out.json({ id: shownId, fate, type: evidence.type, log: key.vkey, sizes, written: path })
  out.line(`${shownId}  ${fate ?? 'written'}`)
  out.talk(`proven: ${key.name} has signed two histories, at sizes ${sizes.map(grouped).join(' and ')}`)
  if (path !== null) out.talk(`written to ${path}`)
  if (isGiven) out.talk(FATES.get(answer.fate) ?? 'the node keeps no more evidence of this kind')
  else out.talk(`given to no node: ${answer.message}`, { important: true })
}

const FATES: ReadonlyMap<string, string> = new Map([
  ['new', 'the node keeps it, has frozen the log, and tells its peers'],
  ['known', 'the node knew of it already'],
])
