/**
 * One life of a node, from a start to a crash or a stop: the production parts, wired as in src/node/node.ts, over a
 * volatile home, and with a network in memory instead of libp2p.
 */
import { GossumError } from '../../src/errors.js'
import { Alarm } from '../../src/evidence/alarm.js'
import { askSigned } from '../../src/gossip/sync/client/asking-signed.js'
import type { SyncHandlers } from '../../src/gossip/sync/server/sync-server.js'
import { Keyring } from '../../src/keys/keyring.js'
import { NodeBarrier } from '../../src/node/barrier.js'
import { ourHistory } from '../../src/node/our-history.js'
import { handlersFor } from '../../src/node/peers.js'
import { isFrozen } from '../../src/store/heads.js'
import { Store } from '../../src/store/store.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { parseNote, type Signer, type SignerKey } from '../../src/tlog/note.js'
import type { Tree } from '../../src/tlog/merkle.js'
import { CosignedHeads } from '../../src/witness/cosigned.js'
import type { Prefix } from '../../src/witness/decide.js'
import { Depositary } from '../../src/witness/depositary.js'
import type { Depositaries } from '../../src/witness/deposits.js'
import { SignatureCache } from '../../src/witness/signature-cache.js'
import { PROMISE_SECONDS, type WitnessPromise } from '../../src/witness/promise.js'
import { Suspects } from '../../src/witness/suspects.js'
import { Witness } from '../../src/witness/witness.js'
import type { Peer } from './depositary.js'
import { never, type Fate } from './fate.js'
import type { Home } from './home.js'
import { LOG, SETTING } from './log.js'
import type { Network } from './network.js'

/** The setup of a node, for all its lives. */
export interface Setup {
  /** How many chosen peers have to keep a promise: k. */
  readonly keep: number
  readonly required: boolean
  /** The key, and optionally a second one. */
  readonly keys: readonly [SignerKey, SignerKey?]
  /** Whether the first key is in an agent, which answers with a delay. */
  readonly hasAgent: boolean
  /** The chosen peers: n. */
  readonly peers: readonly Peer[]
}

/** The options of one start. */
export interface Start {
  /** Whether all keys were made at this start. */
  readonly fresh: boolean
  /** Whether the operator lets it go on from what the journal and the database know. */
  readonly recover: boolean
  /** Seconds to wait for answers. */
  readonly guardWait: number
}

/** What the model is told about a life. */
export interface Listener {
  /** A key is about to sign this. */
  signs(life: Life, key: SignerKey, message: Uint8Array): void
  leaves(life: Life, note: Uint8Array): void
  /** Whether the answer of a peer may arrive now. */
  mayAnswer(life: Life, peer: Peer): boolean
  /** The answer of a peer counts from now on. */
  answered(life: Life, peer: Peer): void
  onError(life: Life, error: unknown): void
}

/** A promise of ours that a peer keeps. */
interface Kept {
  readonly size: number
  /** POSIX seconds. */
  readonly time: number
}

export interface LifeOptions {
  readonly setup: Setup
  readonly start: Start
  readonly home: Home
  readonly fate: Fate
  readonly network: Network
  /** A proof from the log. Throws GossumError. */
  readonly prefix: (of: Tree, size: number) => Prefix
  readonly listener: Listener
}

type Parts = Pick<Life, 'store' | 'barrier' | 'alarm' | 'suspects' | 'witness' | 'handlers' | 'keyring'>

export class Life {
  readonly fate: Fate
  readonly store!: Store
  readonly barrier!: NodeBarrier
  readonly alarm!: Alarm
  readonly suspects!: Suspects
  readonly witness!: Witness
  readonly handlers!: SyncHandlers
  readonly keyring!: Keyring
  /** By peer, our newest promise that it confirmed. */
  readonly #kept = new Map<string, Kept>()
  readonly #options: LifeOptions

  private constructor(options: LifeOptions) {
    this.#options = options
    this.fate = options.fate
  }

  /** Throws what the start of a node throws; never resolves if the crash happens before. */
  static async begin(options: LifeOptions): Promise<Life> {
    const life = new Life(options)
    Object.assign(life, await life.#build())
    await life.witness.resume()
    life.#start()
    return life
  }

  async #build(): Promise<Parts> {
    const { setup, start, home, fate, listener } = this.#options
    const now = Date.now
    home.bind(fate)
    const [own, beside] = setup.keys
    const first = setup.hasAgent ? this.#inAgent(own) : this.#listening(own)
    const second = beside && this.#listening(beside)
    const keyring = new Keyring({ first, agent: undefined, second, ofLogs: new Map(), fresh: start.fresh })
    const { verifiers } = keyring
    const store = await Store.over(home.db, home.journalFor(fate))
    if (start.recover) await store.heads.recover(LOG)
    const quorum = {
      keys: [...verifiers],
      satisfiedBy: (by: { has: (vkey: string) => boolean }) => verifiers.every(({ vkey }) => by.has(vkey)),
      convicted: () => store.convictions.convicted(),
    }
    const suspects = await Suspects.load(store.suspects)
    const known = new SignatureCache()
    const cosigned = new CosignedHeads(
      store,
      quorum,
      () => undefined,
      () => [],
      known,
    )
    const barrier = new NodeBarrier({
      config: {
        deposit: { keep: setup.keep, required: setup.required },
        depositWait: 2,
        guardWait: start.guardWait,
        logs: [SETTING],
        state: undefined,
      },
      keyring,
      store,
      chosen: setup.peers.length,
      mesh: this.#mesh,
      emit: () => undefined,
      now,
    })
    const prefix = (of: Tree, size: number): Promise<Prefix> =>
      fate.isDead ? never() : Promise.resolve().then(() => this.#options.prefix(of, size))
    const onError = (error: unknown): void => listener.onError(this, error)
    const alarm = await Alarm.start({
      trust: { keys: new Map([[LOG, SETTING.key]]), witnesses: () => quorum.keys, relayed: () => [] },
      shelf: store.evidence,
      convictions: store.convictions,
      node: {
        freeze: (log, id, news) => store.heads.hold(log, id, news === 'grown'),
        isFrozen: (log) => isFrozen(store.heads.get(log)),
        ...ourHistory({ store, cosigned, prefix: (_log, of, size) => prefix(of, size) }),
        reconsider: () => cosigned.reconsider(LOG),
      },
      tell: () => undefined,
      onError,
      clock: { now, monotonic: now },
    })
    const log = { id: LOG, key: SETTING.key, origin: SETTING.origin, prefix }
    const witness = new Witness({
      logs: [log],
      kept: { store, cosigned, suspects },
      keys: {
        own: keyring,
        counted: quorum.keys,
        relayed: () => [],
        neighbours: () => [],
        isHeard: () => true,
        known,
      },
      barrier: {
        obstacle: barrier.obstacle,
        sawUnknown: (time) => barrier.guard.sawUnknown(time),
        isHeld: (log) => alarm.holds(log),
        isFresh: barrier.isFresh,
        isChosen: (peer) => this.#mesh.chosen().connected.includes(peer),
        deposits: barrier.deposits,
      },
      ask: { prefixFromPeers: () => Promise.reject(new GossumError('PEER_UNHELPFUL')) },
      told: {
        alarm: (evidence) => alarm.raise(evidence),
        publish: (_log, note) => {
          fate.pass('before a publication')
          listener.leaves(this, note)
          fate.pass('after a publication')
        },
        onOutcome: () => undefined,
        onFirstUse: () => undefined,
        onSuspectAlarm: () => undefined,
        onSuspectDropped: () => undefined,
        onError,
      },
      time: { now, monotonic: now, pauseMs: 0 },
    })
    const handlers = handlersFor(
      {
        logs: [LOG],
        kept: { store, cosigned },
        witness,
        alarm,
        depositary: new Depositary({
          shelf: store.deposits,
          signers: cosigned.signers,
          logs: new Map([[LOG, log]]),
          counts: () => false,
          keys: () => [...quorum.keys],
        }),
        own: keyring.verifiers,
        onError,
      },
      {
        prefix: (_log, of, size) => prefix(of, size),
        answered: (peer) => barrier.guard.answered(peer),
        saidTime: () => undefined,
      },
    )
    return { store, barrier, alarm, suspects, witness, handlers, keyring }
  }

  #start(): void {
    const { listener, setup } = this.#options
    const onError = (error: unknown): void => listener.onError(this, error)
    for (const peer of setup.peers) if (peer.isConnected) this.meet(peer)
    this.barrier.start()
    void this.barrier.guard.settled.then(() => {
      this.witness.submitDeferred().catch(onError)
      this.witness.retryOwed().catch(onError)
    })
  }

  /** Stops in good order, after writing everything. */
  async stop(): Promise<void> {
    this.witness.abort()
    await this.witness.stop()
    await this.alarm.stop()
    await this.barrier.stop()
    await this.store.close()
  }

  /** A chosen peer has connected: it is sent pending promises, and asked what it holds of our keys. */
  meet(peer: Peer): void {
    this.barrier.deposits!.connected(peer.id)
    this.#ask(peer).catch((error: unknown) => this.#options.listener.onError(this, error))
  }

  async #ask(peer: Peer): Promise<void> {
    const { fate, network, listener } = this.#options
    const isWhole = await askSigned(
      (request) =>
        network.send(
          () => (peer.manner === 'breaks off' || !peer.isConnected ? never() : peer.answer(request)),
          () => listener.mayAnswer(this, peer),
        ),
      {
        keys: this.keyring.verifiers.map(({ vkey }) => vkey),
        maxPages: 8,
        take: async (told) => {
          await fate.passing('before it is told')
          try {
            await this.handlers.told(peer.id, told)
          } catch (error) {
            listener.onError(this, error)
            return false
          }
          await fate.passing('after it is told')
          return true
        },
      },
    )
    if (!isWhole) return
    await fate.passing('before an answer counts')
    this.handlers.answered(peer.id)
    listener.answered(this, peer)
    await fate.passing('after an answer counts')
  }

  /** The mesh, as far as the barrier uses it. */
  readonly #mesh: Depositaries = {
    chosen: () => {
      const { peers } = this.#options.setup
      return { all: peers.length, connected: peers.filter(({ isConnected }) => isConnected).map(({ id }) => id) }
    },
    promise: async (id, promises, lines, { signal }) => {
      const { fate, network, setup } = this.#options
      const peer = setup.peers.find((one) => one.id === id)!
      await fate.passing('before a message')
      const aborted = new Promise<undefined>((resolve) => {
        signal.addEventListener('abort', () => resolve(undefined), { once: true })
      })
      const answered = network.send(async () => (peer.isConnected ? peer.keep(promises, lines) : undefined))
      const answer = await Promise.race([answered, aborted])
      await fate.passing('after a message')
      if (answer !== undefined && answer !== 'unsupported') this.#noteKept(id, promises, answer)
      return answer
    },
  }

  /**
   * How many peers confirmed in this life that they keep a tree of this size at no much earlier time, or a larger one.
   */
  keptBy(size: number, time: number): number {
    return [...this.#kept.values()].filter(
      (kept) => kept.size > size || (kept.size === size && kept.time + PROMISE_SECONDS >= time),
    ).length
  }

  #noteKept(id: string, promises: readonly WitnessPromise[], answer: readonly boolean[]): void {
    const sent = promises.map(({ head, time }) => ({ size: parseCheckpoint(parseNote(head).text).size, time }))
    // There is one promise per key for each tree.
    const isWhole = ({ size }: Kept): boolean => sent.every((other, i) => other.size !== size || answer[i] === true)
    const before = this.#kept.get(id)
    const all = before === undefined ? sent.filter(isWhole) : [before, ...sent.filter(isWhole)]
    const [newest] = all.sort((a, b) => b.size - a.size || b.time - a.time)
    if (newest !== undefined) this.#kept.set(id, newest)
  }

  #listening(key: SignerKey): SignerKey {
    return { verifier: key.verifier, sign: (message) => this.#sign(key, message) }
  }

  /**
   * A key in an agent answers at any time; the process that asked may be gone by then, and the agent signs all the
   * same.
   */
  #inAgent(key: SignerKey): Signer {
    const { network } = this.#options
    return {
      verifier: key.verifier,
      sign: async (message) => {
        await this.fate.passing('before a signature')
        this.#options.listener.signs(this, key, message)
        const signature = await network.send(() => Promise.resolve(key.sign(message)))
        await this.fate.passing('after a signature')
        return signature
      },
    }
  }

  #sign(key: SignerKey, message: Uint8Array): Uint8Array {
    this.fate.pass('before a signature')
    this.#options.listener.signs(this, key, message)
    const signature = key.sign(message)
    this.fate.pass('after a signature')
    return signature
  }
}
