/** The report of `gossum check go.sum` on a file: verdict, exit code and text. Pure. */
import type { LineFinding, FindingClass } from '../../../audit/gosum.js'
import { counted, type Paint } from '../../ui/node-text.js'
import { EXIT } from '../../exit.js'
import type { CosignatureVerdict } from '../verdict.js'
import { grouped } from '../../../lib/words.js'

export type GoSumVerdict = 'ok' | 'differs' | 'misbehaviour' | 'undecided' | 'malformed'

/** One file, as --json prints it. */
export interface FileReport {
  readonly file: string
  readonly verdict: GoSumVerdict
  /** Non-empty lines. */
  readonly lines: number
  /** How many of them are of modules about which the log is not asked. */
  readonly private: number
  /** How many were known from an earlier run. */
  readonly cached: number
  /** How many could not be judged. */
  readonly pending: number
  /** The quorum head under which the others are proven; null if nothing had to be proven, or there was no such head. */
  readonly head: HeadReport | null
  /** The two heads that convict the log. */
  readonly evidence: EvidenceReport | null
  readonly findings: readonly LineFinding[]
}

export interface HeadReport {
  readonly size: number
  /** Base64. */
  readonly root: string
  readonly cosignatures: readonly CosignatureVerdict[]
}

export interface EvidenceReport {
  readonly id: string
  readonly sizes: readonly [number, number]
  /** Where it was written; null when it could not be. */
  readonly file: string | null
  /** Evidence against witnesses that cosigned both heads. */
  readonly witnesses: readonly { readonly id: string; readonly witness: string; readonly file: string | null }[]
}

/** The verdict on a file: the gravest finding. `pending` counts lines without a finding as well. */
export function verdictOf(findings: readonly LineFinding[], pending: number, isConvicted: boolean): GoSumVerdict {
  const found = new Set<FindingClass>(findings.map((finding) => finding.class))
  if (isConvicted || found.has('log-conflict')) return 'misbehaviour'
  if (found.has('other-hash') || found.has('not-in-log')) return 'differs'
  if (found.has('malformed')) return 'malformed'
  return pending > 0 ? 'undecided' : 'ok'
}

const VERDICT_EXIT: Readonly<Record<GoSumVerdict, number>> = {
  ok: EXIT.fine,
  differs: EXIT.refused,
  malformed: EXIT.refused,
  misbehaviour: EXIT.misbehaviour,
  undecided: EXIT.undecided,
}

export function exitOfReport({ verdict }: FileReport): number {
  return VERDICT_EXIT[verdict]
}

/** Whether the finding is shown to people; the others appear only with --json. */
export function isFailure(finding: LineFinding): boolean {
  return finding.class !== 'private'
}

/** Whether it only says that the line could not be judged. */
export function isOpen(finding: LineFinding): boolean {
  return finding.class === 'pending' || finding.class === 'unproven'
}

/** One line for people: where, what, which module, and what each side has. */
export function findingLine(file: string, finding: LineFinding, paint: Paint): string {
  const { line, module, version, kind } = finding
  const what = `${file}:${line}: ${paint(isOpen(finding) ? 'yellow' : 'red', finding.class)}`
  if (module === null) return `${what}  ${factOf(finding)}`
  return `${what}  ${module} ${version!}${kind === 'mod' ? '/go.mod' : ''}  ${factOf(finding)}`
}

/** What each side has, as text. */
export function factOf({ class: what, have, log, record, reason }: LineFinding): string {
  const where = record === null ? '' : ` (record ${grouped(record)})`
  if (what === 'other-hash') return `go.sum has ${have}, the log says ${log.join(' and ')}${where}`
  if (what === 'malformed') return `${reason!}: ${JSON.stringify(have)}`
  return `${reason ?? ''}${what === 'not-in-log' ? where : ''}`
}

export function reportEvidenceLines({ id, sizes, file, witnesses }: EvidenceReport, paint: Paint): string[] {
  const where = (path: string | null): string => (path === null ? 'which could not be written' : `in ${path}`)
  const heads = `two heads of sizes ${sizes.map(grouped).join(' and ')} convict the log`
  const word = paint('red', 'misbehaviour')
  return [
    `${word}  ${heads}: evidence ${id}, ${where(file)}`,
    ...witnesses.map((one) => {
      const name = one.witness.slice(0, one.witness.indexOf('+'))
      return `${word}  the witness ${name} has cosigned both: evidence ${one.id}, ${where(one.file)}`
    }),
  ]
}

/** The summary line of a file without failures. */
export function fineLine({ file, lines, private: skipped, cached, head }: FileReport): string {
  const parts = [
    head === null ? undefined : `quorum head of ${counted(head.size, 'record')}`,
    cached === 0 ? undefined : `${grouped(cached)} known from an earlier run`,
    skipped === 0 ? undefined : `${grouped(skipped)} private and not looked up`,
  ].filter((part) => part !== undefined)
  const facts = parts.length === 0 ? '' : `  (${parts.join(', ')})`
  return `${file}: fine, ${counted(lines, 'line')}${facts}`
}

/** The summary line of a file with failures. */
export function failedLine({ file, lines, findings, pending }: FileReport): string {
  const wrong = findings.filter((finding) => isFailure(finding) && !isOpen(finding)).length
  return `${file}: ${counted(lines, 'line')}, ${grouped(wrong)} wrong, ${grouped(pending)} undecided`
}
