/**
 * The parts of a node that depend on its settings: built in order, each with what it needs, and ended in reverse. A
 * reload ends one generation and builds the next; what stays is in frame.ts.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { alarmOperatorRoutes } from '../http/alarm-operator.js'
import { allPublicRoutes } from '../http/server.js'
import { dashboardRoutes } from '../http/dashboard-door.js'
import { feedRoutes } from '../http/feed-door.js'
import { indexRoutes } from '../http/index-door.js'
import { mirrorRoutes } from '../http/mirror-door.js'
import { mirrorOperatorRoutes } from '../http/mirror-operator.js'
import { isFrozen } from '../store/heads.js'
import type { View } from '../status/view.js'
import { RequestBudget } from '../sumdb/request-budget.js'
import type { Alarm } from '../evidence/alarm.js'
import { FirstLooks } from '../witness/first-looks.js'
import type { Witness } from '../witness/witness.js'
import { startAlarm } from './alarmed.js'
import { Alarming } from './alarming.js'
import { makeAuditing } from './auditing.js'
import type { NodeBase } from './base.js'
import { LogClients } from './clients.js'
import { publicOf, type Served } from './doors.js'
import { makeExchange } from './exchanging.js'
import type { Frame } from './frame.js'
import { goDoors } from './go-doors.js'
import { makeIndexing } from './indexing.js'
import { knownHeads } from './known-heads.js'
import { meshSideOf, type MeshSide } from './meshing.js'
import { makeMirroring } from './mirroring.js'
import { makePollers } from './polling.js'
import { Publishing } from './publishing.js'
import type { Self } from './self.js'
import { keepTempo, makeView } from './shown.js'
import { makeWatching } from './watching.js'
import { makeWitness } from './witnessing.js'
import { routesForLogs } from './witness-routes.js'

/** Ends a part. */
export type Stop = () => void | Promise<void>

export interface Generation {
  readonly view: View
  readonly alarm: Alarm
  readonly witness: Witness
  readonly served: Served
  readonly side: MeshSide
  /** Begins to poll and to sign, once peers have reported what our keys signed before. */
  start(): void
}

/** Ends a generation: first everything that polls or signs and then, when nothing new arrives, what reports on it. */
export class Ending {
  readonly #acting: Stop[] = []
  readonly #told: Stop[] = []
  /** Gives up what a generation waits for. */
  abort: () => void = () => undefined

  /** Parts added later are ended earlier. */
  acting(...stops: Stop[]): void {
    this.#acting.push(...stops)
  }

  told(...stops: Stop[]): void {
    this.#told.push(...stops)
  }

  /** Stops everything that polls, signs or writes. */
  async halt(): Promise<void> {
    this.abort()
    this.abort = () => undefined
    await inReverse(this.#acting.splice(0))
  }

  async end(): Promise<void> {
    await inReverse(this.#told.splice(0))
  }
}

/** Stops every part, even if one before it failed to stop. */
export function inReverse(stops: readonly Stop[]): Promise<void> {
  return stops.reduceRight((before, stop) => before.finally(stop), Promise.resolve())
}

/**
 * Builds the parts. `ending` receives the function that ends each as soon as the part exists. Throws what the parts
 * throw.
 */
export async function makeGeneration(
  frame: Frame,
  { config, followed, lists }: Self,
  ending: Ending,
): Promise<Generation> {
  const { keyring, store, shared, news, mesh, barrier, clock, doors } = frame
  ending.told(
    () => lists.stop(),
    () => news.forget(),
  )
  const budget = new RequestBudget(config.auditRate, (ms, signal) =>
    delay(ms, undefined, { ref: false, ...(signal && { signal }) }),
  )
  const base: NodeBase = { config, followed, keyring, store, shared, news, mesh, budget, clock }
  const heads = await knownHeads(base)
  const clients = new LogClients(
    followed,
    store,
    (...asked) => mesh.tileFrom(...asked),
    (log, time) => barrier.clock.observe(`log ${log}`, time),
  )
  const alarm = await startAlarm(base, heads, clients)
  ending.told(() => alarm.stop())
  const isHeld = (log: string): boolean => isFrozen(store.heads.get(log)) || alarm.holds(log)
  const polled = followed.filter(({ url }) => url !== null && !config.observer)
  const unseen = polled.filter(({ id }) => !frame.looked.has(id))
  const looks = new FirstLooks(unseen.map(({ id }) => id))
  const witness = makeWitness(base, heads, { clients, barrier, alarm, looks })
  // What is in progress ends, and the chosen peers learn of it while there still is a mesh.
  ending.acting(() => witness.stop())
  ending.abort = () => witness.abort()
  news.on('keyBack', () => void witness.retryOwed().catch(news.onError))
  await witness.resume()
  for (const { id, disabled } of config.logs) if (disabled) await heads.cosigned.load(id)

  // ---- where heads come in and are shown ----
  const sumdbs = goDoors(base, heads, { clients, alarm, witness })
  const exchange = makeExchange(base, heads, witness, isHeld)
  const watching = await makeWatching(base, heads, clients)
  const indexing = makeIndexing(base, heads, isHeld)
  ending.acting(() => indexing.stop())
  const auditing = makeAuditing(base, heads, { witness, alarm, isHeld, indexing })
  const mirroring = await makeMirroring(base, { sumdbs, records: indexing })
  ending.acting(() => mirroring?.stop())
  const alarming = await Alarming.open(base, {
    conditions: () => view.conditions(),
    evidenceFile: (id) => view.evidenceFile(id),
    http: () => doors.url,
  })
  // What happens while the other parts end raises alerts, too.
  ending.told(() => alarming.stop())
  const shown = {
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
    past: frame.past,
    publishing: () => publishing,
  }
  const view = makeView(base, heads, shown)
  const tempo = keepTempo(base, view)
  ending.told(() => tempo.stop())
  const onLook = (log: string): void => {
    frame.looked.add(log)
    looks.over(log)
  }
  const pollers = makePollers(base, { clients, witness, view, sumdbs, onLook })
  ending.acting(
    () => exchange.stop(),
    () => auditing.stop(),
    () => watching.stop(),
    ...pollers.map((poller) => () => poller.stop()),
  )
  const forGo = [...sumdbs.values()]
  const about = { follows: (log: string) => view.follows(log), now: clock.now }
  const served: Served = {
    node: view,
    sumdbs: forGo,
    witness: routesForLogs(base, heads, witness, barrier, isHeld),
    reads: [
      frame.streaming.route('all', about),
      ...dashboardRoutes(view, clock.now),
      ...feedRoutes(view, () => store.told.list),
      ...indexRoutes(indexing),
      ...mirrorRoutes(mirroring?.mirror, forGo, news.onError),
    ],
    operator: [
      frame.streaming.route('operator', about),
      ...mirrorOperatorRoutes(mirroring),
      ...alarmOperatorRoutes(alarming),
    ],
  }
  const publishing =
    config.publish === undefined
      ? undefined
      : new Publishing(base, config.publish, allPublicRoutes(publicOf(served)), view)
  ending.acting(() => publishing?.stop())
  let isEnding = false
  ending.acting(() => void (isEnding = true))
  return {
    view,
    alarm,
    witness,
    served,
    side: meshSideOf(base, heads, { clients, barrier, alarm, witness }),
    start: () => {
      lists.start()
      alarming.start()
      publishing?.start()
      // Nothing can be signed before; a poller that was stopped in the meantime does not start.
      void barrier.guard.settled.then(() => {
        if (isEnding) return
        for (const part of [...pollers, exchange, auditing, watching]) part.start()
        for (const left of [witness.submitDeferred(), witness.retryOwed(), witness.redeposit()])
          left.catch(news.onError)
      })
    },
  }
}
