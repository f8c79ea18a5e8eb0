/** How a node asks the logs that it follows; tiles that a log does not serve come from peers. */
import type { LogSetting } from '../config/config.js'
import { GossumError } from '../errors.js'
import { Outgoing } from '../outgoing/http-client.js'
import type { Store } from '../store/store.js'
import { SumdbClient, type SumdbClientOptions } from '../sumdb/client.js'
import type { TileFallback } from '../sumdb/tiles.js'

/** Connections to one log for the lookups of the go command. */
const GO_CONNECTIONS = 64
/** A log may take 15 seconds for a lookup and more for a new version, and the go command waits for it. */
const GO_PATIENCE = { timeoutMs: 60_000, deadlineMs: 90_000, retries: 1 }

type Manner = Pick<SumdbClientOptions, 'url' | 'fetch' | 'timeoutMs' | 'deadlineMs' | 'retries'>
/** Asks peers for a tile of a log. */
type TileFromPeers = (log: string, ...asked: Parameters<TileFallback>) => ReturnType<TileFallback>

/** Called with the time that a log reports, in milliseconds since 1970. */
type OnDate = (log: string, ms: number) => void

export class LogClients {
  readonly #store: Store
  readonly #tileFromPeers: TileFromPeers
  readonly #onDate: OnDate | undefined
  /** By log id, except for logs that only push. */
  readonly #clients: ReadonlyMap<string, SumdbClient>

  constructor(logs: readonly LogSetting[], store: Store, tileFromPeers: TileFromPeers, onDate?: OnDate) {
    this.#store = store
    this.#tileFromPeers = tileFromPeers
    this.#onDate = onDate
    this.#clients = new Map(
      logs.flatMap((log) => (log.url === null ? [] : [[log.id, this.#make(log, { url: log.url })] as const])),
    )
  }

  /** Undefined for a log that only pushes. */
  of(log: string): SumdbClient | undefined {
    return this.#clients.get(log)
  }

  /** The same; throws LOG_UNREACHABLE for a log that only pushes. */
  required(log: string): SumdbClient {
    const client = this.#clients.get(log)
    if (client === undefined)
      throw new GossumError('LOG_UNREACHABLE', 'this log has no address here; it only pushes its heads')
    return client
  }

  /** A client for the go command's lookups and tiles, which asks `upstream`. */
  forGo(log: LogSetting, upstream: string): SumdbClient {
    return this.#make(log, {
      url: upstream,
      fetch: new Outgoing({ connections: GO_CONNECTIONS }).fetch,
      ...GO_PATIENCE,
    })
  }

  #make(log: LogSetting, manner: Manner): SumdbClient {
    return new SumdbClient({
      ...log,
      ...manner,
      onDate: (ms) => this.#onDate?.(log.id, ms),
      cache: this.#store.tiles.of(log.id),
      fallback: (...asked) => this.#tileFromPeers(log.id, ...asked),
    })
  }
}
