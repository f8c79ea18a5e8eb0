/** The evidence that was found or received, by id, with when it was first seen. */
import type { Table } from './disk.js'
import { readRecord } from './json.js'

export interface ShelvedEvidence {
  readonly id: string
  readonly type: string
  /** Log id. */
  readonly log: string
  /** Verifier key of the witness that it convicts; absent when that is the log. */
  readonly witness?: string
  readonly sizes: readonly [number, number]
  /** ISO 8601. */
  readonly seenAt: string
  /** The canonical file. */
  readonly text: string
}

/** Reading throws STORE_DAMAGED for a record that is none. */
export class EvidenceShelf {
  readonly #table: Table

  constructor(table: Table) {
    this.#table = table
  }

  async get(id: string): Promise<ShelvedEvidence | undefined> {
    const json = await this.#table.get(id)
    return json === undefined ? undefined : (readRecord('evidence', id, json) as ShelvedEvidence)
  }

  /** Keeps evidence; durable when it returns. */
  async put(evidence: ShelvedEvidence): Promise<void> {
    await this.#table.put(evidence.id, JSON.stringify(evidence))
  }

  /** Forgets evidence. */
  async del(id: string): Promise<void> {
    await this.#table.del(id)
  }

  /** All of it, oldest first. */
  async list(): Promise<ShelvedEvidence[]> {
    const all = (await this.#table.entries()).map(([id, json]) => readRecord('evidence', id, json) as ShelvedEvidence)
    return all.sort((a, b) => (a.seenAt < b.seenAt ? -1 : 1))
  }
}
