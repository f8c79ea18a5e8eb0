/** Events in words, for people. Pure. A line that begins with "!" is shown even when quiet. */
import { ERRORS, type ErrorCode } from '../errors.js'
import type { NodeEvent } from '../events.js'

interface NamedLog {
  readonly id: string
  readonly key: { readonly name: string }
}

/** The lines that tell about an event; none for what nobody needs to see. */
export function describeEvent(event: NodeEvent, logs: readonly NamedLog[]): string[] {
  const clock = event.at.slice(11, 19)
  const lines = linesOf(event, (id) => logs.find((log) => log.id === id)?.key.name ?? String(id))
  return lines.map((line) => (line.startsWith('!') ? `! ${clock}  ${line.slice(1).trim()}` : `  ${clock}  ${line}`))
}

function linesOf(event: NodeEvent, nameOf: (id: string | null) => string): string[] {
  switch (event.event) {
    case 'outcome':
      return outcomeLines(event, nameOf(event.log))
    case 'quorum':
      return [`quorum     ${nameOf(event.log)}  size ${grouped(event.size)}  ${event.cosignatures.length} cosignatures`]
    case 'evidence':
      return [
        `!SPLIT VIEW  ${nameOf(event.log)} signed two histories: sizes ${event.sizes.map(grouped).join(' and ')} (${event.source})`,
        `!            evidence ${event.id}; nothing more of this log is signed until you say: gossum evidence ack ${event.id}`,
      ]
    case 'peer':
      return [`${event.connected ? 'connected ' : 'left      '} ${event.peerId}`]
    case 'suspect':
      return [
        `!SUSPECT     ${nameOf(event.log)}  a signed head of size ${event.size === null ? 'beyond 2^53 - 1' : grouped(event.size)} cannot be tied to our history (${sentence(event.code)})`,
      ]
    case 'log':
      return event.reachable
        ? [`log        ${nameOf(event.log)} answers`]
        : [`!cannot reach ${nameOf(event.log)}, still trying: ${event.error ?? 'no reason given'}`]
    case 'error':
      return [`!error       ${event.message} (${event.code})`]
  }
}

function outcomeLines(event: Extract<NodeEvent, { event: 'outcome' }>, name: string): string[] {
  const size = event.size === null ? '' : `  size ${grouped(event.size)}`
  const from = event.peer === null ? event.door : `${event.door} from ${event.peer.slice(-8)}`
  const why = event.code === null ? '' : `: ${sentence(event.code)}`
  switch (event.outcome) {
    case 'advanced':
      return [`cosigned   ${name}${size}  (${from})`]
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

function sentence(code: string): string {
  return code in ERRORS ? ERRORS[code as ErrorCode][0] : code
}

function grouped(n: number): string {
  return n.toLocaleString('en')
}
