/**
 * The one place where the parts meet: makes them in order, each with what it needs, starts them, and stops them in
 * reverse. What a part tells those that are made after it goes through News.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Config, LogSetting } from '../config/config.js'
import type { View } from '../status/view.js'
import { readKeyring } from '../keys/keyring.js'
import { alarmOperatorRoutes } from '../http/alarm-operator.js'
import { dashboardRoutes } from '../http/dashboard-door.js'
import { feedRoutes } from '../http/feed-door.js'
import { indexRoutes } from '../http/index-door.js'
import { mirrorRoutes } from '../http/mirror-door.js'
import { mirrorOperatorRoutes } from '../http/mirror-operator.js'
import { isFrozen } from '../store/heads.js'
import { Store } from '../store/store.js'
import { RequestBudget } from '../sumdb/request-budget.js'
import { FirstLooks } from '../witness/first-looks.js'
import { startAlarm } from './alarmed.js'
import { Alarming } from './alarming.js'
import { makeAuditing } from './auditing.js'
import { NodeBarrier } from './barrier.js'
import type { NodeBase } from './base.js'
import { LogClients } from './clients.js'
import { Doors } from './doors.js'
import { logListEvent, type NodeEvent } from './events.js'
import { makeExchange } from './exchanging.js'
import { goDoors } from './go-doors.js'
import { makeIndexing } from './indexing.js'
import { makeMirroring } from './mirroring.js'
import { keepTold } from './keeping-told.js'
import { knownHeads } from './known-heads.js'
import { MeshLink } from './mesh-link.js'
import { startMesh } from './meshing.js'
import { News } from './news.js'
import { peerStoreOf } from './peers.js'
import { makePollers } from './polling.js'
import { readSelf } from './self.js'
import { makeView } from './shown.js'
import { Streaming } from './streaming.js'
import { makeWitness } from './witnessing.js'
import { makeWatching } from './watching.js'
import { routesForLogs } from './witness-routes.js'

export interface GossumNode {
  /** The witness's verifier key. */
  readonly witness: string
  /** Undefined when the node has no mesh. */
  readonly peerId: string | undefined
  readonly multiaddrs: readonly string[]
  /** URL of the HTTP API. */
  readonly http: string
  readonly view: View
  /** The logs of the settings, of the home and of the log lists. */
  readonly logs: readonly LogSetting[]
  /** Ends everything, in the reverse order of the start. Safe to call twice. */
  stop(): Promise<void>
}

/** Ends a part. */
type Stop = () => void | Promise<void>

/** Builds and starts a node. Throws a GossumError when it cannot; then nothing is left running. */
export async function createNode(
  config: Config,
  onEvent: (event: NodeEvent) => void = () => undefined,
): Promise<GossumNode> {
  const stops: Stop[] = []
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> =>
    // Every part is stopped, also when one before it could not be.
    (stopping ??= stops.reduceRight((before, stopPart) => before.finally(stopPart), Promise.resolve()))
  try {
    return { ...(await build(config, onEvent, stops)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** `stops` gets what ends each part as soon as there is something to end: a part that comes later is ended earlier. */
async function build(
  given: Config,
  onEvent: (event: NodeEvent) => void,
  stops: Stop[],
): Promise<Omit<GossumNode, 'stop'>> {
  const clock = { now: Date.now, monotonic: () => performance.now() }
  const places = given.places.map(({ name }) => name)
  const news = new News(onEvent, places)
  const streaming = new Streaming(news)

  const hasMesh = given.listen.length > 0 || given.bootstrap.length > 0
  // A wrong address is said before anything is made on disk. libp2p is loaded only by a node that has a mesh.
  const gossip = hasMesh ? await import('../gossip/mesh.js') : undefined
  gossip?.parseAddresses(given)

  // ---- state ----
  // Before the store: what it writes into an empty home would look like a witness that lost its key.
  const keyring = await readKeyring(given.home, given)
  const store = await Store.open(given.home)
  stops.push(() => store.close())
  await keepTold(news, store.told)
  const { config, followed, lists } = await readSelf(given, keyring, (of) => news.tell(logListEvent(of)))
  stops.push(() => lists.stop())
  if (config.recover) for (const { id } of config.logs) await store.heads.recover(id)

  // ---- who judges heads ----
  const remembered = gossip?.chosenFrom(await peerStoreOf(store).load()).length ?? 0
  const chosen = hasMesh ? config.bootstrap.length || remembered : 0
  const mesh = new MeshLink(chosen, news.onError)
  const budget = new RequestBudget(config.auditRate, (ms, signal) =>
    delay(ms, undefined, { ref: false, ...(signal && { signal }) }),
  )
  const base: NodeBase = { config, followed, keyring, store, news, mesh, budget, clock }
  const heads = await knownHeads(base)
  const barrier = new NodeBarrier({ config, keyring, store, chosen, mesh, emit: news.tell, now: clock.now })
  const clients = new LogClients(
    followed,
    store,
    (...asked) => mesh.tileFrom(...asked),
    (log, time) => barrier.clock.observe(`log ${log}`, time),
  )
  const alarm = await startAlarm(base, heads, clients)
  const isHeld = (log: string): boolean => isFrozen(store.heads.get(log)) || alarm.holds(log)
  const looks = new FirstLooks(followed.flatMap(({ id, url }) => (url === null ? [] : id)))
  const witness = makeWitness(base, heads, { clients, barrier, alarm, looks })
  // No more comes in at the end; what is under way ends, and those whom we chose learn of it while there still is a mesh.
  stops.push(
    () => alarm.stop(),
    () => mesh.stop(),
    () => barrier.stop(),
    () => witness.stop(),
  )
  keyring.agent?.watch({ onLost: news.onError, onBack: () => void witness.retryOwed().catch(news.onError) })
  stops.push(() => keyring.agent?.stop())
  await witness.resume()
  for (const { id, disabled } of config.logs) if (disabled) await heads.cosigned.load(id)

  // ---- where heads come in and are shown ----
  const sumdbs = goDoors(base, heads, { clients, alarm, witness })
  const exchange = makeExchange(base, heads, witness, isHeld)
  const watching = await makeWatching(base, heads, clients)
  const indexing = makeIndexing(base, heads, isHeld)
  stops.push(() => indexing.stop())
  const auditing = makeAuditing(base, heads, { witness, alarm, isHeld, indexing })
  const mirroring = await makeMirroring(base, { sumdbs, records: indexing })
  stops.push(() => mirroring?.stop())
  const doors = new Doors(config, news)
  const alarming = await Alarming.open(base, {
    conditions: () => view.conditions(),
    evidenceFile: (id) => view.evidenceFile(id),
    http: () => doors.url,
  })
  const shown = { alarm, alarming, barrier, witness, exchange, doors, lists, auditing, watching, mirroring }
  const view = makeView(base, heads, shown)
  const pollers = makePollers(base, { clients, witness, view, sumdbs, looks })
  stops.push(
    () => alarming.stop(),
    () => doors.stop(),
    () => exchange.stop(),
    () => auditing.stop(),
    () => watching.stop(),
  )
  const routes = routesForLogs(base, heads, witness, barrier, isHeld)
  const forGo = [...sumdbs.values()]
  const about = { follows: (log: string) => view.follows(log), now: clock.now }
  const reads = [
    streaming.route('all', about),
    ...dashboardRoutes(view, clock.now),
    ...feedRoutes(view, () => store.told.list),
    ...indexRoutes(indexing),
    ...mirrorRoutes(mirroring?.mirror, forGo, news.onError),
  ]
  barrier.start()
  const operator = [
    streaming.route('operator', about),
    ...mirrorOperatorRoutes(mirroring),
    ...alarmOperatorRoutes(alarming),
  ]
  await doors.start({ node: view, sumdbs: forGo, witness: routes, reads, operator })
  if (hasMesh) mesh.start(await startMesh(base, heads, { clients, barrier, alarm, witness }))

  // ---- go ----
  lists.start()
  alarming.start()
  for (const poller of pollers) stops.push(() => poller.stop())
  // Before that nothing could be signed; a poller that was stopped meanwhile does not start.
  void barrier.guard.settled.then(() => {
    for (const poller of pollers) poller.start()
    exchange.start()
    auditing.start()
    watching.start()
    for (const left of [witness.submitDeferred(), witness.retryOwed(), witness.redeposit()]) left.catch(news.onError)
  })
  // First of all when stopping: a poller or a peer may be waiting for a proof or a signature that will never come.
  stops.push(
    () => witness.abort(),
    () => keyring.agent?.stop(),
    () => barrier.close(),
  )
  return {
    witness: keyring.first.verifier.vkey,
    peerId: mesh.mesh?.peerId,
    multiaddrs: mesh.mesh?.multiaddrs() ?? [],
    http: doors.url,
    view,
    logs: config.logs,
  }
}
