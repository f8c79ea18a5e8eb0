/**
 * What a node keeps for as long as it runs, whatever its settings: its home, its keys, its doors, its place in the
 * mesh, and what it knows about what its keys have signed. A reload replaces everything else (generation.ts).
 */
import type { Config } from '../config/config.js'
import { GossumError } from '../errors.js'
import { observerKeyring, readKeyring, type Keyring } from '../keys/keyring.js'
import { Gate } from '../lib/gate.js'
import type { Past } from '../status/view-parts.js'
import { Polls } from '../status/polls.js'
import { Store } from '../store/store.js'
import { NodeBarrier } from './barrier.js'
import type { NodeBase } from './base.js'
import { Doors } from './doors.js'
import { logListEvent, type NodeEvent } from './events.js'
import { keepTold } from './keeping-told.js'
import { MeshLink } from './mesh-link.js'
import { News } from './news.js'
import { peerStoreOf } from './peers.js'
import { openShared } from './sharing.js'
import { readSelf, type Self } from './self.js'
import { Streaming } from './streaming.js'

export interface Frame extends Pick<NodeBase, 'keyring' | 'store' | 'shared' | 'news' | 'mesh' | 'clock'> {
  /** Resolves with a description when the shared-state database is not the one that it was at the start. */
  readonly moved: Promise<string>
  readonly barrier: NodeBarrier
  readonly doors: Doors
  /** The events, for readers over HTTP. */
  readonly streaming: Streaming
  /** Holds up what comes from outside while the parts are replaced. */
  readonly gate: Gate
  /** Logs that were polled since the start. */
  readonly looked: Set<string>
  /** The results of the polls. */
  readonly past: Past
  readonly hasMesh: boolean
}

export interface FrameOptions {
  readonly onEvent: (event: NodeEvent) => void
  readonly onRequest?: ((route: string, status: number) => void) | undefined
}

/** `stops` receives the function that ends each part as soon as that part exists. */
export async function makeFrame(
  given: Config,
  { onEvent, onRequest }: FrameOptions,
  stops: (() => void | Promise<void>)[],
): Promise<{ readonly frame: Frame; readonly self: Self }> {
  const clock = { now: Date.now, monotonic: () => performance.now() }
  const news = new News(onEvent, onRequest)
  const streaming = new Streaming(news)
  const hasMesh = given.listen.length > 0 || given.bootstrap.length > 0
  // A wrong address is reported before anything is written to disk. libp2p is loaded only by a node with a mesh.
  const gossip = hasMesh ? await import('../gossip/mesh.js') : undefined
  gossip?.parseAddresses(given)
  // Before the store: what that writes into an empty home would look like a witness that lost its key.
  const keyring = given.observer ? await observerKeyring(given.home) : await readKeyring(given.home, given)
  const { promise: moved, resolve: onMoved } = Promise.withResolvers<string>()
  const shared = await openShared(given, keyring, {
    onFailure: (why) => news.onError(new GossumError('STATE_UNREACHABLE', why)),
    onMoved: (text) => {
      news.tell({ event: 'state', text })
      onMoved(text)
    },
  })
  stops.push(() => shared?.stop())
  const store = await Store.open(given.home, shared)
  stops.push(() => store.close())
  shared?.start()
  await keepTold(news, store.told)
  news.keep()
  const self = await selfOf(given, keyring, news)
  stops.push(() => self.lists.stop())
  if (self.config.recover) for (const { id } of self.config.logs) await store.heads.recover(id)
  const remembered = gossip?.chosenFrom(await peerStoreOf(store).load()).length ?? 0
  const chosen = hasMesh ? given.bootstrap.length || remembered : 0
  const mesh = new MeshLink(chosen, news.onError)
  const { config } = self
  const barrier = new NodeBarrier({ config, keyring, store, chosen, mesh, emit: news.tell, now: clock.now })
  const gate = new Gate()
  const doors = new Doors(given, news, gate)
  const past = { polls: new Polls(clock.monotonic), startedAt: clock.now() }
  const frame = {
    keyring,
    store,
    shared,
    moved,
    news,
    mesh,
    clock,
    barrier,
    doors,
    streaming,
    gate,
    looked: new Set<string>(),
    past,
    hasMesh,
  }
  return { frame, self }
}

/** Reads the log lists. Throws what readSelf throws. */
export function selfOf(given: Config, keyring: Keyring, news: News): Promise<Self> {
  return readSelf(given, keyring, (of) => news.tell(logListEvent(of)))
}
