/** Answers of a node as text for people. Pure. */
import { ERRORS } from '../../errors.js'
import type {
  CosignatureView,
  EvidenceView,
  ExchangeView,
  HeadView,
  LogView,
  PeerView,
  StatusView,
} from '../../status/shapes.js'
import { beliefIn } from '../../status/belief.js'
import type { BastionReport } from '../../http/bastion/bastion.js'
import { grouped, span } from '../../lib/words.js'

/** Applies a style to a text; the output decides what the style looks like. */
export type Paint = (style: 'bold' | 'dim' | 'red' | 'green' | 'yellow', text: string) => string

/** The gap between columns. */
const GAP = '  '
const LABEL_WIDTH = 10

/** Seconds by which two machines' clocks may differ without a mention. */
const CLOCKS_DIFFER = 60

/**
 * How long ago a time was, in its largest whole unit; or how far it is ahead, which a time of the past should never be.
 */
export function age(time: string, now: number): string {
  const seconds = Math.round((now - Date.parse(time)) / 1000)
  return seconds < -CLOCKS_DIFFER ? `${span(-seconds)} ahead of this clock` : `${span(Math.max(0, seconds))} ago`
}

/** A number with its noun. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`
}

/** Rows with aligned columns. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join(GAP)
      .trimEnd(),
  )
}

function labelled(label: string, text: string): string {
  return ` ${label.padEnd(LABEL_WIDTH)}${GAP}${text}`
}

/** Why a log did not answer, or not with a head: the reason, then the URL, without the sentence of the error code. */
export function pollError(error: string | null): string {
  if (error === null) return 'no reason given'
  const sentences = [ERRORS.LOG_UNREACHABLE[0], ERRORS.LOG_ANSWER_INVALID[0]].map((sentence) => `${sentence}: `)
  const sentence = sentences.find((start) => error.startsWith(start))
  if (sentence === undefined) return error
  const detail = error.slice(sentence.length)
  const [, url, reason] = /^(https?:\/\/\S+): (.+)$/s.exec(detail) ?? []
  return url === undefined ? detail : `${reason!} (${url})`
}

/** Whether something answered at the log's address, but not with a head of it. */
export function isAnswer(error: string | null): boolean {
  return error?.startsWith(ERRORS.LOG_ANSWER_INVALID[0]) === true
}

// ---- status ----------------------------------------------------------------------------------------------------

/** The lines of `gossum status`: a block for each log, then the node. `evidence` is all the evidence of the node. */
export function statusLines(
  status: StatusView,
  evidence: readonly EvidenceView[],
  now: number,
  paint: Paint,
): string[] {
  return [
    ...status.logs.flatMap((log) => [...logLines(log, status, evidence, now, paint), '']),
    ...nodeLines(status, evidence, now, paint),
  ]
}

function logLines(
  log: LogView,
  status: StatusView,
  evidence: readonly EvidenceView[],
  now: number,
  paint: Paint,
): string[] {
  const { belief, sentence } = beliefIn(status, log, evidence, now)
  const size = log.root === null ? 'no head yet' : `size ${grouped(log.size)}`
  return [
    ` ${paint('bold', log.name)}${GAP}${size}`,
    ` ${paint(BELIEF_STYLES[belief], sentence)}`,
    labelled('view', viewOf(log, status, paint)),
    labelled('newest', newestOf(log, status, now)),
    ...(log.witness === null || log.witness === status.witness ? [] : [labelled('key', `its own: ${log.witness}`)]),
    ...(log.cosignatures.length === 0 ? [] : [labelled('', byWhom(log.cosignatures, now))]),
    labelled('quorum', quorumOf(log, status.policy)),
    // A node of an earlier version does not report it.
    ...(log.audit ? [labelled('audit', auditOf(log.audit, paint))] : []),
    ...(log.reachable === false ? [labelled('log', paint('yellow', troubleOf(log)))] : []),
  ]
}

const BELIEF_STYLES = { agreed: 'green', thin: 'yellow', split: 'red' } as const

function troubleOf({ error }: LogView): string {
  return `${isAnswer(error) ? 'shows no head of this log' : 'not reachable'}: ${pollError(error)}`
}

/** Suspects that are not acknowledged. */
function openSuspects({ holds, suspects }: LogView): LogView['suspects'] {
  return suspects.filter(({ id }) => !holds.some((hold) => hold.id === id && hold.acked))
}

/** The number of open suspects: not all of them are listed. */
function openCount(log: LogView): number {
  // A node of an earlier version lists all of them and has no count.
  const all = Math.max(log.suspects.length, log.suspectCount || 0)
  return all - (log.suspects.length - openSuspects(log).length)
}

function viewOf(log: LogView, { peers, policy, observer }: StatusView, paint: Paint): string {
  const nothing = observer ? 'nothing is accepted' : 'nothing is signed'
  if (log.frozen) {
    const ids = log.holds.filter((hold) => !hold.acked).map((hold) => hold.id)
    return paint('red', `FROZEN: proven to misbehave; ${nothing} until gossum evidence ack ${ids.join(', ')}`)
  }
  if (log.disabled) return paint('yellow', 'disabled: nothing new is read or signed; gossum log add resumes it')
  if (log.paused !== null) return paint('red', `PAUSED: ${nothing}: ${log.paused}`)
  if (log.floor !== null) {
    const size = grouped(log.floor.size)
    return paint('red', `BEHIND: nothing is signed before size ${size}, which this key has cosigned, is proven`)
  }
  const suspects = openSuspects(log)
  const alarmed = suspects.filter((suspect) => suspect.alarmed).length
  if (alarmed > 0) return paint('red', `${counted(alarmed, 'signed head')} that nothing explains`)
  const open = openCount(log)
  if (open > 0) return paint('yellow', `${counted(open, 'suspect')}: not proven yet`)
  if (log.holds.length > 0) {
    const isProven = log.holds.some((hold) => !log.suspects.some(({ id }) => id === hold.id))
    const what = isProven ? 'two histories were shown' : 'a head that nothing explains was shown'
    return paint('yellow', `${what}; acknowledged, ${observer ? 'followed' : 'signing'} again`)
  }
  if (log.root === null) return 'nothing seen yet'
  const isAlone = peers === 0 && (policy === null || log.quorum === null)
  return isAlone ? paint('yellow', 'consistent so far; no peers to compare with') : paint('green', 'one view')
}

function newestOf(log: LogView, { observer }: StatusView, now: number): string {
  if (observer) return counted(log.cosignatures.length, 'cosignature')
  if (log.time === null) return 'nothing cosigned yet'
  return `cosigned ${age(log.time, now)}, ${counted(log.cosignatures.length, 'cosignature')}`
}

/** Who cosigned, and how long ago by the cosignatures' own times. */
function byWhom(cosignatures: readonly CosignatureView[], now: number): string {
  return cosignatures
    .map(({ name, time, counted: counts }) => `${name} ${age(time, now)}${counts ? '' : ' (not counted)'}`)
    .join(', ')
}

function quorumOf({ quorum, size }: LogView, policy: StatusView['policy']): string {
  if (policy === null) return "no policy: only this node's own cosignature counts"
  const need = `${policy.threshold} of ${policy.witnesses} witnesses needed`
  if (quorum === null) return `none yet, ${need}`
  const behind = size > quorum.size ? `, ${counted(size - quorum.size, 'record')} behind` : ''
  const agree = quorum.cosignatures.filter(({ counted: counts }) => counts).length
  return `size ${grouped(quorum.size)}${behind}, ${agree} agree, ${need}`
}

/** The progress of the audit, its findings, and the cosignatures of its key. */
function auditOf({ size, findings, complete, cosigned, error }: NonNullable<LogView['audit']>, paint: Paint): string {
  const read = `${counted(size, 'record')} read${complete ? '' : ' so far'}`
  const bad = findings.error === 0 ? 'none bad' : paint('red', `${counted(findings.error, 'place')} found bad`)
  const notes = findings.note === 0 ? '' : `, ${counted(findings.note, 'note')}`
  const said = cosigned === null ? '' : `; cosigned up to ${grouped(cosigned)}`
  return `${read}, ${bad}${notes}${said}${error === null ? '' : `; ${paint('yellow', error)}`}`
}

function nodeLines(status: StatusView, evidence: readonly EvidenceView[], now: number, paint: Paint): string[] {
  return [
    ...healthLines(status, paint),
    labelled('peers', status.peerId === null ? 'no mesh' : `${grouped(status.peers)} connected`),
    ...status.exchange.map((place, i) => labelled(i === 0 ? 'exchange' : '', placeOf(place, status, now, paint))),
    labelled('evidence', evidenceOf(evidence, paint)),
    labelled('witness', status.witness ?? 'none: an observer, which signs nothing'),
    ...(status.mlDsa === null ? [] : [labelled('', `and ${status.mlDsa.slice(0, 48)}... (gossum key show)`)]),
    ...(status.auditor ? [labelled('auditor', status.auditor)] : []),
    ...ownConvictions(status, evidence).map((id) => {
      const text = `this key was proven to have cosigned two histories: gossum evidence show ${id}`
      return labelled('', paint('red', text))
    }),
    ...(status.signing.by === 'ssh-agent' ? [labelled('signing', signingOf(status.signing, paint))] : []),
    ...(status.observer
      ? []
      : [
          labelled('guard', paint(GUARD_STYLES[status.guard.state], status.guard.text)),
          labelled('deposits', paint(DEPOSIT_STYLES[status.deposit.state], status.deposit.text)),
        ]),
    ...status.clock.map(({ text }, i) => labelled(i === 0 ? 'clock' : '', paint('red', text))),
    ...(status.bastion === null ? [] : [labelled('bastion', bastionOf(status.bastion, now, paint))]),
    labelled('started', `${age(status.startedAt, now)}, version ${status.version}`),
  ]
}

/** Whether the node is ready, and each condition that makes `gossum status` exit with a code other than 0. */
function healthLines({ ready, conditions }: StatusView, paint: Paint): string[] {
  const told = conditions.filter(({ severity }) => severity !== 'notice')
  const verdict = ready ? (told.length === 0 ? 'ok' : 'ready, but') : 'NOT READY'
  return [
    labelled('health', paint(ready ? (told.length === 0 ? 'green' : 'yellow') : 'red', verdict)),
    ...told.map(({ name, severity, text }) =>
      labelled('', paint(severity === 'doubtful' ? 'yellow' : 'red', `${name}: ${text}`)),
    ),
  ]
}

/** An external place: when it last answered, and what it says of each log. */
function placeOf(place: ExchangeView, { logs }: StatusView, now: number, paint: Paint): string {
  const answered = place.lastAnswer === null ? 'never answered' : `answered ${age(place.lastAnswer, now)}`
  const said = place.says.map(({ log, verdict, size }) => {
    const name = logs.find(({ id }) => id === log)?.name ?? log
    const words = `${verdict} ${name}${size === null ? '' : ` size ${grouped(size)}`}`
    return verdict === 'inconsistent' ? paint('red', words) : words
  })
  const error = place.error === null ? [] : [paint('yellow', place.error)]
  return `${place.name} (${place.kind})${GAP}${[answered, ...said, ...error].join(', ')}`
}

function bastionOf({ state, error, lastCosignature }: BastionReport, now: number, paint: Paint): string {
  const said = error === null ? state : `${state}: ${error}`
  const last =
    lastCosignature === null ? 'no cosignature went out yet' : `last cosignature ${age(lastCosignature, now)}`
  return `${paint(state === 'serving' ? 'green' : 'yellow', said)}, ${last}`
}

function signingOf({ error }: StatusView['signing'], paint: Paint): string {
  return error === null ? 'by ssh-agent' : paint('red', `NOTHING: the ssh-agent does not sign: ${error}`)
}

const GUARD_STYLES = {
  fresh: 'green',
  guarded: 'green',
  waiting: 'yellow',
  'partly guarded': 'yellow',
  unguarded: 'yellow',
  unanswered: 'red',
  twin: 'red',
} as const

const DEPOSIT_STYLES = { deposited: 'green', undeposited: 'red', nobody: 'yellow' } as const

/** Unacknowledged evidence that convicts the node itself. */
function ownConvictions({ witness }: StatusView, evidence: readonly EvidenceView[]): string[] {
  return evidence.flatMap((item) => (witness !== null && item.witness === witness && !item.acked ? item.id : []))
}

function evidenceOf(evidence: readonly EvidenceView[], paint: Paint): string {
  if (evidence.length === 0) return 'none'
  const files = counted(evidence.length, 'file')
  const open = evidence.filter(({ acked }) => !acked).length
  if (open === 0) return `${files}, acknowledged`
  const some = open === evidence.length ? '' : `${grouped(open)} `
  return paint('red', `${files}, ${some}not acknowledged; see gossum evidence list`)
}

/** The key name of a verifier key. */
export function nameOf(vkey: string): string {
  return vkey.split('+', 1)[0]!
}

// ---- lists -----------------------------------------------------------------------------------------------------

export function headLines(heads: readonly HeadView[], now: number): string[] {
  return table(
    heads.map((head) => [
      grouped(head.size),
      head.root,
      counted(head.cosignatures.length, 'cosignature'),
      head.time === null ? 'not cosigned here' : `cosigned ${age(head.time, now)}`,
      byWhom(head.cosignatures, now),
    ]),
  )
}

export function peerLines(peers: readonly PeerView[], now: number): string[] {
  return table(
    peers.map((peer) => [
      peer.peerId,
      peer.witness === null ? '-' : nameOf(peer.witness),
      peer.multiaddr,
      peer.rttMs === null ? '-' : `${Math.round(peer.rttMs)} ms`,
      peer.score === null ? '-' : `score ${Math.round(peer.score)}`,
      peer.head === null ? 'no head yet' : `size ${grouped(peer.head.size)} ${age(peer.head.at, now)}`,
      `connected ${age(peer.since, now)}`,
      depositaryText(peer),
    ]),
  )
}

/** The role of a chosen peer for our promises; nothing for other peers. */
function depositaryText({ chosen, depositary }: PeerView): string {
  if (!chosen) return ''
  if (depositary === false) return 'chosen, keeps no promises: an older version'
  return depositary === true ? 'chosen, keeps our promises' : 'chosen'
}
