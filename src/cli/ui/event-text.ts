/** Events as text for people. Pure. Lines that begin with "!" are shown even with --quiet. */
import { ERRORS, type ErrorCode } from '../../errors.js'
import { BAD_RECORD, SPLIT_VIEW, WITNESS_CONFLICT } from '../../evidence/evidence.js'
import type { NodeEvent } from '../../node/events.js'
import { deedOf, placesOf } from '../../status/evidence-words.js'
import { counted, isAnswer, pollError } from './node-text.js'
import { grouped } from '../../lib/words.js'

interface NamedLog {
  readonly id: string
  readonly key: { readonly name: string }
}

/** What the text depends on besides the event. */
export interface Telling {
  readonly logs: readonly NamedLog[]
  /** Without a policy every head that the node signs is a quorum head, which is not worth reporting. */
  readonly hasPolicy: boolean
  /** The flag with which a command finds this node: ` --node URL`, or nothing. */
  readonly nodeFlag: string
  /** The flag with which a command finds the home of this node: ` --home DIR`, or nothing. */
  readonly homeFlag: string
  /** Verifier key of this node's witness; undefined for an observer. */
  readonly own: string | undefined
}

/** The flags with which commands find this node and its home. */
export type Flags = Pick<Telling, 'nodeFlag' | 'homeFlag'>

const SOURCES = { found: 'found here', received: 'received from a peer' } as const

/** The indentation of a continued line: the width of the time and the name of an alarm. */
const CONTINUED = ' '.repeat(24)

/** The most refused logs of one list that get a line each. */
const MAX_REFUSED = 5

/** The lines that describe an event; none for events that nobody needs to see. Times are UTC. */
export function describeEvent(event: NodeEvent, telling: Telling): string[] {
  const clock = `${event.at.slice(11, 19)}Z`
  const [first, ...more] = linesOf(event, telling)
  if (first === undefined) return []
  const isAlarm = first.startsWith('!')
  return [
    isAlarm ? `! ${clock}  ${first.slice(1)}` : `  ${clock}  ${first}`,
    ...more.map((line) => `${isAlarm ? '!' : ' '}${CONTINUED}${line}`),
  ]
}

/** What an operator does about a frozen log or a convicted witness: inspect the evidence, then acknowledge it. */
export function afterEvidence(id: string, { nodeFlag, homeFlag }: Flags): string {
  return `Read it: gossum evidence show ${id}${nodeFlag}; then: gossum evidence ack ${id}${homeFlag}`
}

/** The same for an unexplained head, of which there is no evidence to show. */
export function afterSuspect(id: string, { nodeFlag, homeFlag }: Flags): string {
  return `Read it: gossum evidence show ${id}${nodeFlag}; then: gossum evidence ack ${id}${homeFlag}`
}

function linesOf(event: NodeEvent, telling: Telling): string[] {
  const { logs, hasPolicy } = telling
  const nameOf = (id: string | null): string => logs.find((log) => log.id === id)?.key.name ?? String(id)
  switch (event.event) {
    case 'outcome':
      return outcomeLines(event, nameOf(event.log), telling)
    case 'quorum':
      if (!hasPolicy) return []
      return [
        `quorum     ${nameOf(event.log)}  size ${grouped(event.size)}  ${counted(event.cosignatures.length, 'cosignature')}`,
      ]
    case 'evidence':
      return evidenceNews(event, nameOf(event.log), telling)
    case 'finding':
      return findingLines(event, nameOf(event.log))
    case 'watch':
    case 'unauthorised':
      return watchLines(event, nameOf(event.log))
    case 'mirror':
      return mirrorLines(event, nameOf(event.log))
    case 'audited':
      return [`audited    ${nameOf(event.log)}  size ${grouped(event.size)}: read whole, cosigned`]
    case 'peer':
      return [`${event.connected ? 'connected ' : 'left      '} ${event.peerId}`]
    case 'suspect':
      return [
        `!SUSPECT     ${nameOf(event.log)}  a signed head of size ${event.size === null ? 'beyond 2^53 - 1' : grouped(event.size)} cannot be tied to our history (${sentence(event.code)})`,
        // A size that no tree has freezes the log: only the holder of its key can have signed it.
        ...(event.size === null ? [`nothing more of it is signed. ${afterSuspect(event.id, telling)}`] : []),
      ]
    case 'log':
      return event.reachable
        ? [`log        ${nameOf(event.log)} answers`]
        : [`!${logTrouble(nameOf(event.log), event.error)}`]
    case 'log-list':
      return logListLines(event)
    case 'bootstrap':
      return event.reachable
        ? [`peer       ${event.address} answers`]
        : [`!cannot reach the peer ${event.address}, still trying: ${event.error ?? 'no reason given'}`]
    case 'bastion':
      return [event.error === null ? `bastion    ${event.state}` : `!bastion     ${event.state}: ${event.error}`]
    case 'guard':
      return [GUARD_ALARMS.has(event.state) ? `!GUARD       ${event.text}` : `guard      ${event.text}`]
    case 'state':
      return [`!STATE       ${event.text}: starting over`]
    case 'deposit':
      return [`${event.state === 'undeposited' ? '!DEPOSIT     ' : 'deposits   '}${event.text}`]
    case 'clock':
      return [event.holds ? `!CLOCK       ${event.text}` : `clock      resolved: ${event.text}`]
    case 'first-use':
      return [
        `first head ${nameOf(event.log)}  size ${grouped(event.size)}  root ${event.root}: trusted because it is the first`,
      ]
    case 'exchange':
      return placeLines(event, nameOf(event.log))
    case 'reload':
      return reloadLines(event, nameOf)
    case 'error':
      return [`!error       ${event.message} (${event.code})`]
  }
}

function reloadLines(event: NodeEvent & { event: 'reload' }, nameOf: (log: string) => string): string[] {
  const { error, followed, left } = event
  if (error !== null) return [`!reload     nothing has changed: ${error}`]
  return [
    `reload     ${reloadText(event)}`,
    ...followed.map((log) => `           ${nameOf(log)} is now followed`),
    ...left.map((log) => `           ${nameOf(log)} is no longer followed`),
  ]
}

/** The result of reloading the settings. */
export function reloadText({ changed, restart }: { changed: readonly string[]; restart: readonly string[] }): string {
  const taken = changed.length === 0 ? 'nothing to apply' : `applied: ${changed.join(', ')}`
  return restart.length === 0 ? taken : `${taken}; after a restart: ${restart.join(', ')}`
}

/** A log that does not answer, or whose address answers with something else. */
function logTrouble(name: string, error: string | null): string {
  const what = isAnswer(error) ? `${name} shows no head of its own` : `cannot reach ${name}`
  return `${what}, still trying: ${pollError(error)}`
}

/** States of the guard that need attention. */
const GUARD_ALARMS: ReadonlySet<string> = new Set(['partly guarded', 'unanswered', 'twin'])

/** The beginnings of alarm lines, as wide as CONTINUED. */
const ALARMS = {
  [SPLIT_VIEW]: 'SPLIT VIEW  ',
  [WITNESS_CONFLICT]: 'WITNESS     ',
  [BAD_RECORD]: 'BAD RECORD  ',
} as const

/**
 * A log or a witness was convicted. If conflicting cosignatures also prove a split view, that is an event of its own.
 */
function evidenceNews(event: Extract<NodeEvent, { event: 'evidence' }>, log: string, telling: Telling): string[] {
  const { id, type, witness, source } = event
  const name = witness?.split('+', 1)[0]
  const who = name === undefined ? log : witness === telling.own ? `this node's own key, ${name},` : name
  const what =
    name === undefined
      ? `nothing more of it is ${telling.own === undefined ? 'accepted' : 'signed'}`
      : 'its cosignatures no longer count'
  return [
    `!${ALARMS[type]}${who} ${deedOf(event, log)}: ${placesOf(event)} (${SOURCES[source]})`,
    `${what}. ${afterEvidence(id, telling)}`,
  ]
}

/** What an audit found: an error convicts the log or its server; a note is information. */
function findingLines(
  { rule, level, id, tile, module, detail }: NodeEvent & { event: 'finding' },
  log: string,
): string[] {
  const place = id === null ? String(tile) : `record ${grouped(id)}`
  const what = `${log}  ${place}${module === null ? '' : ` (${module})`}: ${detail} [${rule}]`
  return [level === 'error' ? `!BAD RECORD  ${what}` : `finding    ${what}`]
}

/** A new version of a watched module. */
function watchLines(event: NodeEvent & { event: 'watch' | 'unauthorised' }, log: string): string[] {
  const { module, version, id, time, authorised } = event
  const what = `${module} ${version}  record ${grouped(id)} of ${log}, in the log by ${time}`
  if (event.event === 'watch') return [`new        ${what}${authorised === true ? ', authorised' : ''}`]
  return [`!UNAUTHORISED  ${what}`, 'its owner has not authorised it: gossum watch test shows what the list has']
}

/** The module mirror received something that the log does not vouch for. */
function mirrorLines(event: NodeEvent & { event: 'mirror' }, log: string): string[] {
  const { path, version, kind, upstream, expected, got, reason } = event
  const file = kind === 'mod' ? 'go.mod' : 'zip'
  const hashes = expected === null || got === null ? [] : [`${log} has ${expected}, received ${got}`]
  return [
    `!MODULE      the ${file} of ${path}@${version} from ${upstream} was not served: ${reason} [${event.class}]`,
    ...hashes,
  ]
}

/** An external place: whether it answers, and its objections. Merely accepting a head is not worth reporting. */
function placeLines(event: Extract<NodeEvent, { event: 'exchange' }>, log: string): string[] {
  const { place, url, verdict, reachable, error, detail, size, root } = event
  const said = detail === null || detail === '' ? '' : `: ${detail}`
  switch (verdict) {
    case null:
      return reachable
        ? [`place      ${place} answers`]
        : [`!cannot exchange with ${place}, still trying: ${error ?? 'no reason given'}`]
    case 'inconsistent':
      return [
        `!INCONSISTENT  ${place} says that our head of ${log} contradicts what it has seen: size ${grouped(size ?? 0)}, root ${String(root)}`,
        `its word alone proves nothing: compare with others${said}`,
      ]
    case 'refused':
      return [`!place      ${place} refuses a head of ${log} that is proven here, size ${grouped(size ?? 0)}${said}`]
    case 'unknown-log':
      return [`!place      ${place} does not know ${log}; it is asked again every hour (${url})`]
    case 'uncounted':
      return [`place      ${place} cosigned ${log}, which nobody counts here${said}`]
    default:
      return []
  }
}

function outcomeLines(event: Extract<NodeEvent, { event: 'outcome' }>, name: string, { own }: Telling): string[] {
  const size = event.size === null ? '' : `  size ${grouped(event.size)}`
  const from = event.peer === null ? event.door : `${event.door} from ${event.peer.slice(-8)}`
  const why = event.code === null ? '' : `: ${sentence(event.code)}`
  switch (event.outcome) {
    case 'advanced':
      return [`${own === undefined ? 'accepted ' : 'cosigned '}  ${name}${size}  (${from})`]
    case 'pending':
      return [`pending    ${name}${size}  (${from})${why}`]
    case 'refused':
      return [`refused    ${name}${size}  (${from})${why}`]
    case 'conflict':
      return [`conflict   ${name}${size}  (${from})`]
    case 'known':
    case 'past':
      return []
  }
}

function logListLines(event: NodeEvent & { event: 'log-list' }): string[] {
  const { list, format, added, refused, error, atNextStart } = event
  if (error !== null) return [`!cannot read the log list ${list}: ${error}`]
  const when = atNextStart ? ', followed from the next start on' : ''
  return [
    ...(added.length === 0 ? [] : [`log list   ${list} (${format}): ${counted(added.length, 'log')} added${when}`]),
    // One line each, up to a limit: a hostile list may have thousands.
    ...refused
      .slice(0, MAX_REFUSED)
      .map(({ name, message }) => `refused    ${name} of ${list} (${format}): ${message}`),
    ...(refused.length > MAX_REFUSED ? [`refused    ${refused.length - MAX_REFUSED} more of ${list}`] : []),
  ]
}

function sentence(code: string): string {
  return code in ERRORS ? ERRORS[code as ErrorCode][0] : code
}
