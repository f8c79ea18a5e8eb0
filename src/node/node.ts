/**
 * The one place where the parts meet: builds them, starts them in order, stops them in reverse. Everything that
 * passes from one module to another goes through a callback that is given here.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Config, LogSetting } from '../config.js'
import { errorCode, errorText, GossumError } from '../errors.js'
import { logListEvent, outcomeEvent, quorumEvent, type NodeEvent, type NodeEventBody } from './events.js'
import { Alarm } from '../evidence/alarm.js'
import { buildPlaces } from '../exchange/build.js'
import { Exchange } from '../exchange/exchange.js'
import { ownHead } from '../exchange/service.js'
import type { Mesh } from '../gossip/mesh.js'
import { MAX_MESSAGE_BYTES } from '../gossip/topics.js'
import { aboutWitnessRoute } from '../http/witness/about-witness.js'
import { witnessRoutes } from '../http/witness/add-checkpoint.js'
import { Bastion } from '../http/bastion/bastion.js'
import { OperatorDoor } from '../http/operator-socket.js'
import { HttpServer } from '../http/server.js'
import { View } from '../http/view.js'
import { readKeyring } from '../keys/keyring.js'
import { createMetrics } from '../metrics/metrics.js'
import { LogClients } from './clients.js'
import { ourHistory } from './our-history.js'
import { NodeBarrier } from './barrier.js'
import { handlersFor, peerBook } from './peers.js'
import { readSelf } from './self.js'
import { Admission } from '../proxy/admission.js'
import { QuorumWatch } from '../proxy/quorum-watch.js'
import { SumdbProxy } from '../proxy/sumdb-proxy.js'
import { isFrozen } from '../store/heads.js'
import { Store } from '../store/store.js'
import { fromUtf8 } from '../tlog/bytes.js'
import { SUMDB_ORIGIN } from '../tlog/checkpoint.js'
import { quorumThreshold } from '../tlog/policy.js'
import type { VerifierKey } from '../tlog/note.js'
import { VERSION } from '../version.js'
import type { CosignedHead } from '../witness/cosigned-head.js'
import { CosignedHeads } from '../witness/cosigned.js'
import { SignatureCache } from '../witness/signature-cache.js'
import { obstacleOfOrigin } from '../witness/origin.js'
import { Witness } from '../witness/witness.js'
import { Poller } from '../witness/poller.js'
import { pollFailure } from '../witness/polled.js'
import { pushBudget } from '../witness/push-budget.js'
import { quorumOf } from '../witness/quorum.js'
import { Depositary } from '../witness/depositary.js'
import { SOURCES } from '../witness/source.js'
import { Suspects } from '../witness/suspects.js'

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
  // Durations are measured with it: nobody sets it.
  const monotonic = (): number => performance.now()
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
  /** Why the socket of the operator is not open. */
  let shut: string | undefined
  const metrics = createMetrics(() => view.samples(), { places: given.places.map(({ name }) => name) })
  const onError = (error: unknown): void => {
    metrics.errors.inc({ code: errorCode(error) })
    emit({ event: 'error', code: errorCode(error), message: errorText(error) })
  }
  /** What is published is on disk already; that the mesh could not take it is no reason to fail. */
  const sent = (sending: Promise<number> | undefined): void => void sending?.catch(onError)

  const hasMesh = given.listen.length > 0 || given.bootstrap.length > 0
  // A wrong address is said before anything is made on disk. libp2p is loaded only by a node that has a mesh.
  const gossip = hasMesh ? await import('../gossip/mesh.js') : undefined
  gossip?.parseAddresses(given)

  // ---- state ----
  // Before the store: what it writes into an empty home would look like a witness that lost its key.
  const keyring = await readKeyring(given.home, given)
  const store = await Store.open(given.home)
  stops.push(() => store.close())
  const { config, followed, lists } = await readSelf(given, keyring, (news) => emit(logListEvent(news)))
  const { first: signer, second, agent, verifiers } = keyring
  stops.push(() => Promise.resolve(agent?.stop()))
  stops.push(() => lists.stop())
  if (config.recover) for (const { id } of config.logs) await store.heads.recover(id)
  const book = peerBook(store)
  const peers = gossip === undefined ? 0 : config.bootstrap.length || gossip.chosenFrom(await book.load()).length

  const quorum = quorumOf(config.policy, verifiers, () => store.convictions.convicted())
  // Whom the others are asked to pass on: what this node does not count, it need not hear.
  const counts = (config.policy?.witnesses ?? []).flatMap(({ key }) => key?.vkey ?? [])
  // A witness that is fed and not counted is kept and passed on like one that only neighbours count.
  const fed = config.places.flatMap(({ key }) => (key === undefined || counts.includes(key.vkey) ? [] : key))
  const relayed = (): readonly VerifierKey[] => [...fed, ...(mesh?.relayed() ?? [])]
  const suspects = await Suspects.load(store.suspects)
  const knownLines = new SignatureCache()
  const onQuorum = (log: string, head: CosignedHead): void => {
    emit(quorumEvent(log, head))
    watch.changed(log)
  }
  const cosigned = new CosignedHeads(store, quorum, onQuorum, relayed, knownLines)
  const watch = new QuorumWatch({
    quorum: (log) => cosigned.quorum(log),
    holds: (log) => {
      const unwritten = alarm.unwritten().filter((kept) => kept.log === log && kept.witness === undefined)
      const held = store.heads.get(log).holds.filter(({ acked }) => !acked)
      return [...new Set([...held, ...unwritten].map(({ id }) => id))]
    },
    waitMs: config.quorumWait * 1000,
  })
  const barrier = new NodeBarrier({ config, keyring, store, chosen: peers, mesh: () => mesh, emit, now })
  const { guard, deposits } = barrier
  stops.push(() => barrier.stop())

  // ---- the alarm ----
  const alarm = await Alarm.start({
    trust: { keys: new Map(config.logs.map(({ id, key }) => [id, key])), witnesses: () => quorum.keys, relayed },
    shelf: store.evidence,
    convictions: store.convictions,
    node: {
      freeze: (log, id, news) => store.heads.hold(log, id, news === 'grown'),
      isFrozen: (log) => isFrozen(store.heads.get(log)),
      ...ourHistory({ store, cosigned, prefix: async (log, ...asked) => clients.required(log).prefix(...asked) }),
      reconsider: async () => {
        for (const { id } of config.logs) await cosigned.reconsider(id)
      },
    },
    tell: ({ id, type, log, sizes, witness }, file, source, isWritten) => {
      metrics.evidence.inc({ source })
      const unwritten = isWritten || file.length > MAX_MESSAGE_BYTES ? {} : { file: fromUtf8(file)! }
      // Whom only neighbours count convicts itself as often as it likes: it is passed on, and nobody is called for it.
      const concernsUs = witness === undefined || quorum.keys.some(({ vkey }) => vkey === witness.vkey)
      if (concernsUs)
        emit({ event: 'evidence', id, type, log, witness: witness?.vkey ?? null, sizes, source, ...unwritten })
      watch.changed(log)
      // A log that pads its heads can make evidence that no message carries; then the heads themselves travel.
      if (followed.some(({ id: its }) => its === log) && file.length <= MAX_MESSAGE_BYTES)
        sent(mesh?.publishEvidence(log, file))
    },
    onError,
    clock: { now, monotonic },
  })
  stops.push(() => alarm.stop())
  // ---- what is shown ----
  const view = new View({
    witnesses: {
      ...{ config, store, cosigned, alarm },
      witness: signer.verifier,
      second: second?.verifier,
      keysOf: (log) => keyring.keysOf(log),
    },
    suspects,
    version: VERSION,
    time: { now, monotonic },
    barrier: {
      guard: () => guard.report,
      deposit: () => deposits.report,
      clock: barrier.clockReport,
      taken: barrier.taken,
      signing: () => ({ by: agent === undefined ? 'file' : 'ssh-agent', error: signer.away?.detail ?? null }),
    },
    around: {
      mesh: () => mesh,
      bastion: () => bastion?.report,
      exchange: () => exchange.views(),
      faults: () => ({ operator: shut, lists: lists.failing }),
    },
    submit: (candidate) => witness.submit(candidate),
  })
  view.metrics = () => metrics.text()

  // ---- the witness ----
  const isHeld = (log: string): boolean => isFrozen(store.heads.get(log)) || alarm.holds(log)
  const clients = new LogClients(
    followed,
    store,
    async (...asked) => withMesh(mesh).tileFrom(...asked),
    (log, time) => barrier.clock.observe(`log ${log}`, time),
  )
  const takePush = pushBudget(followed)
  const witness = new Witness({
    logs: followed.map(({ id, key, origin }) => {
      const client = clients.of(id)
      return { id, key, origin, ...(client && { prefix: (...asked) => client.prefix(...asked) }) }
    }),
    kept: { store, cosigned, suspects },
    keys: {
      own: keyring,
      counted: quorum.keys,
      relayed,
      neighbours: () => mesh?.neighbours() ?? [],
      isHeard: (vkey) => counts.includes(vkey) || mesh?.counts(vkey) === true,
      known: knownLines,
    },
    barrier: {
      obstacle: barrier.obstacle,
      sawUnknown: (time) => guard.sawUnknown(time),
      isHeld: (log) => alarm.holds(log),
      isFresh: barrier.isFresh,
      isChosen: (peer) => mesh?.isChosen(peer) === true,
      deposits,
    },
    ask: {
      prefixFromPeers: async (...asked) => withMesh(mesh).prefixFrom(...asked),
      looked: (log) => Promise.race([pollers.get(log)?.looked, delay(LOOK_MS, undefined, { ref: false })]),
      takePush: (log) => takePush(log, monotonic()),
    },
    told: {
      alarm: (evidence) => alarm.raise(evidence),
      publish: (log, note) => sent(mesh?.publishHead(log, note)),
      onOutcome: (outcome, candidate) => {
        metrics.heads.inc({ door: SOURCES[candidate.source].door, outcome: outcome.kind, code: outcome.code ?? '' })
        emit(outcomeEvent(outcome, candidate))
        if (outcome.kind !== 'advanced') return
        view.advanced(outcome.log!)
        exchange.advanced()
      },
      onFirstUse: (log, { size, root }) => emit({ event: 'first-use', log, size, root }),
      onSuspectAlarm: ({ log, id, size, code }) => {
        metrics.suspectAlarms.inc()
        emit({ event: 'suspect', log, id, size, code })
        watch.changed(log)
      },
      onSuspectDropped: () => metrics.dropped('suspects-full'),
      onError,
    },
    time: { now, monotonic },
  })
  stops.push(() => witness.stop())
  agent?.watch({ onLost: onError, onBack: () => void witness.retryOwed().catch(onError) })
  await witness.resume()
  for (const { id, disabled } of config.logs) if (disabled) await cosigned.load(id)

  // ---- what the go command sees ----
  const admission = new Admission(monotonic)
  const sumdbs = new Map(
    followed.flatMap((log) => {
      if (log.upstream === null || log.origin !== SUMDB_ORIGIN) return []
      const proxy = new SumdbProxy({
        log: { id: log.id, name: log.key.name },
        asked: { client: clients.forGo(log, log.upstream), admission },
        known: {
          kept: store.lookups.of(log.id),
          head: () => store.heads.get(log.id).tree,
          quorum: () => cosigned.quorum(log.id),
          watch,
        },
        submit: (candidate) => witness.submit(candidate),
        told: { onLookup: (source) => metrics.lookup(source), onError },
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
    own: {
      head: (log) => (isHeld(log) ? undefined : ownHead(cosigned.current(log), signer.verifier)),
      prove: (log, head, size) => witness.proof(log, head, size),
    },
    submit: (candidate) => witness.submit(candidate),
    interval: config.poll,
    told: { onNews: (news) => emit({ event: 'exchange', ...news }), onError },
    world: { now, random: Math.random },
  })
  stops.push(() => exchange.stop())

  // ---- the doors ----
  const pollers: ReadonlyMap<string, Poller> = new Map(
    followed.map(({ id }): [string, Poller] => {
      const client = clients.of(id)
      const poller = new Poller({
        log: id,
        ...(client && { latestNote: (options) => client.latestNote(options) }),
        witness,
        interval: config.poll,
        onPoll: (polled) => {
          const failure = pollFailure(polled)
          sumdbs.get(id)?.polled(failure)
          const worthTelling = view.polled(id, polled)
          const text = failure === undefined ? null : errorText(failure)
          if (worthTelling) emit({ event: 'log', log: id, reachable: failure === undefined, error: text })
        },
        onError,
        world: { now, random: Math.random },
      })
      return [id, poller]
    }),
  )
  const taking = witnessRoutes({
    logs: followed,
    submit: (candidate) => witness.submit(candidate),
    checkpoint: (log) => view.checkpoint(log),
    subtrees: second && {
      signer: second,
      obstacle: (origin) =>
        obstacleOfOrigin(origin, { logs: config.logs, store, signer, isHeld, barrier: barrier.common }),
    },
    now,
  })
  const about = aboutWitnessRoute({
    contact: config.contact,
    logs: followed,
    keys: {
      shared: [signer.verifier, ...(second === undefined ? [] : [second.verifier])],
      of: (log) => keyring.keysOf(log),
    },
    isTaken: (log) => barrier.taken(log) !== undefined,
    isFrozen: isHeld,
  })
  const routes = [...taking, about]
  const onRequest = (route: string, status: number): void => metrics.requests.inc({ route, status: String(status) })
  const http = await HttpServer.start({
    ...config.http,
    trustedProxies: config.trustedProxies,
    node: view,
    sumdbs: [...sumdbs.values()],
    routes,
    onError,
    onRequest,
  })
  metrics.routes(http.routes)
  stops.push(() => http.close())
  // A home that takes no socket is no reason not to run: nothing can be acknowledged, which is said.
  const operator = await OperatorDoor.open(config.home, view, { onError, onRequest }).catch((error: unknown) => {
    shut = errorText(error)
    onError(error)
  })
  stops.push(async () => operator?.close())
  if (config.bastion !== undefined) {
    const key = await (await import('../gossip/host/peer-key.js')).loadOrCreatePeerKey(join(config.home, 'peer.key'))
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
    const { loadOrCreatePeerKey } = await import('../gossip/host/peer-key.js')
    const { listen, bootstrap, announce, mdns } = config
    const started = await gossip.Mesh.start({
      reach: {
        peerKey: await loadOrCreatePeerKey(join(config.home, 'peer.key')),
        ...{ listen, bootstrap, announce, mdns, book },
      },
      own: {
        logs: followed.map(({ id }) => id),
        identity: { witness: signer.verifier.vkey, key: signer.verifier, sign: (message) => signer.sign(message) },
        keys: verifiers.map(({ vkey }) => vkey),
        counts,
        reserved: [...quorum.keys, ...config.logs.map(({ key }) => key)].map(({ name, keyId }) => `${name}+${keyId}`),
      },
      handlers: handlersFor(
        {
          logs: followed.map(({ id }) => id),
          kept: { store, cosigned },
          witness,
          alarm,
          depositary: new Depositary({
            shelf: store.deposits,
            signers: cosigned.signers,
            logs: new Map(followed.map((log) => [log.id, log])),
            counts: (vkey) => counts.includes(vkey),
            keys: () => [...quorum.keys, ...relayed(), ...(mesh?.neighbours() ?? [])],
          }),
          own: new Set(verifiers.map(({ vkey }) => vkey)),
          onError,
        },
        {
          prefix: async (log, ...asked) => clients.required(log).prefix(...asked),
          answered: (peer) => guard.answered(peer),
          saidTime: (peer, time) => barrier.clock.observe(`peer ${peer}`, time),
        },
      ),
      told: {
        onChosen: (peer) => deposits.connected(peer),
        onTwin: () => guard.sawTwin(),
        onPeer: (event) => emit({ event: 'peer', ...event }),
        onDial: ({ address, error }) =>
          emit({ event: 'bootstrap', address, reachable: error === undefined, error: error ?? null }),
        onError,
        onDropped: (reason) => metrics.dropped(reason),
      },
    })
    mesh = started
    stops.push(() => started.stop())
  }
  // At the end no more comes in, what is under way ends, and those whom we chose learn of it, while there still is a mesh.
  stops.push(
    () => deposits.stop(),
    () => witness.stop(),
    () => http.close(),
    async () => operator?.close(),
    async () => bastion?.stop(),
    () => exchange.stop(),
  )

  lists.start()
  for (const poller of pollers.values()) stops.push(() => poller.stop())
  // Before that nothing could be signed; a poller that was stopped meanwhile does not start.
  barrier.start()
  void guard.settled.then(() => {
    pollers.forEach((poller) => poller.start())
    exchange.start()
    witness.submitDeferred().catch(onError)
    witness.retryOwed().catch(onError)
    witness.redeposit().catch(onError)
  })
  // First of all when stopping: a poller or a peer may be waiting for a proof or a signature that will never come.
  stops.push(() => Promise.resolve(witness.abort()))
  stops.push(() => Promise.resolve(agent?.stop()))
  stops.push(() => Promise.resolve(barrier.close()))
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
