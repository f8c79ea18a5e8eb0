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
  /** The leaf hash of a record of our own history, out of a proven tile. */
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

/** Where a record came from. */
export type LookupSource = 'memory' | 'disk' | 'log'

/** Records in memory: some 5 MB. */
const MEMORY_LOOKUPS = 8192

export class ProvenLookups {
  readonly #parts: ProvenLookupsParts
  /**
   * Proven in this run of the node, under a quorum head: quorum heads are heads of one history, which the pipeline
   * proved, so what is in one is in all larger ones.
   */
  readonly #proven = new Lru<ProvenRecord>(MEMORY_LOOKUPS)
  readonly #flights: Shared<ProvenRecord>

  constructor(parts: ProvenLookupsParts) {
    this.#parts = parts
    this.#flights = new Shared(parts.admission)
  }

  /**
   * The record of a module version, proven. Throws MODULE_INVALID, TOO_MANY_REQUESTS, what SumdbClient.ask and
   * QuorumWatch.covering throw, and RECORD_INVALID for a record that the tree does not hold, or that says nothing of the
   * module.
   */
  async find(path: string, version: string, asking: Asking): Promise<ProvenRecord & { readonly source: LookupSource }> {
    const module = escapeModule(path, version)
    const known = this.#proven.get(module)
    if (known !== undefined) return { ...known, source: 'memory' }
    const kept = await this.#fromDisk(module, path, version, asking)
    if (kept !== undefined) return { ...kept, source: 'disk' }
    // Somebody else may have asked for it while we looked.
    const meanwhile = this.#proven.get(module)
    if (meanwhile !== undefined) return { ...meanwhile, source: 'memory' }
    const found = await this.#flights.run(module, asking, (turn, stop) =>
      this.#fromLog(module, path, version, turn, stop),
    )
    return { ...found, source: 'log' }
  }

  /** A disk may lie, and what was kept may be of a history that is none any more: it is proven again. */
  async #fromDisk(module: string, path: string, version: string, asking: Asking): Promise<ProvenRecord | undefined> {
    const kept = await this.#parts.kept.get(module)
    const head = this.#parts.quorum()
    if (kept === undefined || head === undefined || head.size <= kept.id) return undefined
    try {
      return await this.#prove(module, path, version, kept, head, asking)
    } catch (error) {
      // Not what the tree holds: the log has the last word. Any other failure would meet its answer, too.
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
      // The head that came with it may say more: that the log forks, or why we could not cosign it.
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
    // Only now is the record worth reading. One that says nothing of the module vouches for nothing.
    goSumLines(record, path, version)
    const proven = { id, record }
    this.#proven.put(module, proven)
    return proven
  }
}

/** Why there is no quorum, if the reason is that this node could not cosign the head itself. */
function withReason(error: unknown, { size }: Tree, code: ErrorCode | undefined): unknown {
  if (!(error instanceof GossumError) || error.code !== 'QUORUM_MISSING' || code === undefined) return error
  const why = `this node has not cosigned the head of ${size} records: ${ERRORS[code][0]}`
  return new GossumError('QUORUM_MISSING', `${error.detail}; ${why}`)
}
