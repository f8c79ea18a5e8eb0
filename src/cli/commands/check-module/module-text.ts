/** The report on a module version: verdict, exit code, JSON and text, for `check module` and `check modcache`. Pure. */
import {
  hashesOfRecord,
  MEANINGS,
  HOLDERS,
  type FileDifference,
  type LogStanding,
  type ModuleHashes,
  type ModuleVerdict,
  type HolderName,
  type HolderView,
  type HolderViews,
} from '../../../audit/module/module-views.js'
import type { ModuleVersion } from '../../../sumdb/module-version.js'
import { EXIT } from '../../exit.js'
import { type Paint } from '../../ui/node-text.js'
import { grouped } from '../../../lib/words.js'

export type ModuleOutcome = 'ok' | 'differs' | 'misbehaviour' | 'undecided'

/** One module version, as --json prints it. */
export interface ModuleReport extends ModuleVerdict {
  readonly module: string
  readonly version: string
  readonly verdict: ModuleOutcome
  readonly log: {
    readonly kind: LogStanding['kind']
    /** Number of the proven record; also null for a result of an earlier run. */
    readonly record: number | null
    readonly zip: string | null
    readonly mod: string | null
    readonly reason: string | null
  }
  readonly holders: Readonly<Partial<Record<HolderName, HolderReport>>>
}

export interface HolderReport {
  readonly kind: HolderView['kind']
  readonly zip: string | null
  readonly mod: string | null
  readonly from: string | null
  readonly reason: string | null
  readonly flaw: string | null
  readonly files: readonly FileDifference[]
}

const OUTCOME_EXIT: Readonly<Record<ModuleOutcome, number>> = {
  ok: EXIT.fine,
  differs: EXIT.refused,
  misbehaviour: EXIT.misbehaviour,
  undecided: EXIT.undecided,
}

/** `isKnown`: an earlier run found these hashes in the log. */
export function reportOfModule(
  { path, version }: ModuleVersion,
  log: LogStanding,
  views: HolderViews,
  verdict: ModuleVerdict,
  isKnown = false,
): ModuleReport {
  const record = log.kind === 'record' ? hashesOfRecord(log.lines) : { zip: null, mod: null }
  const id = 'id' in log && !isKnown ? (log.id ?? null) : null
  const reason = 'reason' in log ? log.reason : log.kind === 'record' ? (log.doubt?.reason ?? null) : null
  const holders = HOLDERS.flatMap((holder) => {
    const view = views[holder]
    return view === undefined ? [] : [[holder, holderReport(view)] as const]
  })
  return {
    module: path,
    version,
    class: verdict.class,
    verdict: outcomeOf(verdict, log),
    differing: verdict.differing,
    silent: verdict.silent,
    reason: verdict.reason,
    log: { kind: log.kind, record: id, ...record, reason },
    holders: Object.fromEntries(holders),
  }
}

function holderReport(view: HolderView): HolderReport {
  const { kind } = view
  if (kind !== 'has') return { kind, zip: null, mod: null, from: null, reason: view.reason, flaw: null, files: [] }
  const { hashes, from, flaw = null, files = [] } = view
  return { kind, ...hashes, from, reason: null, flaw, files }
}

function outcomeOf({ class: found, silent }: ModuleVerdict, log: LogStanding): ModuleOutcome {
  if (log.kind === 'log-conflict') return 'misbehaviour'
  if (found === 'agree' || found === 'private') return silent.length > 0 ? 'undecided' : 'ok'
  return found === null || found === 'lag' || found === 'index only' ? 'undecided' : 'differs'
}

export function exitOfModule({ verdict }: ModuleReport): number {
  return OUTCOME_EXIT[verdict]
}

// ---- words -----------------------------------------------------------------------------------------------------

const COLORS = { ok: 'green', differs: 'red', misbehaviour: 'red', undecided: 'yellow' } as const
const LABEL_WIDTH = 8
/** The most files named on one line. */
const MAX_NAMED = 5

/** The class, the module and the meaning, on one line. */
export function headline(report: ModuleReport, paint: Paint): string {
  const { class: found, module, version, verdict, reason, silent } = report
  const word = paint(COLORS[verdict], found ?? 'undecided')
  const unheard = silent.length === 0 || found === null ? '' : `; no answer from ${silent.join(', ')}`
  return `${word}  ${module} ${version}: ${found === null ? reason! : MEANINGS[found].means}${unheard}`
}

/** The whole report: what each holder has, and what to do. */
export function moduleLines(report: ModuleReport, paint: Paint): string[] {
  const { class: found, log } = report
  const where = log.record === null ? '' : `record ${grouped(log.record)}  `
  const logSays = log.kind === 'record' ? `${where}${hashText(log)}` : (log.reason ?? 'not asked')
  const lines = HOLDERS.flatMap((holder) => {
    const view = report.holders[holder]
    return view === undefined ? [] : [labelled(holder, holderText(holder, view, report))]
  })
  const todo = found === null || found === 'agree' || found === 'private' ? [] : [labelled('do', MEANINGS[found].todo)]
  return [headline(report, paint), labelled('log', logSays), ...lines, ...todo]
}

function labelled(label: string, text: string): string {
  return `  ${label.padEnd(LABEL_WIDTH)} ${text}`
}

function holderText(holder: HolderName, view: HolderReport, report: ModuleReport): string {
  if (view.kind === 'not-asked') return `not asked: ${view.reason!}`
  if (view.kind !== 'has') return `${view.kind}: ${view.reason!}`
  const isOther = report.differing.includes(holder)
  const isHeld = report.log.kind === 'record' && !isOther
  const says = isHeld ? 'the same' : isOther ? `differs  ${hashText(view)}` : hashText(view)
  const flaw = view.flaw === null ? '' : `  (a flaw: ${view.flaw})`
  return `${says}  ${view.from!}${flaw}${filesText(view.files)}`
}

function hashText({ zip, mod }: ModuleHashes): string {
  return [zip, mod === null ? null : `go.mod ${mod}`].filter((part) => part !== null).join('  ')
}

function filesText(files: readonly FileDifference[]): string {
  if (files.length === 0) return ''
  const named = files.slice(0, MAX_NAMED).map(({ name, what }) => `${name} ${what}`)
  const more = files.length > MAX_NAMED ? [`${files.length - MAX_NAMED} more`] : []
  return `: ${[...named, ...more].join(', ')}`
}

/** The differences on one line: who has what, and which files. */
export function differenceText({ differing, holders, log, reason }: ModuleReport): string {
  const parts = differing.map((holder) => {
    const view = holders[holder]
    if (view?.kind !== 'has') return `${holder}: ${view?.reason ?? ''}`
    return `${holder} has ${hashText(view)}${filesText(view.files)}`
  })
  const says = log.kind === 'record' ? `the log says ${hashText(log)}` : log.reason
  return [...parts, ...(says === null ? [] : [says]), ...(reason === null ? [] : [reason])].join('; ')
}
