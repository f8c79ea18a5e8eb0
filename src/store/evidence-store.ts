/** The evidence that was found or received, by id, with when it was first seen. */
import type { EvidenceSummary, KeptEvidence, Shelf } from '../evidence/kept.js'
import type { Table } from './disk.js'
import { areCounts, areTexts, type JsonObject } from '../lib/is-object.js'
import { readRecord } from './json.js'

/** Reads throw STORE_DAMAGED for an invalid record. */
export class EvidenceStore implements Shelf {
  readonly #table: Table
  /** Of everything kept; loaded on the first request. */
  #summaries: Promise<Map<string, EvidenceSummary>> | undefined

  constructor(table: Table) {
    this.#table = table
  }

  async get(id: string): Promise<KeptEvidence | undefined> {
    const json = await this.#table.get(id)
    return json === undefined ? undefined : (readRecord('evidence', id, json, isEvidence) as KeptEvidence)
  }

  /** Keeps evidence; durable when it resolves. */
  async put(evidence: KeptEvidence): Promise<void> {
    await this.#table.put(evidence.id, JSON.stringify(evidence))
    await this.#summaries?.then((all) => all.set(evidence.id, summaryOf(evidence))).catch(() => undefined)
  }

  /** Forgets evidence. */
  async del(id: string): Promise<void> {
    await this.#table.del(id)
    await this.#summaries?.then((all) => all.delete(id)).catch(() => undefined)
  }

  /** All evidence, oldest first. */
  async list(): Promise<KeptEvidence[]> {
    const all = (await this.#table.entries()).map(
      ([id, json]) => readRecord('evidence', id, json, isEvidence) as KeptEvidence,
    )
    return all.sort(bySeen)
  }

  /** The same without the files, which are read once. */
  async summaries(): Promise<EvidenceSummary[]> {
    this.#summaries ??= this.list().then((all) => new Map(all.map((evidence) => [evidence.id, summaryOf(evidence)])))
    const summaries = this.#summaries
    // What could not be read now may be readable later.
    summaries.catch(() => (this.#summaries = undefined))
    return [...(await summaries).values()].sort(bySeen)
  }
}

function summaryOf({ id, type, log, witness, sizes, module, records, seenAt }: KeptEvidence): EvidenceSummary {
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

/** A stable order, even for evidence that arrived at the same time. */
function bySeen(a: EvidenceSummary, b: EvidenceSummary): number {
  if (a.seenAt !== b.seenAt) return a.seenAt < b.seenAt ? -1 : 1
  return a.id < b.id ? -1 : 1
}

function isEvidence({
  id,
  type,
  log,
  witness = '',
  sizes,
  module = '',
  records = [0, 0],
  seenAt,
  text,
}: JsonObject): boolean {
  return areTexts(id, type, log, witness, module, seenAt, text) && [sizes, records].every(isPair)
}

function isPair(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && areCounts(...(value as unknown[]))
}
