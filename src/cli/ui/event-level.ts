/** The log level of an event. Pure. */
import type { LogLevel } from '../../config/settings.js'
import type { NodeEvent } from '../../node/events.js'

/** Without a policy (`hasPolicy`) every head that the node signs is a quorum head, which is not worth reporting. */
export function levelOf(event: NodeEvent, hasPolicy: boolean): LogLevel {
  switch (event.event) {
    case 'error':
    case 'evidence':
    case 'unauthorised':
      return 'error'
    case 'suspect':
    case 'mirror':
      return 'warn'
    case 'finding':
      return event.level === 'error' ? 'error' : 'info'
    case 'reload':
      return event.error === null ? 'info' : 'error'
    case 'guard':
      return GUARD[event.state] ?? 'info'
    case 'deposit':
      return event.state === 'undeposited' ? 'warn' : 'info'
    case 'clock':
      return event.holds ? 'warn' : 'info'
    case 'log':
    case 'bootstrap':
      return event.reachable ? 'info' : 'warn'
    case 'bastion':
    case 'log-list':
      return event.error === null ? 'info' : 'warn'
    case 'exchange':
      if (event.verdict === null) return event.reachable ? 'info' : 'warn'
      return VERDICTS[event.verdict] ?? 'debug'
    case 'outcome':
      return event.outcome === 'known' || event.outcome === 'past' ? 'debug' : 'info'
    case 'quorum':
      return hasPolicy ? 'info' : 'debug'
    default:
      return 'info'
  }
}

/** States of the guard that need attention. */
const GUARD: Readonly<Record<string, LogLevel>> = { 'partly guarded': 'warn', unanswered: 'warn', twin: 'error' }

/** What an external place says of a head; merely accepting it is not worth reporting. */
const VERDICTS: Readonly<Record<string, LogLevel>> = {
  inconsistent: 'warn',
  refused: 'warn',
  'unknown-log': 'warn',
  uncounted: 'info',
}

/** Whether a message of level `level` is logged at level `at`. */
export function isLogged(level: LogLevel, at: LogLevel): boolean {
  return RANK[level] <= RANK[at]
}

const RANK: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 }
