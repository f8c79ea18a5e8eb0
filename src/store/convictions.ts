/**
 * Witnesses that were proven to misbehave: which, by which evidence, and whether the operator has acknowledged it.
 * There are few, and every head needs them: they are held in memory and written through.
 */
import type { KeptConviction, KeptConvictions } from '../evidence/kept.js'
import type { Table } from './disk.js'
import { areTexts, type JsonObject } from '../lib/is-object.js'
import { readRecord } from './json.js'

export class Convictions implements KeptConvictions {
  readonly #table: Table
  readonly #byId = new Map<string, KeptConviction>()
  #convicted: ReadonlySet<string> = new Set()

  private constructor(table: Table) {
    this.#table = table
  }

  /** Throws STORE_DAMAGED for an invalid record. */
  static async load(table: Table): Promise<Convictions> {
    const convictions = new Convictions(table)
    for (const [id, json] of await table.entries()) {
      convictions.#byId.set(id, readRecord('convictions', id, json, isConviction) as KeptConviction)
    }
    convictions.#recount()
    return convictions
  }

  /** Verifier keys of the witnesses with an unacknowledged conviction. */
  convicted(): ReadonlySet<string> {
    return this.#convicted
  }

  get(id: string): KeptConviction | undefined {
    return this.#byId.get(id)
  }

  list(): readonly KeptConviction[] {
    return [...this.#byId.values()]
  }

  /**
   * Counts a conviction from now on although it is not on disk yet: a full disk must not let a dishonest witness help
   * make a quorum.
   */
  note(conviction: KeptConviction): void {
    this.#byId.set(conviction.id, conviction)
    this.#recount()
  }

  /** Keeps a conviction, which counts from now on; durable when it resolves. */
  async put(conviction: KeptConviction): Promise<void> {
    await this.#table.put(conviction.id, JSON.stringify(conviction))
    this.note(conviction)
  }

  /** Forgets a conviction. */
  async del(id: string): Promise<void> {
    await this.#table.del(id)
    this.#byId.delete(id)
    this.#recount()
  }

  #recount(): void {
    this.#convicted = new Set(this.list().flatMap(({ witness, acked }) => (acked ? [] : witness)))
  }
}

function isConviction({ id, witness, log, lies, acked }: JsonObject): boolean {
  return (
    areTexts(id, witness, log) && Array.isArray(lies) && areTexts(...(lies as unknown[])) && typeof acked === 'boolean'
  )
}
