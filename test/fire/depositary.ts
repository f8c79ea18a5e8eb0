/**
 * A chosen peer that keeps promises: the production depositary over a volatile disk of its own. It may refuse, lose
 * promises that it confirmed, report less than it holds, or stay silent.
 */
import type { Ask } from '../../src/gossip/sync/client/sync-client.js'
import type { SignedAnswer } from '../../src/gossip/sync/pages.js'
import { Store } from '../../src/store/store.js'
import { toHex } from '../../src/tlog/bytes.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { parseNote, type VerifierKey } from '../../src/tlog/note.js'
import { CosignedHeads } from '../../src/witness/cosigned.js'
import { Depositary } from '../../src/witness/depositary.js'
import type { WitnessPromise } from '../../src/witness/promise.js'
import { MemoryJournal, VolatileDatabase, type Chance } from '../helpers/volatile-disk.js'
import { LOG, SETTING } from './log.js'

export const MANNERS = ['honest', 'refuses', 'forgets', 'tells nothing', 'breaks off', 'silent', 'old'] as const
export type Manner = (typeof MANNERS)[number]

/** Peers of these kinds report nothing that they hold. An old version has no promises to report. */
export const HIDING: ReadonlySet<Manner> = new Set(['tells nothing', 'old'])

export class Peer {
  readonly id: string
  manner: Manner = 'honest'
  isConnected = true
  /** By key, the size of the largest tree that it confirmed to keep, since it last lost everything. */
  readonly #said = new Map<string, number>()
  /** The trees whose promises it ever confirmed: size and root. */
  readonly acknowledged = new Set<string>()
  readonly #witness: string
  readonly #keys: readonly VerifierKey[]
  #database: VolatileDatabase
  #store: Store
  #depositary: Depositary

  private constructor(id: string, keys: readonly VerifierKey[], database: VolatileDatabase, store: Store) {
    this.id = id
    this.#witness = keys[0]!.vkey
    this.#keys = keys
    this.#database = database
    this.#store = store
    this.#depositary = this.#over(store)
  }

  /** `keys` are those of the witness whose promises it keeps. */
  static async make(id: string, keys: readonly VerifierKey[]): Promise<Peer> {
    const database = await VolatileDatabase.make()
    return new Peer(id, keys, database, await Store.over(database.db, new MemoryJournal()))
  }

  /** Its process is killed and starts again; what was not synced is lost. */
  async crash(chance: Chance): Promise<void> {
    await this.#start(await this.#database.crash(chance))
    for (const [vkey, size] of this.#said)
      if ((this.#store.deposits.get(vkey, LOG)?.size ?? -1) < size)
        throw new Error(`${this.id} said that it keeps ${size}`)
  }

  /** It loses everything. */
  async empty(): Promise<void> {
    this.#said.clear()
    await this.#start(await VolatileDatabase.make())
  }

  async stop(): Promise<void> {
    await this.#store.close()
  }

  /** Whether it remembers this promise, or a larger one, and reports it. */
  remembers(size: number): boolean {
    return (
      !HIDING.has(this.manner) &&
      this.#keys.some(({ vkey }) => (this.#store.deposits.get(vkey, LOG)?.size ?? -1) >= size)
    )
  }

  /** The time of the latest promise that it reports, in POSIX seconds; 0 for none. */
  get latest(): number {
    if (HIDING.has(this.manner)) return 0
    return Math.max(...this.#keys.map(({ vkey }) => this.#store.deposits.get(vkey, LOG)?.time ?? 0))
  }

  /** Its answer to promises; undefined for none. */
  async keep(
    promises: readonly WitnessPromise[],
    lines: readonly Uint8Array[],
  ): Promise<readonly boolean[] | 'unsupported' | undefined> {
    if (this.manner === 'old') return 'unsupported'
    if (this.manner === 'silent') return undefined
    if (this.manner === 'refuses' || this.manner === 'forgets') return promises.map(() => this.manner === 'forgets')
    const kept: boolean[] = []
    for (const promise of promises) {
      const isKept = await this.#depositary.keepPromise(promise, { peer: 'node', witness: this.#witness, chosen: true })
      const { size, root } = parseCheckpoint(parseNote(promise.head).text)
      if (isKept) {
        this.#said.set(promise.witness, Math.max(size, this.#said.get(promise.witness) ?? -1))
        this.acknowledged.add(`${size} ${toHex(root)}`)
      }
      kept.push(isKept)
    }
    for (const line of lines) await this.#depositary.keepLine(line, 'node')
    return kept
  }

  /** Its answer when asked what it holds. */
  readonly answer: Ask = async (request) => {
    if (request.type !== 'signed') throw new Error(`not asked for: ${request.type}`)
    const nothing: SignedAnswer = { type: 'signed', heads: [], promises: [] }
    if (HIDING.has(this.manner)) return nothing
    return { ...nothing, ...(await this.#depositary.page(request.witness, request.after)) }
  }

  async #start(database: VolatileDatabase): Promise<void> {
    await this.#database.db.close()
    this.#database = database
    this.#store = await Store.over(database.db, new MemoryJournal())
    this.#depositary = this.#over(this.#store)
    await this.#depositaryLoaded()
  }

  async #depositaryLoaded(): Promise<void> {
    await Promise.all([this.#store.signedBy.load(LOG), this.#store.seenLines.load(LOG)])
  }

  #over(store: Store): Depositary {
    const { key, origin } = SETTING
    const quorum = { keys: [...this.#keys], satisfiedBy: () => false, convicted: () => new Set<string>() }
    const cosigned = new CosignedHeads(store, quorum, () => undefined)
    return new Depositary({
      shelf: store.deposits,
      signers: cosigned.signers,
      logs: new Map([[LOG, { id: LOG, key, origin }]]),
      counts: () => false,
      keys: () => this.#keys,
    })
  }
}
