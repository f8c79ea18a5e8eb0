/**
 * A log of c2sp.org/tlog-tiles, in memory: a checkpoint under its own origin, tiles without a height in their paths,
 * and nothing else. Strict: a path with another spelling than the specification's, a tile of a size that was never
 * published, and a partial tile whose full tile exists are not found.
 */
import type { LogReply } from '../../src/sumdb/log-server.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint } from '../../src/tlog/checkpoint.js'
import { proveTree, treeRoot, type Tree } from '../../src/tlog/merkle.js'
import { formatNote, signNote, type SignerKey } from '../../src/tlog/note.js'
import { MemoryLog } from '../helpers/tree.js'
import { pushBody } from '../helpers/witness-client.js'

const WIDTH = 256
const PATH = /^\/tile\/(0|[1-9]\d?)\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/

function found(body: Uint8Array): LogReply {
  return { status: 200, type: 'application/octet-stream', body }
}

const NOT_FOUND: LogReply = { status: 404, type: 'text/plain', body: utf8('not found\n') }

export class TilesLog {
  readonly signer: SignerKey
  readonly origin: string
  /** The answer to /checkpoint, if not the newest head. */
  checkpoint: Uint8Array | undefined
  readonly #log = new MemoryLog()
  readonly #published = new Set<number>()
  readonly #record: (n: number) => string

  constructor(signer: SignerKey, { origin = signer.verifier.name, record = (n: number): string => `entry ${n}` } = {}) {
    this.signer = signer
    this.origin = origin
    this.#record = record
  }

  get size(): number {
    return this.#log.leaves.length
  }

  /** Appends entries and publishes the new size. */
  grow(count: number): this {
    for (let i = 0; i < count; i++) this.#log.append(utf8(this.#record(this.size)))
    this.#published.add(this.size)
    return this
  }

  /** Another history under the same key, with the same entries before `at`; it publishes `size`. */
  fork(at: number, size: number): TilesLog {
    const record = (n: number): string => (n < at ? this.#record(n) : `another entry ${n}`)
    return new TilesLog(this.signer, { origin: this.origin, record }).grow(size)
  }

  tree(size = this.size): Tree {
    return { size, root: treeRoot(size, this.#log.read) }
  }

  /** A signed head; of any text, if one is given. */
  head(text = formatCheckpoint({ origin: this.origin, ...this.tree() })): Uint8Array {
    return formatNote({ text, signatures: [signNote(text, this.signer)] })
  }

  /** The body that pushes the newest head to a witness that holds a head of `from` records. */
  pushed(from: number): Uint8Array {
    return pushBody(from, from === 0 ? [] : proveTree(this.size, from, this.#log.read), this.head())
  }

  handle(pathname: string): Promise<LogReply> {
    return Promise.resolve(this.#answer(pathname))
  }

  #answer(pathname: string): LogReply {
    if (pathname === '/checkpoint') return found(this.checkpoint ?? this.head())
    const [, level, number, partial] = PATH.exec(pathname) ?? []
    if (level === undefined || number === undefined) return NOT_FOUND
    const index = Number(number.replace(/[x/]/g, ''))
    const width = partial === undefined ? WIDTH : Number(partial)
    const spelled = String(index).padStart(Math.ceil(String(index).length / 3) * 3, '0')
    if (spelled !== number.replace(/[x/]/g, '')) return NOT_FOUND
    const widths = [...this.#published].map((size) => Math.floor(size / WIDTH ** Number(level)) - index * WIDTH)
    if (!widths.some((of) => (width === WIDTH ? of >= WIDTH : of === width))) return NOT_FOUND
    if (width < WIDTH && widths.some((of) => of >= WIDTH)) return NOT_FOUND
    return found(this.#log.tile({ height: 8, level: Number(level), index, width }))
  }
}
