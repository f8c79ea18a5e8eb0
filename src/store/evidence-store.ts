/** The evidence that was found or received, by id, with when it was first seen. */
import type { Table } from './disk.js'
import { readRecord } from './json.js'

export interface StoredEvidence {
  readonly id: string
  readonly type: string
  /** Log id. */
  readonly log: string
  /** Verifier key of the witness that it convicts; absent when that is the log. */
  readonly witness?: string
  readonly sizes: readonly [number, number]
  /** Of two records alone: the module version that they are about, and their numbers. */
  readonly module?: string
  readonly records?: readonly [number, number]
  /** ISO 8601. */
  readonly seenAt: string
  /** The canonical file. */
  readonly text: string
}

/** What is said of evidence where many are listed: all but the file. */
export type StoredEvidenceSummary = Omit<StoredEvidence, 'text'>

/** Reading throws STORE_DAMAGED for a record that is none. */
export class EvidenceStore {
  readonly #table: Table
  /** Of all that is kept, once somebody asked. */
  #summaries: Promise<Map<string, StoredEvidenceSummary>> | undefined

  constructor(table: Table) {
    this.#table = table
  }

  async get(id: string): Promise<StoredEvidence | undefined> {
    const json = await this.#table.get(id)
    return json === undefined ? undefined : (readRecord('evidence', id, json) as StoredEvidence)
  }

  /** Keeps evidence; durable when it returns. */
  async put(evidence: StoredEvidence): Promise<void> {
    await this.#table.put(evidence.id, JSON.stringify(evidence))
    await this.#summaries?.then((all) => all.set(evidence.id, summaryOf(evidence))).catch(() => undefined)
  }

  /** Forgets evidence. */
  async del(id: string): Promise<void> {
    await this.#table.del(id)
    await this.#summaries?.then((all) => all.delete(id)).catch(() => undefined)
  }

  /** All of it, oldest first. */
  async list(): Promise<StoredEvidence[]> {
    const all = (await this.#table.entries()).map(([id, json]) => readRecord('evidence', id, json) as StoredEvidence)
    return all.sort(bySeen)
  }

  /** The same without the files, which are read once. */
  async summaries(): Promise<StoredEvidenceSummary[]> {
    this.#summaries ??= this.list().then((all) => new Map(all.map((evidence) => [evidence.id, summaryOf(evidence)])))
    const summaries = this.#summaries
    // What could not be read now may be so later.
    summaries.catch(() => (this.#summaries = undefined))
    return [...(await summaries).values()].sort(bySeen)
  }
}

function summaryOf({ id, type, log, witness, sizes, module, records, seenAt }: StoredEvidence): StoredEvidenceSummary {
  return {
    id,
    type,
    log,
    ...(witness !== undefined && { witness }),
    sizes,
    ...(module !== undefined && { module }),
    ...(records && { records }),
    seenAt,
  }
}

/** The order is the same each time, also of what came at once. */
function bySeen(a: StoredEvidenceSummary, b: StoredEvidenceSummary): number {
  if (a.seenAt !== b.seenAt) return a.seenAt < b.seenAt ? -1 : 1
  return a.id < b.id ? -1 : 1
}
