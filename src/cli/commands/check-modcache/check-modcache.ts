/**
 * `gossum check modcache`: checks every module version in the module cache of the go command (zip, go.mod and extracted
 * files) against proven records.
 *
 * Trusted: the same as with `check go.sum`. Nothing in the cache is believed; everything is hashed each time.
 */
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { Command } from 'commander'
import {
  hashCached,
  isKnown,
  isSplit,
  judgeCached,
  linesOf,
  type CachedModule,
  type JudgedModule,
} from '../../../audit/module/cached-check.js'
import type { LogAnswer } from '../../../audit/gosum.js'
import { cachedModules } from '../../../audit/module/module-cache.js'
import { errorText } from '../../../errors.js'
import { EXIT, gravest } from '../../exit.js'
import { goEnv } from '../../go-env.js'
import { output, type Output } from '../../ui/output.js'
import type { Paint } from '../../ui/node-text.js'
import { askModules, headReport, keepEvidence, lineCacheOf, type ModulesAsked } from '../check-gosum/asking.js'
import { goSumSettings, type GoSumFlags } from '../check-gosum/gosum-settings.js'
import { reportEvidenceLines } from '../check-gosum/gosum-text.js'
import { moduleCache } from '../check-module/go-settings.js'
import { exitOfModule, reportOfModule, type ModuleReport } from '../check-module/module-text.js'
import { cacheSarif, findingLines, summaryLine, type CacheReport } from './modcache-text.js'

type CacheFlags = Omit<GoSumFlags, 'offline' | 'writeProof'>

export function modcacheCommand(): Command {
  return new Command('modcache')
    .description('check every zip, go.mod and extracted file in the module cache against the log')
    .argument('[DIR]', 'the module cache (default: GOMODCACHE)')
    .option('--log <"VKEY URL">', 'the log, by its key; with a URL the log itself is asked (default: sum.golang.org)')
    .option('--policy <FILE>', 'require its quorum on heads, whoever delivers them (C2SP tlog-policy)')
    .option('--head <FILE>', 'a cosigned head, for when the log itself is asked and its own head has no quorum')
    .option('--write-evidence <FILE>', 'where evidence goes (default: gossum-evidence-ID.json here)')
    .option('--sarif', 'one SARIF document on stdout, for code scanning')
    .option('--no-cache', 'do not use the cache of lines found before')
    .addHelpText(
      'after',
      `
Examples:
  gossum check modcache                                     the module cache of this user, by the node on this machine
  gossum check modcache --node http://10.0.0.7:46787 --policy witnesses.policy
  gossum check modcache ./cache --json | jq '.findings[].module'

Unlike go mod verify it does not believe the hashes stored in the cache, needs no main module, and names the files that were
changed. Files are hashed each time; hashes that were found in the log are remembered in $XDG_CACHE_HOME/gossum and not looked up
again. For modules that match GONOSUMDB or GOPRIVATE, the zip, its stored hash and the extracted files are only compared with each other.

Exit code 0 when everything is as the log has it; 2 when something is not, or the log does not know it; 3 when the log showed
two histories; 4 when something is undecided; 1 when there was no answer or the folder cannot be read. docs/check-module.md says
what each class means. When several apply, the gravest wins: 3, 2, 1, 4.
`,
    )
    .action(async (dir: string | undefined, _options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<CacheFlags>()
      process.exitCode = await check(dir, flags, output(flags))
    })
}

async function check(dir: string | undefined, flags: CacheFlags, out: Output): Promise<number> {
  const settings = await goSumSettings(flags)
  const root = dir === undefined ? moduleCache() : resolve(dir)
  const patterns = goEnv('GONOSUMDB') ?? goEnv('GOPRIVATE') ?? ''
  const modules = await cachedModules(root)
  // Hashing occupies a core, and reading waits for the disk: two tasks per core.
  const hashing = hashCached(root, modules, patterns, 2 * availableParallelism(), () => undefined)
  const cached = await out.progress(`hashing ${modules.length} modules in ${root}`, hashing)

  const remembered = flags.cache === false ? undefined : lineCacheOf(settings)
  const open = cached.filter((module) => !module.isPrivate)
  const known = (await remembered?.known(open.flatMap(linesOf))) ?? new Set<string>()
  const unknown = open.filter((module) => !isKnown(module, known))
  const asked: ModulesAsked =
    unknown.length === 0 ? { exit: EXIT.fine } : await askModules(unknown, settings, 'answers', out)
  if (asked.problem !== undefined) out.error(asked.problem)
  const evidence = await keepEvidence(asked, settings, flags.writeEvidence, out)

  const left = new Set(unknown)
  const judged = cached.map((module) => judgeCached(module, left.has(module) ? answerTo(module, asked) : undefined))
  if (evidence === null) await remembered?.add(judged.filter(isNewlyFound).flatMap(linesOf))
  const reports = judged.map((one) => reportOfModule(one, one.log, one.views, one.verdict, one.isKnown))
  const whole = reportOfCache(root, judged, reports, asked, evidence)
  if (flags.sarif === true) {
    const { VERSION } = await import('../../../version.js')
    const problems = asked.problem === undefined ? [] : [errorText(asked.problem)]
    out.raw(`${JSON.stringify(cacheSarif(whole, problems, VERSION))}\n`)
  } else {
    tell(whole, out)
  }
  return gravest([...reports.map(exitOfModule), asked.exit, evidence === null ? EXIT.fine : EXIT.misbehaviour])
}

function answerTo({ path, version }: CachedModule, { answers, problem }: ModulesAsked): LogAnswer {
  return answers?.get(`${path}@${version}`) ?? { kind: 'pending', reason: errorText(problem) }
}

/** Whether the log was found to have it in this run, so that it is to be remembered. */
function isNewlyFound({ isKnown, isPrivate, verdict }: JudgedModule): boolean {
  return !isKnown && !isPrivate && verdict.class === 'agree'
}

function reportOfCache(
  root: string,
  judged: readonly JudgedModule[],
  reports: readonly ModuleReport[],
  asked: ModulesAsked,
  evidence: CacheReport['evidence'],
): CacheReport {
  // Without a head no module can be judged; the problem is reported once, not for each module.
  const isTold = ({ verdict }: ModuleReport, i: number): boolean =>
    verdict !== 'ok' && (verdict !== 'undecided' || asked.problem === undefined || isSplit(judged[i]!))
  const findings = reports.filter(isTold)
  const worst = (['misbehaviour', 'differs', 'undecided'] as const).find((one) =>
    reports.some(({ verdict }) => verdict === one),
  )
  return {
    cache: root,
    verdict: evidence === null ? (worst ?? 'ok') : 'misbehaviour',
    modules: reports.length,
    private: judged.filter(({ isPrivate }) => isPrivate).length,
    cached: judged.filter(({ isKnown }) => isKnown).length,
    undecided: reports.filter(({ verdict }) => verdict === 'undecided').length,
    head: headReport(asked.quorum),
    evidence,
    findings,
  }
}

function tell(report: CacheReport, out: Output): void {
  const paint: Paint = (style, text) => out.paint(style, text)
  out.json(report)
  findingLines(report, paint).forEach((line) => out.line(line))
  if (report.evidence !== null) reportEvidenceLines(report.evidence, paint).forEach((line) => out.line(line))
  if (report.verdict === 'ok') out.aside(() => summaryLine(report))
  else if (!out.isJson) out.talk(summaryLine(report))
}
