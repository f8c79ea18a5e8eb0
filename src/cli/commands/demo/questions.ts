/** What the demo waits for in the events of its nodes. */
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

/** Evidence that convicts the log, by two heads of such sizes, and of which nobody has looked whether it is the one. */
export function isSplitView(isSought: (sizes: readonly [number, number]) => boolean, looked: ReadonlySet<string>) {
  return (event: NodeEvent): event is Of<'evidence'> =>
    event.event === 'evidence' && event.type === SPLIT_VIEW && isSought(event.sizes) && !looked.has(event.id)
}

/** Evidence that convicts this witness. */
export function isConviction(vkey: string) {
  return (event: NodeEvent): event is Of<'evidence'> => event.event === 'evidence' && event.witness === vkey
}

/** Evidence that convicts the log by what two of its records say. */
export function isBadRecord(event: NodeEvent): event is Of<'evidence'> {
  return event.event === 'evidence' && event.type === BAD_RECORD
}
