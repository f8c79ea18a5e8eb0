/** Lookups of one log for the go command: records that this node proved under a quorum head. */
import { errorCode, ERRORS, GossumError, type ErrorCode } from '../errors.js'
import type { LogLookups } from '../store/lookup-store.js'
import { requireRecord } from '../sumdb/client.js'
import { escapeModule } from '../sumdb/module.js'
import { goSumLines } from '../tlog/record.js'
import type { Hash } from '../tlog/hash.js'
import type { Tree } from '../tlog/merkle.js'
import type { CosignedHead } from '../witness/cosigned-head.js'
import { PAID, type Admission } from './admission.js'
import { Lru } from '../lib/lru.js'
import { Shared, type Asking, type Turn } from './shared.js'
import type { Upstream } from './upstream.js'

/** A record that is proven to be in every quorum head of more than `id` records. */
export interface ProvenRecord {
  readonly id: number
  readonly record: Uint8Array
}

export interface ProvenLookupsParts {
  /** The leaf hash of a record of our own history, from a proven tile. */
  readonly leafHash: (id: number, asking: Asking) => Promise<Hash>
  readonly admission: Admission
  readonly upstream: Upstream
  readonly kept: LogLookups
  readonly quorum: () => CosignedHead | undefined
  /** The quorum head, as soon as it covers the record with this number. */
  readonly covering: (id: number, signal: AbortSignal) => Promise<CosignedHead>
  /** Throws LOG_FROZEN while the log is frozen. */
  readonly requireSound: () => void
}

/** Where a record was found. */
export type LookupSource = 'memory' | 'disk' | 'log'

/** Records in memory: about 5 MB. */
const MEMORY_LOOKUPS = 8192

export class ProvenLookups {
  readonly #parts: ProvenLookupsParts
  /**
   * Proven in this run of the node, under a quorum head: quorum heads belong to one history, as the pipeline has
   * proven, so a record in one is in all larger ones.
   */
  readonly #proven = new Lru<ProvenRecord>(MEMORY_LOOKUPS)
  readonly #flights: Shared<ProvenRecord>

  constructor(parts: ProvenLookupsParts) {
    this.#parts = parts
    this.#flights = new Shared(parts.admission)
  }

  /**
   * The proven record of a module version. Throws MODULE_INVALID, TOO_MANY_REQUESTS, what SumdbClient.ask and
   * QuorumWatch.covering throw, and RECORD_INVALID for a record that is not in the tree, or not about the module.
   */
  async find(path: string, version: string, asking: Asking): Promise<ProvenRecord & { readonly source: LookupSource }> {
    const module = escapeModule(path, version)
    const known = this.#proven.get(module)
    if (known !== undefined) return { ...known, source: 'memory' }
    const kept = await this.#fromDisk(module, path, version, asking)
    if (kept !== undefined) return { ...kept, source: 'disk' }
    // Another request may have fetched it meanwhile.
    const meanwhile = this.#proven.get(module)
    if (meanwhile !== undefined) return { ...meanwhile, source: 'memory' }
    const found = await this.#flights.run(module, asking, (turn, stop) =>
      this.#fromLog(module, path, version, turn, stop),
    )
    return { ...found, source: 'log' }
  }

  /** The disk is not trusted, and its record may belong to an abandoned history: it is proven again. */
  async #fromDisk(module: string, path: string, version: string, asking: Asking): Promise<ProvenRecord | undefined> {
    const kept = await this.#parts.kept.get(module)
    const head = this.#parts.quorum()
    if (kept === undefined || head === undefined || head.size <= kept.id) return undefined
    try {
      return await this.#prove(module, path, version, kept, head, asking)
    } catch (error) {
      // It is not in the tree: the log decides. Any other failure would affect its answer as well.
      if (errorCode(error) === 'RECORD_INVALID') return undefined
      throw error
    }
  }

  async #fromLog(
    module: string,
    path: string,
    version: string,
    turn: Turn,
    signal: AbortSignal,
  ): Promise<ProvenRecord> {
    const { upstream, covering, requireSound, kept } = this.#parts
    const answer = await turn(() => upstream.ask(path, version, signal)).catch((error: unknown) => {
      requireSound()
      throw error
    })
    try {
      const head = await covering(answer.id, signal)
      const proven = await this.#prove(module, path, version, answer, head, { client: PAID, signal })
      await kept.put(module, proven)
      return proven
    } catch (error) {
      // The head that came with it may explain more: a fork of the log, or why we could not cosign it.
      const { code } = await answer.judged
      requireSound()
      throw withReason(error, answer.head, code)
    }
  }

  async #prove(
    module: string,
    path: string,
    version: string,
    { id, record }: ProvenRecord,
    head: Tree,
    asking: Asking,
  ): Promise<ProvenRecord> {
    requireRecord(record, id, head, await this.#parts.leafHash(id, asking))
    // The record is parsed only now. One that has nothing about the module vouches for nothing.
    goSumLines(record, path, version)
    const proven = { id, record }
    this.#proven.put(module, proven)
    return proven
  }
}

/** Adds why there is no quorum, if the reason is that this node could not cosign the head itself. */
function withReason(error: unknown, { size }: Tree, code: ErrorCode | undefined): unknown {
  if (!(error instanceof GossumError) || error.code !== 'QUORUM_MISSING' || code === undefined) return error
  const why = `this node has not cosigned the head of ${size} records: ${ERRORS[code][0]}`
  return new GossumError('QUORUM_MISSING', `${error.detail}; ${why}`)
}
