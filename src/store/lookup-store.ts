/**
 * Records that were proven once, by the module version that they were looked up with, bounded. What comes back from
 * disk is proven anew by whoever uses it.
 */
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import type { TwoGenerationCache } from './two-generation-cache.js'

/** Lookups in one generation; one takes about 300 bytes. */
export const LOOKUPS_PER_GENERATION = 65_536
/** Larger records are asked for again, in bytes: those of the public log are about 200. */
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
        return Number.isSafeInteger(id) && record !== undefined ? { id, record: utf8(record) } : undefined
      },
      put: async (module, { id, record }) => {
        if (record.length > MAX_KEPT_BYTES) return
        await this.#kept.put(`${log}/${module}`, `${id}\n${fromUtf8(record)!}`)
      },
    }
  }
}
