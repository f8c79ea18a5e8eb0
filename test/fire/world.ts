/** A log that forks, a node, its peers and its network: the events, and what must hold after each. */
import { toHex } from '../../src/tlog/bytes.js'
import { parseNote, type SignerKey } from '../../src/tlog/note.js'
import { seeded } from '../helpers/volatile-disk.js'
import type { Act, Brought } from './acts.js'
import { bring, submit } from './bringing.js'
import { HIDING, Peer } from './depositary.js'
import { EMPTY_HOME, type HomeCopy } from './home.js'
import type { Life } from './life.js'
import { areOneHistory, HISTORY_COUNT, IMPOSSIBLE, LOG, type ShownHead } from './log.js'
import { Machine } from './machine.js'
import { Network } from './network.js'
import { remembered } from './remembered.js'
import { Signings } from './signings.js'
import { beginTime, pass, setClock, START } from './time.js'

export interface WorldSetup {
  /** Chosen peers: n. */
  readonly peers: number
  /** How many have to keep a promise: k, from 1 to n. */
  readonly keep: number
  readonly required: boolean
  readonly keys: readonly [SignerKey, SignerKey?]
  readonly hasAgent: boolean
}

/** How often situations occurred that the sequences should reach, in all worlds. */
export const reached = new Map<string, number>()

function reach(what: string): void {
  reached.set(what, (reached.get(what) ?? 0) + 1)
}

export class World {
  readonly signings = new Signings()
  readonly #network = new Network()
  readonly #peers: readonly Peer[]
  readonly #wrong: string[] = []
  /** Notes with our line, by text. */
  readonly #lines = new Map<string, Uint8Array>()
  #machine!: Machine
  #copies: HomeCopy[] = [EMPTY_HOME]
  #histories: readonly number[] = [...Array(HISTORY_COUNT).keys()]
  /** Heads that the node has accepted since its home was last restored, by text. */
  readonly #taken = new Map<string, ShownHead>()
  /** Whether the database was full in this life. */
  #wasFull = false

  private constructor(peers: readonly Peer[]) {
    this.#peers = peers
  }

  static async make({ peers: n, keys, ...more }: WorldSetup): Promise<World> {
    beginTime()
    const [own, beside] = keys
    const its =
      beside === undefined ? ([remembering(own)] as const) : ([remembering(own), remembering(beside)] as const)
    const verifiers = its.map(({ verifier }) => verifier)
    const ids = Array.from({ length: n }, (_, i) => `peer ${i}`)
    const world = new World(await Promise.all(ids.map((id) => Peer.make(id, verifiers))))
    world.#machine = await Machine.make({
      setup: { ...more, keys: its, peers: world.#peers },
      network: world.#network,
      signings: world.signings,
      shown: () => world.#histories,
      fail: (why) => world.#wrong.push(why),
      onLeave: (note) => world.#lines.set(parseNote(note).text, note),
    })
    await world.#machine.start()
    return world
  }

  /** Throws the violation, if there is one, once the event is over. */
  async act(act: Act): Promise<void> {
    const { life } = this.#machine
    this.#machine.draw(act.seed, act.crashes)
    await this.#do(act)
    await this.#machine.lull()
    this.#noteFull(life)
    await this.#checkConvictions()
    if (this.#wrong.length > 0) throw new Error(this.#wrong.join('\n'))
  }

  /** A life that ends while the database accepts no writes leaves less behind than it knew. */
  #noteFull(before: Life): void {
    const isFull = this.#machine.home.fault === 'database full'
    if (this.#machine.life !== before) {
      if (this.#wasFull) this.#taken.clear()
      this.#wasFull = false
    }
    this.#wasFull ||= isFull
  }

  async end(): Promise<void> {
    await this.#machine.end()
    for (const peer of this.#peers) await peer.stop()
  }

  async #do(act: Act): Promise<void> {
    const machine = this.#machine
    switch (act.do) {
      case 'bring':
        return machine.does((life) => Promise.all(act.heads.map((head) => this.#bring(life, head))))
      case 'bring what is impossible':
        return machine.does((life) => submit(life, { source: 'poll', note: IMPOSSIBLE }))
      case 'show':
        this.#histories = act.histories
        return
      case 'set the clock':
        return this.#setClock(Date.now() + act.seconds * 1000)
      case 'wait':
        return pass(act.seconds * 1000)
      case 'disk':
        machine.home.fault = act.fault
        return
      case 'peer':
        return this.#change(act)
      case 'peer loses':
        return this.#lose(act.peer, act.how, act.seed)
      case 'restart':
        return machine.restart(act.recover)
      case 'acknowledge':
        return machine.does(acknowledgeAll)
      case 'retry':
        return machine.does((life) => life.witness.retrySuspects(LOG, 8))
      case 'back up':
        this.#copies.push(await machine.home.copy())
        return
      case 'empty the home':
        return this.#restore(EMPTY_HOME, 'home', false)
      case 'restore':
        return this.#restore(this.#copies[act.copy % this.#copies.length]!, act.what, act.recover)
    }
  }

  // ---- heads -----------------------------------------------------------------------------------------------------

  async #bring(life: Life, brought: Brought): Promise<void> {
    const { head, outcome } = await bring(life, brought, this.#peers, this.#lines)
    reach(outcome.kind === 'refused' ? outcome.code! : outcome.kind)
    // The outcome of a process that is gone reaches nobody.
    if (life.fate.isDead) return
    // What waits to be examined is only in memory.
    if (outcome.kind !== 'refused' && outcome.code !== 'HEADS_WAITING') this.#taken.set(head.text, head)
  }

  /** Every accepted head that is not of one history with ours is proven to be a lie, or kept as a suspect. */
  async #checkConvictions(): Promise<void> {
    const { store, alarm, suspects } = this.#machine.life
    const { tree } = store.heads.get(LOG)
    if (tree === undefined) return
    const own = { size: tree.size, root: toHex(tree.root) }
    const lies = [...this.#taken.values()].filter((head) => !areOneHistory(own, head))
    if (lies.length === 0) return
    const evidence = [...(await store.evidence.list()), ...alarm.unwritten()].map(({ text }) => text).join('\n')
    const kept = suspects.list(LOG).map(({ note }) => JSON.stringify(note))
    for (const { text, size } of lies) {
      const asJson = JSON.stringify(text).slice(1, -1)
      if (evidence.includes(asJson) || kept.some((note) => note.includes(asJson))) continue
      this.#wrong.push(`a head of size ${size} contradicts our own, and neither evidence nor a suspect has it`)
    }
  }

  // ---- what happens to the node ----------------------------------------------------------------------------------

  #setClock(ms: number): void {
    setClock(Math.max(ms, START, this.#machine.assumptions.earliest))
  }

  async #restore(copy: HomeCopy, what: 'home' | 'journal' | 'database', recover: boolean): Promise<void> {
    const { assumptions } = this.#machine
    // The process ends in an instant: until then the database may lose what is not synced, and nothing is added to it.
    await this.#machine.end()
    if (!(await this.#machine.staysWhole(what)) && !assumptions.mayBecomeOld()) return this.#machine.revive()
    reach(`restore ${what}`)
    this.#taken.clear()
    await this.#machine.restore(copy, what, recover)
  }

  #change({ peer: index, manner, isConnected }: Extract<Act, { do: 'peer' }>): void {
    const peer = this.#peers[index % this.#peers.length]!
    const { assumptions, life } = this.#machine
    if (HIDING.has(manner) && !assumptions.mayLose(peer)) return
    peer.manner = manner
    peer.isConnected = isConnected
    if (isConnected) life.meet(peer)
  }

  async #lose(index: number, how: 'crash' | 'all', seed: number): Promise<void> {
    const peer = this.#peers[index % this.#peers.length]!
    if (how === 'crash') return peer.crash(seeded(seed))
    if (this.#machine.assumptions.mayLose(peer)) return peer.empty()
  }
}

/** The same key, whose verifier remembers. */
function remembering(key: SignerKey): SignerKey {
  return { ...key, verifier: remembered(key.verifier) }
}

async function acknowledgeAll({ store, alarm }: Life): Promise<void> {
  for (const { id } of store.heads.get(LOG).holds) {
    await alarm.acknowledge(id)
    await store.heads.acknowledge(LOG, id)
  }
}
