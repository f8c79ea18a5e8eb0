/** What a node shows of itself: where the view reads it. */
import type { Alarm } from '../evidence/alarm.js'
import type { Exchange } from '../exchange/exchange.js'
import { View } from '../http/view.js'
import type { LogLists } from '../logs/lists.js'
import { VERSION } from '../version.js'
import type { Witness } from '../witness/witness.js'
import type { NodeBarrier } from './barrier.js'
import type { KnownHeads, NodeBase } from './base.js'
import type { Doors } from './doors.js'

export interface ShownParts {
  readonly alarm: Alarm
  readonly barrier: NodeBarrier
  readonly witness: Witness
  readonly exchange: Exchange
  readonly doors: Doors
  readonly lists: LogLists
}

export function makeView(
  { config, keyring, store, news, mesh, clock }: NodeBase,
  { cosigned, suspects }: KnownHeads,
  { alarm, barrier, witness, exchange, doors, lists }: ShownParts,
): View {
  const { first, second, agent } = keyring
  const view = new View({
    witnesses: {
      ...{ config, store, cosigned, alarm },
      witness: first.verifier,
      second: second?.verifier,
      keysOf: (log) => keyring.keysOf(log),
    },
    suspects,
    version: VERSION,
    time: clock,
    barrier: {
      guard: () => barrier.guard.report,
      deposit: () => barrier.deposits.report,
      clock: barrier.clockReport,
      taken: barrier.taken,
      signing: () => ({ by: agent === undefined ? 'file' : 'ssh-agent', error: first.away?.detail ?? null }),
    },
    around: {
      mesh: () => mesh.mesh,
      http: () => doors.url,
      bastion: () => doors.bastion,
      exchange: () => exchange.views(),
      faults: () => ({ operator: doors.operatorFault, lists: lists.failing }),
      metrics: (sample) => news.metrics.text(sample),
    },
    submit: (candidate) => witness.submit(candidate),
  })
  news.on('advanced', (log) => view.advanced(log))
  return view
}
