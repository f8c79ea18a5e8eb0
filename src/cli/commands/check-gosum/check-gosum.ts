/**
 * `gossum check go.sum`: every line of a go.sum file is in a record that is proven under a quorum head.
 *
 * Trusted: with `--policy`, its witnesses, whoever delivers the head; without it, the node that is asked. Neither the
 * log nor the network is trusted; the cache of lines found before is trusted like the checkout.
 */
import { Command } from 'commander'
import {
  judgeLine,
  lineText,
  malformedFinding,
  MAX_GO_SUM_BYTES,
  moduleKey,
  parseGoSum,
  privateFinding,
  type LogAnswer,
  type LineFinding,
  type GoSum,
  type GoSumLine,
} from '../../../audit/gosum.js'
import { wholeFile, type LineCache } from '../../../audit/line-cache.js'
import { errorCode, errorText } from '../../../errors.js'
import { isPrivate } from '../../../sumdb/goprivate.js'
import type { ModuleVersion } from '../../../sumdb/module-version.js'
import { EXIT, exitCodeOf, gravest } from '../../exit.js'
import { readFileBounded, writeFileAnew } from '../../named-files.js'
import { goEnv } from '../../go-env.js'
import { askModules, headReport, keepEvidence, lineCacheOf, type ModulesAsked } from './asking.js'
import { goSumSettings, type GoSumFlags, type GoSumSettings } from './gosum-settings.js'
import type { GoSumAnswers } from './gosum-source.js'
import {
  reportEvidenceLines,
  exitOfReport,
  failedLine,
  fineLine,
  findingLine,
  isFailure,
  isOpen,
  verdictOf,
  type EvidenceReport,
  type FileReport,
} from './gosum-text.js'
import { output, type Output } from '../../ui/output.js'

export function goSumCommand(): Command {
  return new Command('go.sum')
    .description('check that every line of go.sum files is in the log, proven under a head that a quorum has cosigned')
    .argument('[FILE...]', 'go.sum files; - is stdin (default: go.sum)')
    .option('--log <"VKEY URL">', 'the log, by its key; with a URL the log itself is asked (default: sum.golang.org)')
    .option('--policy <FILE>', 'require its quorum on heads, whoever delivers them (C2SP tlog-policy)')
    .option('--head <FILE>', 'a cosigned head, for when the log itself is asked and its own head has no quorum')
    .option('--offline <FILE>', 'check with a proof file, without network; needs --policy')
    .option('--write-proof <FILE>', 'write a proof file for --offline; every line is looked up again')
    .option('--write-evidence <FILE>', 'where evidence goes (default: gossum-evidence-ID.json here)')
    .option('--sarif', 'one SARIF document on stdout, for code scanning')
    .option('--no-cache', 'do not use the cache of lines found before')
    .addHelpText(
      'after',
      `
Examples:
  gossum check go.sum                                       ./go.sum, by the node on this machine
  gossum check go.sum --node http://10.0.0.7:46787 --policy witnesses.policy a/go.sum b/go.sum
  gossum check go.sum --log "VKEY URL" --policy FILE --head head.txt
  gossum check go.sum --policy FILE --write-proof proof.json
  gossum check go.sum --policy FILE --offline proof.json

With --home DIR and no --node, the quorum head comes from the (stopped) node of that home. Modules that match GONOSUMDB
or GOPRIVATE are skipped. Lines that were found are cached in $XDG_CACHE_HOME/gossum and not looked up again.

Exit code 0 when every line is in the log; 2 when one is missing from it, differs or is malformed; 3 when the log showed two
histories, which the evidence proves; 4 when something is undecided; 1 when there was no answer or a file could not be read. When
several apply, the gravest wins: 3, 2, 1, 4.
`,
    )
    .action(async (files: string[], _options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<GoSumFlags>()
      process.exitCode = await check(files.length === 0 ? ['go.sum'] : files, flags, output(flags))
    })
}

/** A file that was read. */
interface ReadFile {
  readonly file: string
  readonly bytes: Uint8Array
  /** Its key in the cache. */
  readonly whole: string
}

/** A file, with what is known of its lines before anyone is asked. */
interface Checking extends ReadFile {
  readonly goSum: GoSum
  readonly private: readonly GoSumLine[]
  readonly cached: number
  /** The lines still to ask about. */
  readonly open: readonly GoSumLine[]
}

type Fail = (error: unknown, exit?: number) => void

async function check(files: readonly string[], flags: GoSumFlags, out: Output): Promise<number> {
  const settings = await goSumSettings(flags)
  const problems: unknown[] = []
  const exits: number[] = []
  const fail: Fail = (error, exit = exitCodeOf(errorCode(error))) => {
    problems.push(error)
    exits.push(exit)
    out.error(error)
  }
  const patterns = goEnv('GONOSUMDB') ?? goEnv('GOPRIVATE') ?? ''
  // A proof file is judged without the cache, and written from what was asked: the cache holds no proofs.
  const isRemembered = flags.cache !== false && settings.source.kind !== 'proof' && flags.writeProof === undefined
  const cache = isRemembered ? lineCacheOf(settings) : undefined
  const read = await readAll(files, patterns, fail)
  const knownFiles = await cache?.known(read.map(({ whole }) => whole))
  const isTold = out.isJson || flags.sarif === true
  const fresh = read.filter(({ whole }) => isTold || knownFiles?.has(whole) !== true)
  const checking = await beforeAsking(fresh, patterns, cache, fail)

  const asked = await askAll(checking, settings, flags, out)
  if (asked.problem !== undefined) fail(asked.problem, asked.exit)
  const evidence = await keepEvidence(asked, settings, flags.writeEvidence, out)
  if (flags.writeProof !== undefined) await keepProof(asked, flags.writeProof, fail)

  const reports = checking.map((one) => reportOf(one, asked, evidence))
  exits.push(...reports.map(exitOfReport))
  // Nothing that a lying log said is remembered.
  if (evidence === null) {
    const isNew = ({ whole }: ReadFile, i: number): boolean =>
      reports[i]!.verdict === 'ok' && knownFiles?.has(whole) !== true
    const lines = checking.flatMap((one) => foundLines(one, asked.answers))
    await cache?.add([...lines, ...checking.filter(isNew).map(({ whole }) => whole)])
  }
  if (flags.sarif === true) {
    const { sarifOf } = await import('./sarif.js')
    const { VERSION } = await import('../../../version.js')
    out.raw(`${JSON.stringify(sarifOf(reports, problems.map(errorText), VERSION))}\n`)
  } else {
    tell(reports, evidence, out)
  }
  return gravest(exits)
}

async function readAll(files: readonly string[], patterns: string, fail: Fail): Promise<ReadFile[]> {
  const read: ReadFile[] = []
  for (const file of files) {
    try {
      const bytes = await readFileBounded(file, MAX_GO_SUM_BYTES)
      read.push({ file, bytes, whole: wholeFile(bytes, patterns) })
    } catch (error) {
      fail(error)
    }
  }
  return read
}

// ---- before asking ---------------------------------------------------------------------------------------------

async function beforeAsking(
  read: readonly ReadFile[],
  patterns: string,
  cache: LineCache | undefined,
  fail: Fail,
): Promise<Checking[]> {
  const parsed = read.flatMap((one) => {
    try {
      const goSum = parseGoSum(one.file, one.bytes)
      const [asked, skipped] = [[] as GoSumLine[], [] as GoSumLine[]]
      for (const line of goSum.lines) (isPrivate(patterns, line.module) ? skipped : asked).push(line)
      return [{ ...one, goSum, asked, private: skipped }]
    } catch (error) {
      fail(error)
      return []
    }
  })
  const known = await cache?.known(parsed.flatMap(({ asked }) => asked.map(lineText)))
  return parsed.map(({ asked, ...one }) => {
    const open = asked.filter((line) => known?.has(lineText(line)) !== true)
    return { ...one, cached: asked.length - open.length, open }
  })
}

// ---- asking ----------------------------------------------------------------------------------------------------

async function askAll(
  checking: readonly Checking[],
  settings: GoSumSettings,
  flags: GoSumFlags,
  out: Output,
): Promise<ModulesAsked> {
  const modules = new Map<string, ModuleVersion>()
  for (const line of checking.flatMap(({ open }) => open)) {
    modules.set(moduleKey(line), { path: line.module, version: line.version })
  }
  const wantsProof = flags.writeProof !== undefined
  if (modules.size === 0 && !wantsProof) return { exit: EXIT.fine }
  return askModules([...modules.values()], settings, wantsProof ? 'proof' : 'answers', out)
}

async function keepProof({ proof, problem }: ModulesAsked, file: string, fail: Fail): Promise<void> {
  if (problem !== undefined) return
  try {
    if (proof === undefined) {
      const { GossumError } = await import('../../../errors.js')
      throw new GossumError('FILE_UNWRITABLE', `${file}: the records are more than a proof file holds`)
    }
    await writeFileAnew(file, proof)
  } catch (error) {
    fail(error)
  }
}

// ---- telling ---------------------------------------------------------------------------------------------------

function judged(line: GoSumLine, answers: GoSumAnswers['answers']): LineFinding | undefined {
  return judgeLine(line, answers.get(moduleKey(line)) ?? NOT_HELD)
}

const NOT_HELD: LogAnswer = { kind: 'pending', reason: 'it is not in the proof file' }

function foundLines({ open }: Checking, answers: GoSumAnswers['answers'] | undefined): string[] {
  if (answers === undefined) return []
  return open.filter((line) => judged(line, answers) === undefined).map(lineText)
}

function reportOf(
  { file, goSum, private: skipped, cached, open }: Checking,
  asked: ModulesAsked,
  evidence: EvidenceReport | null,
): FileReport {
  const { answers, quorum } = asked
  const findings = [
    ...goSum.malformed.map(malformedFinding),
    ...skipped.map(privateFinding),
    ...(answers === undefined ? [] : open.flatMap((line) => judged(line, answers) ?? [])),
  ].sort((a, b) => a.line - b.line)
  // Without a head no line can be judged; the problem is reported once, not for each line.
  const pending = answers === undefined ? open.length : findings.filter(isOpen).length
  return {
    file,
    verdict: verdictOf(findings, pending, evidence !== null),
    lines: goSum.count,
    private: skipped.length,
    cached,
    pending,
    head: headReport(quorum),
    evidence,
    findings,
  }
}

function tell(reports: readonly FileReport[], evidence: EvidenceReport | null, out: Output): void {
  const paint: Parameters<typeof findingLine>[2] = (style, text) => out.paint(style, text)
  for (const report of reports) {
    out.json(report)
    for (const finding of report.findings) {
      if (isFailure(finding)) out.line(findingLine(report.file, finding, paint))
    }
  }
  if (evidence !== null) reportEvidenceLines(evidence, paint).forEach((line) => out.line(line))
  for (const report of reports) {
    if (report.verdict === 'ok') out.aside(() => fineLine(report))
    else if (!out.isJson) out.talk(failedLine(report))
  }
}
