/** What a policy protects against, as JSON and as text. Pure. */
import type { WitnessView } from '../../status/shapes.js'
import { quorumSatisfied, type Policy } from '../../tlog/policy.js'
import { equalAdvice, fewestFor, policyStrength, type EqualStrength } from '../../tlog/policy-strength.js'
import { age, counted, table, type Paint } from './node-text.js'
import { grouped } from '../../lib/words.js'

/** A witness is silent after this long without a cosignature: a node renews its own every half hour. */
const SILENT_AFTER_HOURS = 2

/** A built-in list counts as old after this long: witnesses are added and retired. */
const OLD_AFTER_DAYS = 180
const OLD: Warning = {
  code: 'old',
  text: `the list is more than ${OLD_AFTER_DAYS} days old: witnesses may have changed; look for a newer version, or write a policy`,
}

/** What a running node has seen of one witness of a policy. */
export interface WitnessReport {
  /** Its name in the policy. */
  readonly name: string
  readonly key: string
  /** Whether the node knows it: its own policy names it too. */
  readonly known: boolean
  /** Its newest cosignature; null when there is none. */
  readonly last: { readonly size: number; readonly time: string } | null
  /** Whether there is none, or it is too old. */
  readonly silent: boolean
  /** Id of the evidence that convicts it; null if there is none. */
  readonly convicted: string | null
}

export interface Warning {
  readonly code:
    | 'no-quorum'
    | 'unreachable'
    | 'no-liar'
    | 'split-without-liar'
    | 'unverifiable'
    | 'unused'
    | 'convicted'
    | 'unheard'
    | 'old'
  readonly text: string
}

/** The JSON of `policy check`. Infinite numbers are null. */
export interface PolicyReport {
  /** Name of the quorum. */
  readonly quorum: string
  /** Witnesses below the quorum that can count. */
  readonly witnesses: number
  /** The fewest witnesses that reach the quorum; null when it cannot be reached. */
  readonly threshold: number | null
  /** The least number of witnesses that any two sets reaching the quorum have in common. */
  readonly overlap: number | null
  /** Lying witnesses that it tolerates: overlap - 1. */
  readonly liars: number | null
  /** The least number of silent witnesses that block the quorum; null for `quorum none`. */
  readonly blocking: number | null
  /** Silent witnesses that it tolerates: blocking - 1. */
  readonly silent: number | null
  /**
   * Whether the quorum can be reached: by the file alone or, with a node, by the witnesses that it hears and counts.
   */
  readonly reachable: boolean
  /**
   * For this many equal witnesses, the smallest threshold above two thirds; and the fewest that tolerate one liar more.
   */
  readonly advice: { readonly same: EqualStrength; readonly more: EqualStrength } | null
  readonly warnings: readonly Warning[]
  /** The date of a built-in list, and its age in days; null for a file. */
  readonly date: string | null
  readonly ageDays: number | null
  /** What the node has seen of each witness; null without a node. */
  readonly seen: readonly WitnessReport[] | null
}

// ---- the report ------------------------------------------------------------------------------------------------

/**
 * What can be said of a policy. `views` is what a running node reports of witnesses, `date` that of a built-in list,
 * `now` in milliseconds since 1970.
 */
export function policyReport(
  policy: Policy,
  views: readonly WitnessView[] | undefined,
  now: number,
  date?: string,
): PolicyReport {
  const seen = views && policy.witnesses.map(({ name, vkey }) => witnessReport(name, vkey, views, now))
  const convicted = new Set((seen ?? []).flatMap(({ key, convicted: id }) => (id === null ? [] : key)))
  const heard = seen?.filter(({ key, silent }) => !silent && !convicted.has(key)).map(({ key }) => key)
  const { witnesses, threshold, overlap, liars, blocking, silent } = policyStrength(policy, convicted)
  const isHeard = heard === undefined || quorumSatisfied(policy, new Set(heard))
  const least = Math.min(liars, silent)
  const ageDays = date === undefined ? null : Math.max(0, Math.floor((now - Date.parse(date)) / 86_400_000))
  return {
    quorum: policy.quorum,
    witnesses,
    threshold: finite(threshold),
    overlap: finite(overlap),
    liars: finite(liars),
    blocking: finite(blocking),
    silent: finite(silent),
    reachable: threshold < Infinity && isHeard,
    advice: witnesses === 0 ? null : { same: equalAdvice(witnesses), more: fewestFor(Math.max(1, least + 1)) },
    warnings: [
      ...fileWarnings(policy, threshold, liars),
      ...(seen ?? []).flatMap(({ name, convicted: id }) => (id === null ? [] : [convictedWarning(name, id)])),
      ...(isHeard ? [] : [unheard(heard.length)]),
      ...(ageDays !== null && ageDays > OLD_AFTER_DAYS ? [OLD] : []),
    ],
    date: date ?? null,
    ageDays,
    seen: seen ?? null,
  }
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}

function witnessReport(name: string, key: string, views: readonly WitnessView[], now: number): WitnessReport {
  const view = views.find((candidate) => candidate.key === key)
  const last = view?.last ? { size: view.last.size, time: view.last.time } : null
  const silent = last === null || now - Date.parse(last.time) > SILENT_AFTER_HOURS * 3_600_000
  return { name, key, known: view !== undefined, last, silent, convicted: view?.convicted ?? null }
}

function fileWarnings(policy: Policy, threshold: number, liars: number): Warning[] {
  const warnings: Warning[] = []
  const isNone = threshold === 0
  if (isNone) warnings.push({ code: 'no-quorum', text: 'quorum none: every head satisfies it, whatever witnesses say' })
  else if (threshold === Infinity) {
    warnings.push({ code: 'unreachable', text: 'too few witnesses can count: no head will ever satisfy it' })
  } else if (liars < 0) {
    const text = 'a log can show two histories to different honest witnesses, and both reach the quorum'
    warnings.push({ code: 'split-without-liar', text })
  } else if (liars === 0) {
    warnings.push({ code: 'no-liar', text: 'one lying witness is enough for two histories to reach the quorum' })
  }
  const foreign = policy.witnesses.filter(({ key }) => key === undefined).map(({ name }) => name)
  if (foreign.length > 0) {
    const text = `keys of a type that is not verified here never count: ${foreign.join(', ')}`
    warnings.push({ code: 'unverifiable', text })
  }
  const unused = isNone ? [] : unusedNames(policy)
  if (unused.length > 0) {
    warnings.push({ code: 'unused', text: `not part of the quorum, so they never count: ${unused.join(', ')}` })
  }
  return warnings
}

/** Witnesses that are not below the quorum. */
function unusedNames({ witnesses, groups, quorum }: Policy): string[] {
  const used = new Set([quorum])
  // Members are defined before their group.
  for (const { name, members } of [...groups].reverse())
    if (used.has(name)) members.forEach((member) => used.add(member))
  return witnesses.flatMap(({ name }) => (used.has(name) ? [] : name))
}

function convictedWarning(name: string, id: string): Warning {
  return { code: 'convicted', text: `${name} was proven to lie and does not count: gossum evidence show ${id}` }
}

function unheard(count: number): Warning {
  const who = counted(count, 'witness', 'witnesses')
  const text = `${who} that ${count === 1 ? 'counts was' : 'count were'} heard in the last ${SILENT_AFTER_HOURS} hours: too few`
  return { code: 'unheard', text }
}

// ---- words -----------------------------------------------------------------------------------------------------

/** The lines of `gossum policy check`. */
export function policyLines(report: PolicyReport, now: number, paint: Paint): string[] {
  const { threshold, liars, silent, advice, warnings, seen } = report
  const rows: [label: string, text: string][] = [['quorum', needsText(report)]]
  if (threshold !== null && threshold > 0) {
    rows.push(['liars', liarsText(liars!)], ['silence', silenceText(silent!)])
  }
  if (advice !== null) {
    const { same, more } = advice
    rows.push([
      'advice',
      threshold === same.threshold && liars === same.liars && silent === same.silent
        ? `${equal(same)} is the smallest threshold above two thirds`
        : `${equal(same)}, the smallest threshold above two thirds, survives ${both(same)}`,
    ])
    rows.push(['', `${equal(more)} survives ${both(more)} (n = 3f + 1)`])
  }
  if (report.date !== null) rows.push(['list', `of ${report.date}, ${counted(report.ageDays!, 'day')} old`])
  for (const { text } of warnings) rows.push([paint('yellow', 'warning'.padEnd(LABEL_WIDTH)), text])
  const lines = rows.map(([label, text]) => `${label.padEnd(LABEL_WIDTH)}${text}`)
  return seen === null ? lines : [...lines, '', ...table(seen.map((witness) => seenRow(witness, now)))]
}

const LABEL_WIDTH = 9

function needsText({ quorum, threshold, witnesses }: PolicyReport): string {
  if (threshold === 0) return 'none: no witness is needed'
  const all = counted(witnesses, 'witness', 'witnesses')
  return threshold === null
    ? `${quorum}: cannot be reached by the ${all} that can count`
    : `${quorum}: needs ${grouped(threshold)} of ${all}`
}

function liarsText(liars: number): string {
  if (liars < 0) return 'a split view needs no liar: two histories can reach the quorum through different witnesses'
  const enough = liars === 0 ? 'one that lies is' : `${grouped(liars + 1)} that lie are`
  return `survives ${liars === 0 ? 'none' : grouped(liars)}: ${enough} enough for two histories to reach the quorum`
}

function silenceText(silent: number): string {
  const enough = silent === 0 ? 'one that is silent stops' : `${grouped(silent + 1)} that are silent stop`
  return `survives ${silent === 0 ? 'none' : grouped(silent)}: ${enough} the quorum`
}

function equal({ threshold, witnesses }: EqualStrength): string {
  return `${grouped(threshold)} of ${grouped(witnesses)}`
}

function both({ liars, silent }: EqualStrength): string {
  return `${counted(liars, 'liar')} and ${counted(silent, 'silent witness', 'silent witnesses')}`
}

function seenRow({ name, known, last, silent, convicted }: WitnessReport, now: number): string[] {
  const heard = last === null ? 'never heard' : `size ${grouped(last.size)}  ${age(last.time, now)}`
  const state = convicted !== null ? `CONVICTED by ${convicted}` : silent ? 'SILENT' : 'heard'
  return [name, known ? state : 'unknown to the node', known ? heard : '']
}
