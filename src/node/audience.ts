/** Which events of a node are sent to all over HTTP, and which to the operator only. Pure. */
import type { NodeEvent } from './events.js'

export type Audience = 'all' | 'operator'

/** The audience of each event. Events for all reveal no more than the rest of the API. */
export const AUDIENCES = {
  outcome: 'all',
  quorum: 'all',
  evidence: 'all',
  finding: 'all',
  watch: 'all',
  unauthorised: 'all',
  // Which modules someone uses is private.
  mirror: 'operator',
  audited: 'all',
  peer: 'all',
  suspect: 'all',
  log: 'all',
  // Peers that the operator configured, before they are connected.
  bootstrap: 'operator',
  guard: 'all',
  // Reveals the database servers.
  state: 'operator',
  deposit: 'all',
  clock: 'all',
  bastion: 'all',
  'first-use': 'all',
  exchange: 'all',
  // These may contain paths of this machine.
  'log-list': 'operator',
  reload: 'operator',
  error: 'operator',
} as const satisfies Record<NodeEvent['event'], Audience>

export const EVENT_NAMES = Object.keys(AUDIENCES) as NodeEvent['event'][]
