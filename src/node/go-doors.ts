/** The doors for the go command, one for each checksum database that a node follows. */
import type { Alarm } from '../evidence/alarm.js'
import { Admission } from '../proxy/admission.js'
import { QuorumWatch } from '../proxy/quorum-watch.js'
import { SumdbProxy } from '../proxy/sumdb-proxy.js'
import { SUMDB_ORIGIN } from '../tlog/checkpoint.js'
import type { Witness } from '../witness/witness.js'
import type { KnownHeads, NodeBase } from './base.js'
import type { LogClients } from './clients.js'

export interface GoDoorParts {
  readonly clients: LogClients
  readonly alarm: Alarm
  readonly witness: Witness
}

/** By log id. Logs without an upstream, and logs that are not checksum databases, have none. */
export function goDoors(
  { config, followed, store, news, clock }: NodeBase,
  { cosigned }: KnownHeads,
  { clients, alarm, witness }: GoDoorParts,
): ReadonlyMap<string, SumdbProxy> {
  const watch = new QuorumWatch({
    quorum: (log) => cosigned.quorum(log),
    holds: (log) => {
      const unwritten = alarm.unwritten().filter((kept) => kept.log === log && kept.witness === undefined)
      const held = store.heads.get(log).holds.filter(({ acked }) => !acked)
      return [...new Set([...held, ...unwritten].map(({ id }) => id))]
    },
    waitMs: config.quorumWait * 1000,
  })
  news.on('changed', (log) => watch.changed(log))
  const admission = new Admission(clock.monotonic)
  return new Map(
    followed.flatMap((log) => {
      if (log.upstream === null || log.origin !== SUMDB_ORIGIN) return []
      const proxy = new SumdbProxy({
        log: { id: log.id, name: log.key.name },
        asked: { client: clients.forGo(log, log.upstream), admission },
        known: {
          kept: store.lookups.of(log.id),
          head: () => store.heads.get(log.id).tree,
          quorum: () => cosigned.quorum(log.id),
          watch,
        },
        submit: (candidate) => witness.submit(candidate),
        told: { onLookup: (source) => news.metrics.lookup(source), onError: news.onError },
        now: clock.now,
      })
      return [[log.id, proxy] as const]
    }),
  )
}
