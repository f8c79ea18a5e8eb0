/** Who may hear over HTTP of what happens in a node: some of it is for the operator alone. Pure. */
import type { NodeEvent } from './events.js'

export type Audience = 'all' | 'operator'

/** Whom each event is for. What is for all says no more than the rest of the API does. */
export const AUDIENCES = {
  outcome: 'all',
  quorum: 'all',
  evidence: 'all',
  finding: 'all',
  watch: 'all',
  unauthorised: 'all',
  // Which modules somebody uses is nobody else's business.
  mirror: 'operator',
  audited: 'all',
  peer: 'all',
  suspect: 'all',
  log: 'all',
  // Whom the operator knows, before they are peers.
  bootstrap: 'operator',
  guard: 'all',
  // Which servers there are.
  state: 'operator',
  deposit: 'all',
  clock: 'all',
  bastion: 'all',
  'first-use': 'all',
  exchange: 'all',
  // Paths of this machine may stand in them.
  'log-list': 'operator',
  reload: 'operator',
  error: 'operator',
} as const satisfies Record<NodeEvent['event'], Audience>

export const EVENT_NAMES = Object.keys(AUDIENCES) as NodeEvent['event'][]
