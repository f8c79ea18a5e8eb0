/**
 * Records that were proven before, by the module version that was looked up; bounded. Whatever is read back from disk
 * has to be proven again by its reader.
 */
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import type { TwoGenerationCache } from './two-generation-cache.js'

/** Lookups per generation; one takes about 300 bytes. */
export const LOOKUPS_PER_GENERATION = 65_536
/** The largest record that is kept, in bytes; larger ones are fetched again. Those of the public log have about 200. */
const MAX_KEPT_BYTES = 4096

export interface KeptLookup {
  /** Number of the record. */
  readonly id: number
  readonly record: Uint8Array
}

/** The lookups of one log, by escaped `path@version`. */
export interface LogLookups {
  get(module: string): Promise<KeptLookup | undefined>
  put(module: string, lookup: KeptLookup): Promise<void>
}

export class LookupStore {
  readonly #kept: TwoGenerationCache

  constructor(kept: TwoGenerationCache) {
    this.#kept = kept
  }

  of(log: string): LogLookups {
    return {
      get: async (module) => {
        const text = await this.#kept.get(`${log}/${module}`)
        const [, number, record] = /^(0|[1-9][0-9]*)\n(.*)$/s.exec(text ?? '') ?? []
        const id = Number(number)
        return Number.isSafeInteger(id) ? { id, record: utf8(record!) } : undefined
      },
      put: async (module, { id, record }) => {
        if (record.length > MAX_KEPT_BYTES) return
        await this.#kept.put(`${log}/${module}`, `${id}\n${fromUtf8(record)!}`)
      },
    }
  }
}
