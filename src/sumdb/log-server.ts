/**
 * A small, real checksum database: it appends records, signs heads, and answers the requests of the go command,
 * gosumcheck and auditors (golang.org/design/25530-sumdb, and the server of golang.org/x/mod/sumdb).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { errorText, GossumError } from '../errors.js'
import { listen, urlOf } from '../lib/listen.js'
import { concatBytes, utf8 } from '../tlog/bytes.js'
import { formatCheckpoint, SUMDB_ORIGIN } from '../tlog/checkpoint.js'
import type { Hash } from '../tlog/hash.js'
import { storedHashIndex } from '../tlog/merkle.js'
import { formatNote, signNote, type SignerKey } from '../tlog/note.js'
import { parseTilePath, TILE_HEIGHT, type Tile } from '../tlog/tile.js'
import { escapeModule, formatRecord, unescapeModule, type ModuleVersion } from './module.js'
import { goSumLines } from '../tlog/record.js'
import { RecordTree, type RecordDatabase } from './tree.js'

export interface NewRecord extends ModuleVersion {
  /** The go.sum lines, each with its newline. */
  readonly text: string
}

export interface SumdbServerOptions<K, V> {
  readonly db: RecordDatabase<K, V>
  /** The log's key, of type 0x01. */
  readonly signer: SignerKey
  /** SUMDB_ORIGIN by default. */
  readonly origin?: string
  /**
   * Returns the text of a record that a lookup misses, to be appended; undefined if there is no such module version.
   */
  readonly onMissing?: (path: string, version: string) => Promise<string | undefined> | string | undefined
}

export interface LogReply {
  readonly status: number
  readonly type: string
  readonly body: Uint8Array
}

export interface Listening {
  /** Without a trailing slash. */
  readonly url: string
  /** Stops listening and drops every connection. */
  close(): Promise<void>
}

const TEXT = 'text/plain; charset=UTF-8'
const BYTES = 'application/octet-stream'
/**
 * The longest path that is accepted, in characters: longer than any lookup that escapeModule writes, percent-encoded.
 */
const MAX_PATH_LENGTH = 8192
/** Milliseconds that a client may take to send its request. */
const REQUEST_TIMEOUT_MS = 10_000
/** Milliseconds that a connection may be idle; an answer that is not read counts as idle. */
const IDLE_TIMEOUT_MS = 30_000

function say(status: number, text: string): LogReply {
  return { status, type: TEXT, body: utf8(`${text}\n`) }
}

export class SumdbServer {
  readonly #tree: RecordTree
  readonly #signer: SignerKey
  readonly #origin: string
  readonly #onMissing: SumdbServerOptions<string, string>['onMissing']

  private constructor(tree: RecordTree, options: Omit<SumdbServerOptions<string, string>, 'db'>) {
    this.#tree = tree
    this.#signer = options.signer
    this.#origin = options.origin ?? SUMDB_ORIGIN
    this.#onMissing = options.onMissing
  }

  /** Opens the database in `db`, or creates one. The caller opens and closes `db`. */
  static async open<K, V>({ db, ...options }: SumdbServerOptions<K, V>): Promise<SumdbServer> {
    return new SumdbServer(await RecordTree.open(db), options)
  }

  /** The log's verifier key. */
  get vkey(): string {
    return this.#signer.verifier.vkey
  }

  /** Number of records. */
  get size(): number {
    return this.#tree.size
  }

  /**
   * Appends records and resolves to their numbers when all are on disk. A module version that has a record keeps it.
   * Throws MODULE_INVALID and RECORD_INVALID, and then appends none of them.
   */
  async append(records: readonly NewRecord[]): Promise<number[]> {
    const keyed = records.map(({ path, version, text }) => {
      const record = utf8(text)
      goSumLines(record, path, version)
      return { key: escapeModule(path, version), record }
    })
    return this.#tree.append(keyed)
  }

  /** The root of the first `size` records; by default of all. */
  root(size = this.size): Promise<Hash> {
    return this.#tree.root(this.#requireSize(size))
  }

  /** The signed head of the first `size` records; by default of all. */
  async head(size = this.size): Promise<Uint8Array> {
    const text = formatCheckpoint({ origin: this.#origin, size, root: await this.root(size) })
    return formatNote({ text, signatures: [signNote(text, this.#signer)] })
  }

  /** Answers a request for a path in the form of a URL. Never throws. */
  async handle(pathname: string): Promise<LogReply> {
    try {
      const path = decodeURIComponent(pathname.slice(0, MAX_PATH_LENGTH))
      if (path === '/latest') return { status: 200, type: TEXT, body: await this.head() }
      if (path.startsWith('/lookup/')) return await this.#lookup(path.slice('/lookup/'.length))
      if (path.startsWith('/tile/')) return await this.#tile(parseTilePath(path.slice(1)))
      return say(404, 'not found')
    } catch (error) {
      if (error instanceof URIError) return say(400, 'invalid path')
      if (error instanceof GossumError && error.code === 'MODULE_INVALID')
        return say(400, 'invalid module@version syntax')
      if (error instanceof GossumError && error.code === 'TILE_MALFORMED') return say(400, 'invalid tile syntax')
      return say(500, error instanceof GossumError ? error.message : 'internal error')
    }
  }

  /** Serves over HTTP; port 0 takes any free port. Throws ADDRESS_IN_USE. */
  async listen({ host, port }: { host: string; port: number }): Promise<Listening> {
    const server = createServer(
      { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS },
      (request, response) => {
        void this.#respond(request, response)
      },
    )
    server.setTimeout(IDLE_TIMEOUT_MS)
    await listen(server, { host, port }).catch((error: unknown) => {
      throw new GossumError('ADDRESS_IN_USE', `${host}:${port}: ${errorText(error)}`, error)
    })
    // Errors such as too many open files would otherwise end the process.
    server.on('error', () => undefined)
    return { url: urlOf(server), close: () => closeServer(server) }
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const readable = request.method === 'GET' || request.method === 'HEAD'
    const path = (request.url ?? '').replace(/\?.*$/s, '')
    const { status, type, body } = readable ? await this.handle(path) : say(405, 'only GET and HEAD')
    response.writeHead(status, {
      'content-type': type,
      'content-length': body.length,
      // The body of a request is not read to its end, so its connection cannot be reused.
      ...(readable ? {} : { allow: 'GET, HEAD', connection: 'close' }),
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  }

  async #lookup(escaped: string): Promise<LogReply> {
    const { path, version } = unescapeModule(escaped)
    const id = (await this.#tree.find(escaped)) ?? (await this.#addMissing(path, version))
    if (id === undefined) return say(404, `not found: ${path}@${version}`)
    const [record] = await this.#tree.records(id, id + 1)
    return { status: 200, type: TEXT, body: concatBytes(formatRecord(id, record!), await this.head()) }
  }

  async #addMissing(path: string, version: string): Promise<number | undefined> {
    const text = await this.#onMissing?.(path, version)
    if (text === undefined) return undefined
    const [id] = await this.append([{ path, version, text }])
    return id
  }

  /** Accepts any width that the current tree fills, so that clients at older heads find their partial tiles. */
  async #tile(tile: Tile): Promise<LogReply> {
    const { height, level, index, width } = tile
    const count = Math.floor(this.size / 2 ** (height * Math.max(level, 0)))
    const first = index * 2 ** height
    if (height !== TILE_HEIGHT || first + width > count) return say(404, 'not found')
    if (level === -1) {
      const records = await this.#tree.records(first, first + width)
      return { status: 200, type: TEXT, body: concatBytes(...records.flatMap((record) => [record, utf8('\n')])) }
    }
    const indexes = Array.from({ length: width }, (_, i) => storedHashIndex(height * level, first + i))
    const read = await this.#tree.hashes(indexes)
    return { status: 200, type: BYTES, body: concatBytes(...read(indexes)) }
  }

  #requireSize(size: number): number {
    if (Number.isSafeInteger(size) && size >= 0 && size <= this.size) return size
    throw new GossumError('PROOF_INVALID', `no tree of ${size} records in a log of ${this.size}`)
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
