/** What a node shows of itself: the sources of the view. */
import type { Alarm } from '../evidence/alarm.js'
import type { Exchange } from '../exchange/exchange.js'
import type { WatchFacts } from '../status/conditions.js'
import { View } from '../status/view.js'
import type { Past } from '../status/view-parts.js'
import { Throttle } from '../lib/throttle.js'
import type { LogLists } from '../logs/lists.js'
import { VERSION } from '../version.js'
import type { Witness } from '../witness/witness.js'
import type { NodeBarrier } from './barrier.js'
import type { KnownHeads, NodeBase } from './base.js'
import type { Alarming } from './alarming.js'
import type { Auditing } from './auditing.js'
import type { Doors } from './doors.js'
import type { Mirroring } from './mirroring.js'
import { stateView } from './sharing.js'

/** Milliseconds between two readings of the kept heads of a log that grows all the time. */
const TEMPO_PAUSE_MS = 1000

export interface ShownParts {
  readonly alarm: Alarm
  readonly alarming: Pick<Alarming, 'view' | 'faults'>
  readonly barrier: NodeBarrier
  readonly witness: Witness
  readonly exchange: Exchange
  readonly doors: Doors
  readonly lists: LogLists
  readonly auditing: Pick<Auditing, 'view'>
  readonly watching: { readonly facts: WatchFacts }
  readonly mirroring: Pick<Mirroring, 'status'> | undefined
  readonly past: Past
  /** The writer of the published folder; undefined if there is none, and before it is built. */
  readonly publishing: () => { readonly fault: string | undefined } | undefined
}

export function makeView(
  { config, keyring, store, shared, news, mesh, clock }: NodeBase,
  { cosigned, suspects }: KnownHeads,
  {
    alarm,
    alarming,
    barrier,
    witness,
    exchange,
    doors,
    lists,
    auditing,
    watching,
    mirroring,
    past,
    publishing,
  }: ShownParts,
): View {
  const { first, second, agent, auditor } = keyring
  const view = new View({
    witnesses: {
      ...{ config, store, cosigned, alarm },
      witness: first?.verifier,
      second: second?.verifier,
      auditor: auditor?.verifier,
      keysOf: (log) => keyring.keysOf(log),
    },
    suspects,
    past,
    version: VERSION,
    time: clock,
    barrier: {
      guard: () => barrier.guard.report,
      deposit: barrier.depositReport,
      clock: barrier.clockReport,
      taken: barrier.taken,
      state: () => stateView(shared),
      signing: () => ({ by: agent === undefined ? 'file' : 'ssh-agent', error: first?.unavailable?.detail ?? null }),
    },
    around: {
      mesh: () => mesh.mesh,
      http: () => doors.url,
      bastion: () => doors.bastion,
      exchange: () => exchange.views(),
      audit: (log) => auditing.view(log),
      faults: () => ({
        operator: doors.operatorFault,
        lists: lists.failing,
        watch: watching.facts,
        alarm: alarming.faults,
        publish: publishing()?.fault,
      }),
      alarm: () => alarming.view(),
      mirror: async () => (await mirroring?.status())?.kept,
      metrics: (sample) => news.metrics.text(sample),
    },
    submit: (candidate) => witness.submit(candidate),
    underWayMs: () => witness.underWayMs,
  })
  news.on('advanced', (log) => view.advanced(log))
  // What is known about the logs so far is recorded before they change again.
  for (const { id } of config.logs) view.advanced(id)
  news.on('outcome', (log, door, kind) => view.counted(log, door, kind))
  return view
}

/** Reads how each log has grown recently, from its kept heads, and again while it grows. */
export function keepTempo({ config, news }: Pick<NodeBase, 'config' | 'news'>, view: Pick<View, 'tempo'>): Throttle {
  const tempo = new Throttle((log) => view.tempo(log).catch(news.onError), TEMPO_PAUSE_MS)
  news.on('advanced', (log) => tempo.changed(log))
  for (const { id } of config.logs) tempo.changed(id)
  return tempo
}
