/** The paged lists: their order, and their filters. Pure. */
import { BAD_RECORD, SPLIT_VIEW, WITNESS_CONFLICT } from '../evidence/evidence.js'
import { LOG_ID } from '../status/ids.js'
import type { EvidenceView, ListedSuspect, LogView, PeerView, WitnessView } from '../status/shapes.js'
import { placeAt, type ListFilter, type ListOrder } from './list-page.js'

const YES_OR_NO = { enum: ['true', 'false'] } as const

function flag<T>(what: string, of: (item: T) => boolean): ListFilter<T> {
  return { description: `true or false: ${what}`, schema: YES_OR_NO, of }
}

function about<T extends { readonly log: string }>(): ListFilter<T> {
  return { description: 'a log id: only entries about this log', schema: LOG_ID, of: ({ log }) => log }
}

export const LOG_LIST: ListOrder<LogView> = {
  placeOf: placeAt,
  filters: {
    frozen: flag('whether it is frozen', ({ frozen }) => frozen),
    disabled: flag('whether it is disabled', ({ disabled }) => disabled),
  },
}

/** The longest connected first. */
export const PEER_LIST: ListOrder<PeerView> = {
  placeOf: ({ since, peerId }) => `${since} ${peerId}`,
  filters: { chosen: flag('whether this node chose it', ({ chosen }) => chosen) },
}

export const WITNESS_LIST: ListOrder<WitnessView> = {
  placeOf: placeAt,
  filters: {
    counted: flag('whether it counts', ({ counted }) => counted),
    own: flag("whether it is this node's own", ({ own }) => own),
  },
}

const TYPES = [SPLIT_VIEW, WITNESS_CONFLICT, BAD_RECORD]

/** The oldest first, so that new entries are on the last page. */
export const EVIDENCE_LIST: ListOrder<EvidenceView> = {
  placeOf: ({ seenAt, id }) => `${seenAt} ${id}`,
  filters: {
    log: about(),
    type: { description: `one of ${TYPES.join(', ')}`, schema: { enum: TYPES }, of: ({ type }) => type },
    acked: flag('whether it is acknowledged', ({ acked }) => acked),
  },
}

/** Likewise. */
export const SUSPECT_LIST: ListOrder<ListedSuspect> = {
  placeOf: ({ firstSeen, log, id }) => `${firstSeen} ${log} ${id}`,
  filters: {
    log: about(),
    alarmed: flag('whether it raised an alarm', ({ alarmed }) => alarmed),
    acked: flag('whether it is acknowledged', ({ acked }) => acked),
  },
}
