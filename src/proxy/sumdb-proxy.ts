/**
 * A checksum database as the go command sees it through this node: every record is proven by us, and all heads are
 * quorum heads. A split view then stops the build instead of passing unnoticed.
 *
 * Trusted here: the pipeline, which proved that the quorum head continues all heads before it. Not trusted: the log, a
 * proxy in between, the cache on disk.
 */
import { GossumError } from '../errors.js'
import { concatBytes } from '../tlog/bytes.js'
import type { SumdbClient } from '../sumdb/client.js'
import { formatRecord, type ModuleVersion } from '../sumdb/module.js'
import { goSumLines } from '../tlog/record.js'
import { parseTilePath } from '../tlog/tile.js'
import { encodeCosigned, type CosignedHead } from '../witness/cosigned-head.js'
import type { Admission } from './admission.js'
import { ProvenLookups, type LookupSource, type ProvenLookupsParts, type ProvenRecord } from './proven-lookups.js'
import { ProvenTiles, type ProvenTilesParts } from './proven-tiles.js'
import type { QuorumWatch } from './quorum-watch.js'
import type { Asking } from './shared.js'
import { Upstream, type UpstreamParts } from './upstream.js'

/** A quorum head, or a record with one. */
export interface ProvenAnswer {
  readonly body: Uint8Array
  /** The number of records in the quorum head. */
  readonly size: number
}

export interface SumdbProxyParts {
  /** Log id, and the name of its key. */
  readonly log: { readonly id: string; readonly name: string }
  readonly asked: {
    /** The client that asks the log; its time limits are those of lookups, which may take a log 15 seconds. */
    readonly client: SumdbClient
    readonly admission: Admission
  }
  readonly known: {
    readonly kept: ProvenLookupsParts['kept']
    readonly head: ProvenTilesParts['head']
    readonly quorum: ProvenLookupsParts['quorum']
    readonly watch: QuorumWatch
  }
  readonly submit: UpstreamParts['submit']
  readonly told: {
    readonly onLookup: (source: LookupSource) => void
    /** An error in the background: a bug, or of our disk. */
    readonly onError: (error: unknown) => void
  }
  /** Milliseconds since 1970. */
  readonly now: () => number
}

interface FoundRecord extends ProvenRecord {
  readonly source: LookupSource
  readonly head: CosignedHead
}

/** One log, as the go command sees it here. */
export class SumdbProxy {
  readonly name: string
  readonly #parts: SumdbProxyParts
  readonly #upstream: Upstream
  readonly #lookups: ProvenLookups
  readonly #tiles: ProvenTiles
  /** Quorum heads in the form in which they are sent. */
  readonly #notes = new WeakMap<CosignedHead, Uint8Array>()

  constructor(parts: SumdbProxyParts) {
    const { asked, known, submit, told, now } = parts
    const { watch } = known
    const { id: log, name } = parts.log
    this.name = name
    this.#parts = parts
    const upstream = new Upstream({ client: asked.client, log, submit, onError: told.onError, now })
    this.#upstream = upstream
    const tiles = new ProvenTiles({ ...asked, head: known.head, look: (signal) => upstream.look(signal) })
    this.#tiles = tiles
    this.#lookups = new ProvenLookups({
      admission: asked.admission,
      kept: known.kept,
      quorum: known.quorum,
      upstream,
      leafHash: (id, asking) => tiles.leafHash(id, asking),
      covering: (id, signal) => watch.covering(log, id, signal),
      requireSound: () => watch.requireSound(log),
    })
  }

  /** When the log stopped answering, in milliseconds since 1970; undefined while it answers. */
  get silentSince(): number | undefined {
    return this.#upstream.silentSince
  }

  /** Records the result of a poll of the log: undefined if it answered, otherwise the error. */
  polled(error: unknown): void {
    this.#upstream.heard(error)
  }

  /** The quorum head. Throws LOG_FROZEN and QUORUM_MISSING. */
  latest(): ProvenAnswer {
    const head = this.#quorum()
    return { body: this.#note(head), size: head.size }
  }

  /**
   * The record of a module version with the quorum head, in the form of a lookup. Throws what ProvenLookups.find
   * throws.
   */
  async lookup(path: string, version: string, asking: Asking): Promise<ProvenAnswer> {
    const { id, record, source, head } = await this.#find(path, version, asking)
    this.#parts.told.onLookup(source)
    return { body: concatBytes(formatRecord(id, record), this.#note(head)), size: head.size }
  }

  /**
   * The number of the record of a module version, and its lines about it, without newlines. Throws as lookup() does.
   */
  async record(
    { path, version }: ModuleVersion,
    asking: Asking,
  ): Promise<{ readonly id: number; readonly lines: readonly string[] }> {
    const { id, record } = await this.#find(path, version, asking)
    return { id, lines: goSumLines(record, path, version) }
  }

  /**
   * A tile (`tile/8/...`) of any head that this node has proven: a client that has talked to the log itself knows newer
   * heads than the quorum's, and needs their tiles. Throws what ProvenTiles.get throws.
   */
  tile(path: string, asking: Asking): Promise<Uint8Array> {
    return this.#tiles.get(parseTilePath(path), asking)
  }

  /** The record of a module version, and the quorum head that covers it. */
  async #find(path: string, version: string, asking: Asking): Promise<FoundRecord> {
    const { log, known } = this.#parts
    known.watch.requireSound(log.id)
    const found = await this.#lookups.find(path, version, asking)
    return { ...found, head: await known.watch.covering(log.id, found.id, asking.signal) }
  }

  #quorum(): CosignedHead {
    const { log, known } = this.#parts
    const { watch, quorum } = known
    watch.requireSound(log.id)
    const head = quorum()
    if (head === undefined) throw new GossumError('QUORUM_MISSING', 'there is no quorum head yet')
    return head
  }

  #note(head: CosignedHead): Uint8Array {
    let note = this.#notes.get(head)
    if (note === undefined) this.#notes.set(head, (note = encodeCosigned(head)))
    return note
  }
}
