/**
 * An alert, in the form in which hooks and webhooks receive it. docs/alarm.md describes it; fields are only ever added.
 * Pure.
 */
import { hash } from 'node:crypto'
import { isObject } from '../lib/is-object.js'
import { printable } from '../lib/printable.js'
import { SEVERITIES, type Severity } from '../status/conditions.js'

/** What an alert is about. */
const KINDS = ['condition', 'evidence', 'suspect', 'watch', 'test'] as const
export type AlertKind = (typeof KINDS)[number]

/** The content of an alert, provided by the part of the node that noticed it. */
export interface Tidings {
  readonly kind: AlertKind
  readonly state: 'firing' | 'resolved'
  readonly severity: Severity
  /** The name of the condition, or what was seen in two or three words. */
  readonly name: string
  readonly log: AlertLog | null
  readonly sentence: string
  /** When it began, in ISO 8601. */
  readonly since: string
  readonly evidence: AlertEvidence | null
}

/** A log: its id, its name, and its verifier key. */
export interface AlertLog {
  readonly id: string
  readonly name: string
  readonly key: string
}

export interface AlertEvidence {
  readonly id: string
  /** Its path in the node's API. */
  readonly path: string
  /** The file, byte for byte; null if it is large. */
  readonly file: string | null
}

/** The node that sends the alert. */
export interface AlertNode {
  /** Verifier key; null for an observer. */
  readonly witness: string | null
  readonly version: string
  /** URL of its API. */
  readonly http: string
}

export interface Alert extends Tidings {
  /** Stays the same however often the alert is delivered. */
  readonly id: string
  readonly type: 'alarm.firing' | 'alarm.resolved'
  /** When it was raised, in ISO 8601. */
  readonly at: string
  /** What to do, in one sentence. */
  readonly advice: string
  /** Where to read more about that. */
  readonly runbook: string
  readonly node: AlertNode
  /** All of it as lines that can be pasted. */
  readonly text: string
}

/** What to do about something, and where to read more. */
export interface Advice {
  readonly advice: string
  readonly runbook: string
}

/** The most characters of a sentence, which may quote others, and of the name of a log. */
const MAX_SENTENCE = 1000
const MAX_NAME = 200

/** Makes an alert. Untrusted text in it is made printable. */
export function makeAlert(tidings: Tidings, { advice, runbook }: Advice, node: AlertNode, at: string): Alert {
  const { kind, state, name, log, evidence } = tidings
  const sentence = printable(tidings.sentence).slice(0, MAX_SENTENCE)
  const shown = log === null ? null : { ...log, name: printable(log.name).slice(0, MAX_NAME) }
  const id = hash('sha256', JSON.stringify([node.witness, kind, state, name, log?.id, evidence?.id, sentence, at]))
  const alert = { ...tidings, sentence, log: shown, id: id.slice(0, 32), type: `alarm.${state}` as const, at }
  return { ...alert, advice, runbook, node, text: textOf({ ...alert, advice, runbook, node }) }
}

/** Whether it has all fields of an alert: one written by another version may not. */
export function isAlert(value: unknown): value is Alert {
  if (!isObject(value)) return false
  const { kind, state, severity, log, evidence, node, at } = value
  const isOf = (one: unknown, ...fields: readonly string[]): boolean =>
    isObject(one) && fields.every((field) => typeof one[field] === 'string')
  return (
    isOf(value, 'name', 'severity', 'sentence', 'since', 'id', 'type', 'at', 'advice', 'runbook', 'text') &&
    (KINDS as readonly unknown[]).includes(kind) &&
    (state === 'firing' || state === 'resolved') &&
    Object.hasOwn(SEVERITIES, severity as string) &&
    !Number.isNaN(Date.parse(at as string)) &&
    (log === null || isOf(log, 'id', 'name', 'key')) &&
    (evidence === null || isOf(evidence, 'id', 'path')) &&
    (isOf(node, 'witness', 'version', 'http') ||
      (isOf(node, 'version', 'http') && (node as AlertNode).witness === null))
  )
}

/** The key name of the witness that sends it; an observer has none. */
export function callerOf({ witness }: AlertNode): string {
  return witness?.split('+', 1)[0] ?? 'observer'
}

/** One line for a subject, a title or a notification. */
export function subjectOf({ state, severity, name, log, kind }: Omit<Alert, 'text'>): string {
  const what = state === 'resolved' ? 'over' : kind === 'test' ? 'test' : severity.toUpperCase()
  return `[gossum] ${what}: ${name}${log === null ? '' : ` (${log.name})`}`
}

function textOf(alert: Omit<Alert, 'text'>): string {
  const { sentence, state, since, evidence, node, advice, runbook, log } = alert
  const rows: readonly (readonly [string, string])[] = [
    ['since', since],
    ...(state === 'resolved' ? [['until', alert.at] as const] : [['what to do', advice] as const]),
    ...(evidence === null ? [] : evidenceRows(evidence, node, log)),
    ['more', runbook],
    ['node', `${callerOf(node)}, ${node.http}`],
  ]
  return [subjectOf(alert), sentence, '', ...rows.map(([name, text]) => `${name.padEnd(10)}  ${text}`)].join('\n')
}

function evidenceRows({ id, path }: AlertEvidence, node: AlertNode, log: Tidings['log']): [string, string][] {
  return [
    ['evidence', `${id}, ${node.http}${path}`],
    ['check it', `gossum evidence show ${id} > ${id}.json && gossum verify --log '${log?.key ?? ''}' ${id}.json`],
  ]
}
