/** The output of an audit, for people and for scripts. */
import type { Finding } from '../../../audit/finding.js'
import type { AuditReport } from '../../../audit/walk/log-audit.js'
import type { Disagreement } from '../../../audit/walk/merge.js'
import type { Missing } from '../../../audit/walk/unit.js'
import { evidenceId } from '../../../evidence/evidence.js'
import { formatHash } from '../../../tlog/hash.js'
import { keepInFile } from '../evidence/evidence-file.js'
import { EXIT, gravest } from '../../exit.js'
import { counted } from '../../ui/node-text.js'
import type { Output } from '../../ui/output.js'
import type { AuditFlags } from './audit-settings.js'
import { grouped } from '../../../lib/words.js'

/** How many unavailable tiles are listed for people; scripts get all. */
const SHOWN_MISSING = 5

/** The exit code of an audit. */
export function exitOfAudit({ findings, evidence, isComplete }: AuditReport): number {
  const isBad = findings.error > 0 || evidence.length > 0
  return gravest([isBad ? EXIT.misbehaviour : EXIT.fine, isComplete ? EXIT.fine : EXIT.undecided])
}

export function tellFinding({ rule, level, id, tile, module, detail }: Finding, out: Output): void {
  out.json({ finding: rule, level, id, tile, module, detail })
  const where = tile ?? `record ${id ?? '?'}${module === undefined ? '' : ` (${module})`}`
  out.line(`${out.paint(level === 'error' ? 'red' : 'yellow', level.padEnd(5))}  ${rule}  ${where}: ${detail}`)
}

function tellMissing(missing: readonly Missing[], out: Output): void {
  for (const { what, why } of missing) out.json({ missing: what, why })
  for (const { what, why } of missing.slice(0, SHOWN_MISSING))
    out.line(`${out.paint('yellow', 'gone ')}  ${what}: ${why}`)
  if (missing.length > SHOWN_MISSING) out.line(`       and ${missing.length - SHOWN_MISSING} more`)
}

export function tellDisagreement({ file, from, to, why }: Disagreement, out: Output): void {
  out.json({ disagrees: file, from, to, why })
  out.line(`${out.paint('red', 'wrong')}  ${file}, records ${from} to ${to - 1}: ${why}`)
}

/** How an audit was run. */
export interface AuditRun {
  readonly flags: Pick<AuditFlags, 'writeEvidence'>
  /** The head, as a note. */
  readonly note: string
  readonly ms: number
  /** Records that were read in this run. */
  readonly read: number
}

/** Prints what is missing, what convicts, and the JSON line for scripts or the summary for people. */
export async function tellOutcome(report: AuditReport, run: AuditRun, out: Output): Promise<void> {
  tellMissing(report.missing, out)
  for (const one of report.evidence) {
    const file = await keepInFile(one, run.flags.writeEvidence, out)
    const id = evidenceId(one)
    out.json({ evidence: id, type: one.type, file })
    out.line(`${out.paint('red', 'proof')}  evidence ${id} convicts the log${file === null ? '' : `, in ${file}`}`)
    if (file !== null) out.hint(`anyone can check it, offline: gossum verify --log ${one.log} ${file}`)
  }
  const { audited, size, root, findings, isComplete } = report
  const [ms, recordsPerSecond] = [Math.round(run.ms), Math.round((run.read * 1000) / Math.max(run.ms, 1))]
  const head = { audited, size, root: formatHash(root), head: run.note }
  out.json({ ...head, findings, complete: isComplete, ms, recordsPerSecond })
  const found = `${counted(findings.error, 'error')}, ${counted(findings.note, 'note')}`
  const state = isComplete ? out.paint('green', 'complete') : out.paint('yellow', 'incomplete')
  out.line(`${state}: ${grouped(audited)} of ${grouped(size)} records read, ${found}`)
}
