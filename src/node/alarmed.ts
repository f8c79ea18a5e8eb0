/**
 * What a node does when misbehaviour is proven: it freezes the log, or stops counting the witness, and tells everyone.
 */
import { Alarm } from '../evidence/alarm.js'
import { recordsTold } from '../evidence/evidence.js'
import { MAX_MESSAGE_BYTES } from '../gossip/topics.js'
import { isFrozen } from '../store/heads.js'
import { fromUtf8 } from '../tlog/bytes.js'
import type { KnownHeads, NodeBase } from './base.js'
import type { LogClients } from './clients.js'
import { ourHistory } from './our-history.js'

/** Starts the alarm. Throws STORE_DAMAGED. */
export function startAlarm(
  { config, followed, store, news, mesh, clock }: NodeBase,
  { cosigned, quorum, relayed }: KnownHeads,
  clients: LogClients,
): Promise<Alarm> {
  return Alarm.start({
    trust: { keys: new Map(config.logs.map(({ id, key }) => [id, key])), witnesses: () => quorum.keys, relayed },
    shelf: store.evidence,
    convictions: store.convictions,
    node: {
      freeze: (log, id, told) => store.heads.hold(log, id, told === 'grown'),
      isFrozen: (log) => isFrozen(store.heads.get(log)),
      ...ourHistory({ store, cosigned, prefix: async (log, ...asked) => clients.required(log).prefix(...asked) }),
      reconsider: async () => {
        for (const { id } of config.logs) await cosigned.reconsider(id)
      },
    },
    tell: (conviction, file, source, isWritten) => {
      const { id, type, log, sizes, witness } = conviction
      news.metrics.evidence.inc({ source })
      const unwritten = isWritten || file.length > MAX_MESSAGE_BYTES ? {} : { file: fromUtf8(file)! }
      // A witness that only neighbours count can convict itself as often as it likes: that is forwarded, but raises no
      // alarm.
      const concernsUs = witness === undefined || quorum.keys.some(({ vkey }) => vkey === witness.vkey)
      if (concernsUs)
        news.tell({
          event: 'evidence',
          id,
          type,
          log,
          witness: witness?.vkey ?? null,
          sizes,
          ...recordsTold(conviction),
          source,
          ...unwritten,
        })
      news.emit('changed', log)
      // A log that pads its heads can produce evidence too large for a message; then the heads themselves travel.
      if (followed.some(({ id: its }) => its === log) && file.length <= MAX_MESSAGE_BYTES)
        mesh.publishEvidence(log, file)
    },
    onError: news.onError,
    clock,
  })
}
