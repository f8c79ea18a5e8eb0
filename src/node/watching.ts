/** The watches of a node: owners of modules learn of each new version in the checksum databases that it follows. */
import type { WatchFacts } from '../status/conditions.js'
import { SUMDB_ORIGIN } from '../tlog/checkpoint.js'
import type { WatchStore } from '../store/watch-store.js'
import { Watches } from '../watch/watches.js'
import type { KnownHeads, NodeBase } from './base.js'
import type { LogClients } from './clients.js'
import { LogWatching } from './log-watching.js'

export class Watching {
  readonly #watches: Watches
  readonly #kept: WatchStore
  /** By log id. */
  readonly #logs: ReadonlyMap<string, LogWatching>

  constructor(watches: Watches, kept: WatchStore, logs: ReadonlyMap<string, LogWatching>) {
    this.#watches = watches
    this.#kept = kept
    this.#logs = logs
  }

  /** What the owner should look at. */
  get facts(): WatchFacts {
    const alarmed = this.#kept.open.filter(({ isAlarmed }) => isAlarmed)
    const versions = alarmed.flatMap(({ record }) => this.#watches.watched(record) ?? [])
    return {
      unauthorised: versions.map(({ module, version }) => `${module}@${version}`),
      unread: this.#watches.failing,
    }
  }

  start(): void {
    for (const watching of this.#logs.values()) watching.start()
  }

  wake(log: string): void {
    this.#logs.get(log)?.wake()
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#logs.values()].map((watching) => watching.stop()))
  }
}

/** Watches nothing unless the operator asked for it. */
export async function makeWatching(
  { config, followed, store, news, clock, budget }: NodeBase,
  { cosigned }: KnownHeads,
  clients: LogClients,
): Promise<Watching> {
  const watches = new Watches(config.watch, clock.monotonic)
  const { watched: kept } = store
  await kept.load()
  const logs = (watches.isEmpty ? [] : followed).flatMap(({ id: log, origin }): [string, LogWatching][] => {
    const client = clients.of(log)
    if (client === undefined || origin !== SUMDB_ORIGIN) return []
    const watching = new LogWatching({
      ...{ log, client, watches, kept, told: news, pace: { budget } },
      quorum: () => cosigned.quorum(log),
    })
    return [[log, watching]]
  })
  const watching = new Watching(watches, kept, new Map(logs))
  news.on('changed', (log) => watching.wake(log))
  return watching
}
