/**
 * The one place where the parts meet: builds them, starts them in order, stops them in reverse. Everything that
 * crosses a room goes through a callback that is given here.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Config, LogSetting } from './config.js'
import { errorCode, errorText, GossumError } from './errors.js'
import { logListEvent, outcomeEvent, quorumEvent, type NodeEvent, type NodeEventBody } from './events.js'
import { Alarm } from './evidence/alarm.js'
import { buildPlaces } from './exchange/build.js'
import { Exchange } from './exchange/exchange.js'
import { ownHead } from './exchange/place.js'
import type { Mesh } from './gossip/mesh.js'
import { MAX_MESSAGE_BYTES } from './gossip/topics.js'
import { witnessRoutes } from './http/add-checkpoint.js'
import { Bastion } from './http/bastion.js'
import { HttpServer } from './http/server.js'
import { View } from './http/view.js'
import { createMetrics } from './metrics.js'
import { LogClients } from './node/clients.js'
import { handlersFor, peerBook } from './node/peers.js'
import { readSelf } from './node/self.js'
import { Admission } from './proxy/admission.js'
import { QuorumWatch } from './proxy/quorum-watch.js'
import { SumdbProxy } from './proxy/sumdb-proxy.js'
import { isFrozen } from './store/heads.js'
import { Store } from './store/store.js'
import { SUMDB_ORIGIN } from './tlog/checkpoint.js'
import { quorumThreshold } from './tlog/policy.js'
import type { VerifierKey } from './tlog/note.js'
import { VERSION } from './version.js'
import type { CosignedHead } from './witness/cosigned-head.js'
import { CosignedHeads } from './witness/cosigned.js'
import { KnownLines } from './witness/known-lines.js'
import { obstacleOfOrigin } from './witness/origin.js'
import { Pipeline } from './witness/pipeline.js'
import { Poller } from './witness/poller.js'
import { pushBudget } from './witness/push-budget.js'
import { quorumOf } from './witness/quorum.js'
import { RollbackGuard } from './witness/rollback.js'
import { Suspects } from './witness/suspects.js'

/** Milliseconds that the first head of a log that is pushed waits for our own look at the log. */
const LOOK_MS = 3_000

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

/** Builds and starts a node. Throws a GossumError when it cannot; then nothing is left running. */
export async function createNode(
  config: Config,
  onEvent: (event: NodeEvent) => void = () => undefined,
): Promise<GossumNode> {
  const stops: (() => Promise<void>)[] = []
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> =>
    // Every part is stopped, also when one before it could not be.
    (stopping ??= stops.reduceRight((before, stopPart) => before.finally(stopPart), Promise.resolve()))
  try {
    return await build(config, onEvent, stops, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function build(
  given: Config,
  onEvent: (event: NodeEvent) => void,
  stops: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<GossumNode> {
  const now = Date.now
  const emit = (body: NodeEventBody): void => {
    try {
      onEvent({ at: new Date(now()).toISOString(), ...body })
    } catch {
      // Whoever listens to us must not come between a head and its signature.
      metrics.errors.inc({ code: 'INTERNAL' })
    }
  }
  let mesh: Mesh | undefined
  let bastion: Bastion | undefined
  const metrics = createMetrics(() => view.samples())
  const onError = (error: unknown): void => {
    metrics.errors.inc({ code: errorCode(error) })
    emit({ event: 'error', code: errorCode(error), message: errorText(error) })
  }
  /** What is published is on disk already; that the mesh could not take it is no reason to fail. */
  const sent = (sending: Promise<number> | undefined): void => void sending?.catch(onError)

  const hasMesh = given.listen.length > 0 || given.bootstrap.length > 0
  // A wrong address is said before anything is made on disk. libp2p is loaded only by a node that has a mesh.
  const gossip = hasMesh ? await import('./gossip/mesh.js') : undefined
  gossip?.parseAddresses(given)

  // ---- state ----
  const store = await Store.open(given.home)
  stops.push(() => store.close())
  const self = await readSelf(given, (news) => emit(logListEvent(news)))
  const { config, followed, signer, second, agent, created, lists } = self
  stops.push(() => Promise.resolve(agent?.stop()))
  stops.push(() => lists.stop())
  if (config.recover) for (const { id } of config.logs) await store.heads.recover(id)
  const book = peerBook(store)
  const peers = gossip === undefined ? 0 : config.bootstrap.length || gossip.chosenFrom(await book.load()).length

  const quorum = quorumOf(config.policy, self.keys, () => store.convictions.convicted())
  // Whom the others are asked to pass on: what this node does not count, it need not hear.
  const counts = (config.policy?.witnesses ?? []).flatMap(({ key }) => key?.vkey ?? [])
  // A witness that is fed and not counted is kept and passed on like one that only neighbours count.
  const fed = config.places.flatMap(({ key }) => (key === undefined || counts.includes(key.vkey) ? [] : key))
  const relayed = (): readonly VerifierKey[] => [...fed, ...(mesh?.relayed() ?? [])]
  const suspects = await Suspects.load(store.suspects)
  const knownLines = new KnownLines()
  const onQuorum = (log: string, head: CosignedHead): void => {
    emit(quorumEvent(log, head))
    watch.changed(log)
  }
  const cosigned = new CosignedHeads(store, quorum, onQuorum, relayed, knownLines)
  const watch = new QuorumWatch({
    quorum: (log) => cosigned.quorum(log),
    holds: (log) => store.heads.get(log).holds.flatMap(({ id, acked }) => (acked ? [] : [id])),
    waitMs: config.quorumWait * 1000,
  })
  const guard = new RollbackGuard({
    created,
    peers,
    waitMs: config.guardWait * 1000,
    now,
    onChange: ({ state, text }) => emit({ event: 'guard', state, text }),
  })
  stops.push(() => Promise.resolve(guard.stop()))

  // ---- the heart ----
  const alarm = await Alarm.start({
    keys: new Map(config.logs.map(({ id, key }) => [id, key])),
    witnesses: () => quorum.keys,
    relayed,
    shelf: store.evidence,
    convictions: store.convictions,
    freeze: (log, id) => store.heads.hold(log, id),
    isFrozen: (log) => isFrozen(store.heads.get(log)),
    isOurs: (log, head) => cosigned.holds(log, head),
    reconsider: async () => {
      for (const { id } of config.logs) await cosigned.reconsider(id)
    },
    tell: ({ id, type, log, sizes, witness }, file, source) => {
      metrics.evidence.inc({ source })
      emit({ event: 'evidence', id, type, log, witness: witness?.vkey ?? null, sizes, source })
      watch.changed(log)
      // A log that pads its heads can make evidence that no message carries; then the heads themselves travel.
      if (followed.some(({ id: its }) => its === log) && file.length <= MAX_MESSAGE_BYTES)
        sent(mesh?.publishEvidence(log, file))
    },
    now,
  })
  const clients = new LogClients(followed, store, async (...asked) => withMesh(mesh).tileFrom(...asked))
  const pipeline = new Pipeline({
    logs: followed.map(({ id, key, origin }) => {
      const client = clients.of(id)
      return { id, key, origin, ...(client && { prefix: (...asked) => client.prefix(...asked) }) }
    }),
    looked: (log) => Promise.race([pollers.get(log)!.looked, delay(LOOK_MS, undefined, { ref: false })]),
    store,
    cosigned,
    suspects,
    signer,
    second,
    counted: quorum.keys,
    isWitness: counts.includes(signer.verifier.vkey),
    relayed,
    neighbours: () => mesh?.neighbours() ?? [],
    knownLines,
    prefixFromPeers: async (...asked) => withMesh(mesh).prefixFrom(...asked),
    guard,
    takePush: pushBudget(followed),
    alarm: (evidence) => alarm.raise(evidence),
    publish: (log, note) => sent(mesh?.publishHead(log, note)),
    onOutcome: (outcome, candidate) => {
      metrics.heads.inc({ door: candidate.door, outcome: outcome.kind, code: outcome.code ?? '' })
      emit(outcomeEvent(outcome, candidate))
      if (outcome.kind === 'advanced') exchange.advanced()
    },
    onFirstUse: (log, { size, root }) => emit({ event: 'first-use', log, size, root }),
    onSuspectAlarm: ({ log, id, size, code }) => {
      metrics.suspectAlarms.inc()
      emit({ event: 'suspect', log, id, size, code })
      watch.changed(log)
    },
    onSuspectDropped: () => metrics.dropped.inc({ reason: 'suspects-full' }),
    onError,
    now,
  })
  stops.push(() => pipeline.stop())
  agent?.watch({ onLost: onError, onBack: () => void pipeline.retryOwed().catch(onError) })
  await pipeline.resume()
  for (const { id, disabled } of config.logs) if (disabled) await cosigned.load(id)

  // ---- what the go command sees ----
  const admission = new Admission(now)
  const sumdbs = new Map(
    followed.flatMap((log) => {
      if (log.upstream === null || log.origin !== SUMDB_ORIGIN) return []
      const proxy = new SumdbProxy({
        log: log.id,
        name: log.key.name,
        client: clients.forGo(log, log.upstream),
        submit: (candidate) => pipeline.submit(candidate),
        kept: store.lookups.of(log.id),
        head: () => store.heads.get(log.id).tree,
        quorum: () => cosigned.quorum(log.id),
        watch,
        admission,
        onLookup: (source) => metrics.lookups.inc({ source }),
        onError,
        now,
      })
      return [[log.id, proxy] as const]
    }),
  )

  // ---- places outside the mesh ----
  const exchange = new Exchange({
    places: buildPlaces(config.places, {
      witness: signer.verifier.name,
      threshold: config.policy === undefined ? 1 : quorumThreshold(config.policy),
      witnesses: () => [...quorum.keys, ...relayed()],
      onRequest: (place, outcome) => metrics.exchange.inc({ place, outcome }),
    }),
    // Those of a list push their heads to witnesses themselves, and there may be thousands.
    logs: followed.filter(({ list }) => list === null),
    head: (log) => (isFrozen(store.heads.get(log)) ? undefined : ownHead(cosigned.current(log), signer.verifier)),
    prove: (log, head, size) => pipeline.proof(log, head, size),
    submit: (candidate) => pipeline.submit(candidate),
    interval: config.poll,
    onNews: (news) => emit({ event: 'exchange', ...news }),
    onError,
    now,
    random: Math.random,
  })
  stops.push(() => exchange.stop())

  // ---- the doors ----
  const view = new View({
    config,
    store,
    cosigned,
    suspects,
    witness: signer.verifier,
    second: second?.verifier,
    signing: () => ({ by: agent === undefined ? 'file' : 'ssh-agent', error: signer.away?.detail ?? null }),
    version: VERSION,
    now,
    alarm,
    submit: (candidate) => pipeline.submit(candidate),
    guard: () => guard.report,
    bastion: () => bastion?.report,
    exchange: () => exchange.views(),
    mesh: () => mesh,
  })
  view.metrics = () => metrics.registry.metrics()
  const pollers: ReadonlyMap<string, Poller> = new Map(
    followed.map(({ id }): [string, Poller] => {
      const client = clients.of(id)
      const poller = new Poller({
        log: id,
        ...(client && { latestNote: (options) => client.latestNote(options) }),
        pipeline,
        interval: config.poll,
        onPoll: (error) => {
          sumdbs.get(id)?.polled(error)
          const worthTelling = view.polled(id, error)
          const text = error === undefined ? null : errorText(error)
          if (worthTelling) emit({ event: 'log', log: id, reachable: error === undefined, error: text })
        },
        onError,
        now,
        random: Math.random,
      })
      return [id, poller]
    }),
  )
  const routes = witnessRoutes({
    logs: followed,
    submit: (candidate) => pipeline.submit(candidate),
    checkpoint: (log) => view.checkpoint(log),
    subtrees: second && {
      signer: second,
      obstacle: (origin) => obstacleOfOrigin(origin, { logs: config.logs, store, guard, signer }),
    },
    now,
  })
  const onRequest = (route: string, status: number): void => metrics.requests.inc({ route, status: String(status) })
  const http = await HttpServer.start({
    ...config.http,
    node: view,
    sumdbs: [...sumdbs.values()],
    routes,
    onError,
    onRequest,
  })
  stops.push(() => http.close())
  if (config.bastion !== undefined) {
    const key = await (await import('./gossip/peer-key.js')).loadOrCreatePeerKey(join(config.home, 'peer.key'))
    const started = new Bastion({
      url: config.bastion,
      key: { publicKey: key.publicKey.raw, seed: key.raw.subarray(0, 32) },
      routes,
      onChange: ({ url, state, error }) => emit({ event: 'bastion', url, state, error }),
      onError,
      onRequest,
      now,
    })
    bastion = started
    stops.push(() => started.stop())
    started.start()
  }
  view.http = http.url

  if (gossip !== undefined) {
    const started = await gossip.Mesh.start({
      peerKey: await (await import('./gossip/peer-key.js')).loadOrCreatePeerKey(join(config.home, 'peer.key')),
      listen: config.listen,
      bootstrap: config.bootstrap,
      announce: config.announce,
      mdns: config.mdns,
      book,
      identity: { witness: signer.verifier.vkey, key: signer.verifier, sign: (message) => signer.sign(message) },
      keys: [signer, ...(second ? [second] : [])].map(({ verifier }) => verifier.vkey),
      counts,
      reserved: [...quorum.keys, ...config.logs.map(({ key }) => key)].map(({ name, keyId }) => `${name}+${keyId}`),
      logs: followed.map(({ id }) => id),
      handlers: handlersFor({
        logs: followed.map(({ id }) => id),
        store,
        cosigned,
        pipeline,
        alarm,
        guard,
        prefix: async (log, ...asked) => clients.required(log).prefix(...asked),
        now,
      }),
      onTwin: () => guard.sawTwin(),
      onPeer: (event) => emit({ event: 'peer', ...event }),
      onDial: ({ address, error }) =>
        emit({ event: 'bootstrap', address, reachable: error === undefined, error: error ?? null }),
      onError,
      onDropped: (reason) => metrics.dropped.inc({ reason }),
    })
    mesh = started
    stops.push(() => started.stop())
  }

  lists.start()
  for (const poller of pollers.values()) stops.push(() => poller.stop())
  // Before that nothing could be signed; a poller that was stopped meanwhile does not start.
  void guard.settled.then(() => {
    pollers.forEach((poller) => poller.start())
    exchange.start()
    pipeline.submitDeferred().catch(onError)
  })
  // First of all when stopping: a poller or a peer may be waiting for a proof or a signature that will never come.
  stops.push(() => Promise.resolve(pipeline.abort()))
  stops.push(() => Promise.resolve(agent?.stop()))
  return {
    witness: signer.verifier.vkey,
    peerId: mesh?.peerId,
    multiaddrs: mesh?.multiaddrs() ?? [],
    http: http.url,
    view,
    logs: config.logs,
    stop,
  }
}

function withMesh(mesh: Mesh | undefined): Mesh {
  if (mesh === undefined) throw new GossumError('PEER_UNHELPFUL', 'this node has no mesh')
  return mesh
}
