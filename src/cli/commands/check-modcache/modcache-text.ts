/** The report of `gossum check modcache` on a whole cache: JSON, text, and SARIF for code scanning. Pure. */
import { MEANINGS, MODULE_CLASSES, type ModuleClass } from '../../../audit/module/module-views.js'
import { counted, type Paint } from '../../ui/node-text.js'
import { sarifDocument, type SarifResult, type SarifRule } from '../../ui/sarif-document.js'
import type { EvidenceReport, HeadReport } from '../check-gosum/gosum-text.js'
import { differenceText, headline, type ModuleOutcome, type ModuleReport } from '../check-module/module-text.js'
import { grouped } from '../../../lib/words.js'

/** A module cache, as --json prints it. */
export interface CacheReport {
  /** Its path. */
  readonly cache: string
  readonly verdict: ModuleOutcome
  /** Module versions in it. */
  readonly modules: number
  /** How many of them the log is not asked about. */
  readonly private: number
  /** How many were known from an earlier run. */
  readonly cached: number
  /** How many could not be judged. */
  readonly undecided: number
  /** The quorum head under which records were proven; null if nothing had to be proven, or there was no such head. */
  readonly head: HeadReport | null
  readonly evidence: EvidenceReport | null
  /** The module versions that differ. */
  readonly findings: readonly ModuleReport[]
}

/** A line for each finding worth one, followed by what differs. */
export function findingLines({ findings }: CacheReport, paint: Paint): string[] {
  return findings.flatMap((finding) => {
    const what = differenceText(finding)
    return [headline(finding, paint), ...(what === '' || finding.class === null ? [] : [`  ${what}`])]
  })
}

/** The summary line. */
export function summaryLine({
  cache,
  verdict,
  modules,
  findings,
  private: skipped,
  cached,
  undecided,
}: CacheReport): string {
  const wrong = findings.filter((finding) => finding.verdict !== 'undecided').length
  const facts = [
    ...(cached === 0 ? [] : [`${grouped(cached)} known from an earlier run`]),
    ...(skipped === 0 ? [] : [`${grouped(skipped)} private and not looked up`]),
  ]
  const more = facts.length === 0 ? '' : `  (${facts.join(', ')})`
  const all = counted(modules, 'module version')
  if (verdict === 'ok') return `${cache}: fine, ${all}${more}`
  return `${cache}: ${all}, ${grouped(wrong)} wrong, ${grouped(undecided)} undecided${more}`
}

/** Classes as rules; classes that are not failures have none. */
type RuleId = 'log-conflict' | 'undecided' | 'log-differs' | 'repacked-zip' | 'mirror-only' | 'moved-tag'

const RULES: Readonly<Record<RuleId, SarifRule>> = {
  'log-conflict': {
    short: 'The checksum database showed two histories',
    full: 'Two heads signed by the log contradict each other. Keep the evidence file, and build nothing.',
    level: 'error',
  },
  'repacked-zip': ruleFor('repacked zip'),
  'log-differs': ruleFor('log differs'),
  'mirror-only': ruleFor('mirror only'),
  'moved-tag': ruleFor('moved tag'),
  undecided: {
    short: 'This module cannot be judged yet',
    full: 'The log does not answer, no quorum head holds the record yet, or a file cannot be read. Run the check again.',
    level: 'warning',
  },
}

function ruleFor(name: ModuleClass): SarifRule {
  const { means, todo } = MEANINGS[name]
  return { short: sentence(means), full: `${sentence(todo)}.`, level: 'error' }
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** The SARIF document of a cache. `problems` are errors that prevented checks. */
export function cacheSarif(report: CacheReport, problems: readonly string[], version: string): unknown {
  const results = report.findings.map((finding) => resultOf(report.cache, finding))
  return sarifDocument(RULES, [...convictionOf(report), ...results], problems, version)
}

function resultOf(cache: string, finding: ModuleReport): SarifResult<RuleId> {
  const { module, version, verdict, class: found, holders } = finding
  const rule = verdict === 'misbehaviour' ? 'log-conflict' : ruleIdOf(verdict === 'undecided' ? null : found)
  const text = `${module} ${version}: ${differenceText(finding)}`
  const file = finding.differing.map((one) => holders[one]?.from).find((from) => typeof from === 'string')
  return { rule, text, file: file ?? `${cache}/${module}`, line: 1 }
}

function ruleIdOf(found: ModuleClass | null): RuleId {
  const id = found === null || !MODULE_CLASSES.includes(found) ? 'undecided' : found.replace(' ', '-')
  return id in RULES ? (id as RuleId) : 'undecided'
}

/** A conviction that did not come from a module. */
function convictionOf({ cache, evidence, findings }: CacheReport): SarifResult<RuleId>[] {
  if (evidence === null || findings.some(({ verdict }) => verdict === 'misbehaviour')) return []
  return [{ rule: 'log-conflict', text: `evidence ${evidence.id}`, file: cache, line: 1 }]
}
