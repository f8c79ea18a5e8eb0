/** What a node answered, in words for people. Pure. */
import type { EvidenceView, HeadView, LogView, PeerView, StatusView } from '../http/api.js'

/** How a text may be marked; what a mark looks like is the output's business. */
export type Paint = (style: 'bold' | 'dim' | 'red' | 'green' | 'yellow', text: string) => string

/** Columns are this far apart. */
const GAP = '  '
const LABEL_WIDTH = 10

/** A number with its thousands apart. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US')
}

/** How long ago a time was, in its largest whole unit. */
export function age(time: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(time)) / 1000))
  if (seconds < 120) return `${seconds} s ago`
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ago`
  return `${Math.floor(seconds / 86_400)} days ago`
}

function counted(count: number, one: string, many = `${one}s`): string {
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

// ---- status ----------------------------------------------------------------------------------------------------

/** The lines of `gossum status`: a block for each log, then the node. */
export function statusLines(status: StatusView, now: number, paint: Paint): string[] {
  return [...status.logs.flatMap((log) => [...logLines(log, status, now, paint), '']), ...nodeLines(status, now, paint)]
}

function logLines(log: LogView, { policy }: StatusView, now: number, paint: Paint): string[] {
  const size = log.root === null ? 'no head yet' : counted(log.size, 'record')
  return [
    ` ${paint('bold', log.name)}${GAP}${size}`,
    labelled('view', viewOf(log, paint)),
    labelled('newest', newestOf(log, now)),
    labelled('quorum', quorumOf(log, policy)),
    ...(log.reachable === false
      ? [labelled('log', paint('yellow', `not reachable: ${log.error ?? 'no answer'}`))]
      : []),
  ]
}

function viewOf(log: LogView, paint: Paint): string {
  if (log.frozen) {
    const ids = log.holds.filter((hold) => !hold.acked).map((hold) => hold.id)
    return paint('red', `FROZEN: proven to misbehave; nothing is signed until gossum evidence ack ${ids.join(', ')}`)
  }
  if (log.paused !== null) return paint('red', `PAUSED: nothing is signed: ${log.paused}`)
  const alarmed = log.suspects.filter((suspect) => suspect.alarmed).length
  if (alarmed > 0) return paint('red', `${counted(alarmed, 'signed head')} that nothing explains`)
  if (log.suspects.length > 0) return paint('yellow', `${counted(log.suspects.length, 'suspect')}: not proven yet`)
  return log.root === null ? 'nothing seen yet' : paint('green', 'one view')
}

function newestOf(log: LogView, now: number): string {
  if (log.time === null) return 'nothing cosigned yet'
  return `cosigned ${age(log.time, now)}, ${counted(log.cosignatures.length, 'cosignature')}`
}

function quorumOf({ quorum, size }: LogView, policy: StatusView['policy']): string {
  if (policy === null) return 'no policy: this node trusts itself alone'
  const need = `${policy.threshold} of ${policy.witnesses} witnesses needed`
  if (quorum === null) return `none yet, ${need}`
  const behind = size > quorum.size ? `, ${counted(size - quorum.size, 'record')} behind` : ''
  return `${counted(quorum.size, 'record')}${behind}, ${quorum.cosignatures.length} agree, ${need}`
}

function nodeLines(status: StatusView, now: number, paint: Paint): string[] {
  const evidence = `${counted(status.evidence, 'file')} not acknowledged; see gossum evidence list`
  return [
    labelled('peers', status.peerId === null ? 'no mesh' : `${status.peers} connected`),
    labelled('evidence', status.evidence === 0 ? 'none' : paint('red', evidence)),
    labelled('witness', status.witness),
    labelled('started', `${age(status.startedAt, now)}, version ${status.version}`),
  ]
}

// ---- lists -----------------------------------------------------------------------------------------------------

export function headLines(heads: readonly HeadView[], now: number): string[] {
  return table(
    heads.map((head) => [
      grouped(head.size),
      head.root,
      counted(head.cosignatures.length, 'cosignature'),
      head.time === null ? 'not cosigned here' : `cosigned ${age(head.time, now)}`,
    ]),
  )
}

export function peerLines(peers: readonly PeerView[], now: number): string[] {
  return table(
    peers.map((peer) => [
      peer.peerId,
      peer.multiaddr,
      peer.rttMs === null ? '-' : `${Math.round(peer.rttMs)} ms`,
      `connected ${age(peer.since, now)}`,
      peer.witness ?? '',
    ]),
  )
}

export function evidenceLines(list: readonly EvidenceView[], logs: readonly LogView[], now: number): string[] {
  return table(
    list.map((item) => [
      item.id,
      item.type,
      logs.find(({ id }) => id === item.log)?.name ?? item.log,
      `sizes ${item.sizes.map(grouped).join(' and ')}`,
      `seen ${age(item.seenAt, now)}`,
      item.acked ? 'acknowledged' : 'NOT ACKNOWLEDGED',
    ]),
  )
}
