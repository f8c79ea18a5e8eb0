/** The events for which the demo waits. */
import { BAD_RECORD, SPLIT_VIEW } from '../../../evidence/evidence.js'
import type { NodeEvent } from '../../../node/events.js'

type Of<Name extends NodeEvent['event']> = Extract<NodeEvent, { event: Name }>

export function isConnected(event: NodeEvent): event is Of<'peer'> {
  return event.event === 'peer' && event.connected
}

export function isQuorum(size: number) {
  return (event: NodeEvent): event is Of<'quorum'> => event.event === 'quorum' && event.size === size
}

export function isAdvanced(size?: number) {
  return (event: NodeEvent): event is Of<'outcome'> =>
    event.event === 'outcome' && event.outcome === 'advanced' && (size === undefined || event.size === size)
}

/** Evidence that convicts the log by two heads of such sizes, and whose file has not been examined yet. */
export function isSplitView(isSought: (sizes: readonly [number, number]) => boolean, looked: ReadonlySet<string>) {
  return (event: NodeEvent): event is Of<'evidence'> =>
    event.event === 'evidence' && event.type === SPLIT_VIEW && isSought(event.sizes) && !looked.has(event.id)
}

/** Evidence that convicts this witness. */
export function isConviction(vkey: string) {
  return (event: NodeEvent): event is Of<'evidence'> => event.event === 'evidence' && event.witness === vkey
}

/** Evidence that convicts the log by two contradictory records. */
export function isBadRecord(event: NodeEvent): event is Of<'evidence'> {
  return event.event === 'evidence' && event.type === BAD_RECORD
}
