/**
 * The witness of a node: what it knows, which peers and logs it asks, what can prevent its signatures, and which parts
 * hear of its outcomes.
 */
import type { Alarm } from '../evidence/alarm.js'
import type { FirstLooks } from '../witness/first-looks.js'
import { pushBudget } from '../witness/push-budget.js'
import { SOURCES } from '../witness/source.js'
import { isVouchedFor } from '../witness/vouching.js'
import { Witness } from '../witness/witness.js'
import type { NodeBarrier } from './barrier.js'
import type { KnownHeads, NodeBase } from './base.js'
import type { LogClients } from './clients.js'
import { outcomeEvent } from './events.js'

export interface WitnessingParts {
  readonly clients: LogClients
  readonly barrier: NodeBarrier
  readonly alarm: Alarm
  readonly looks: FirstLooks
}

export function makeWitness(
  { followed, keyring, store, news, mesh, clock }: NodeBase,
  { cosigned, suspects, quorum, counts, relayed, signatures }: KnownHeads,
  { clients, barrier, alarm, looks }: WitnessingParts,
): Witness {
  const takePush = pushBudget(followed)
  return new Witness({
    logs: followed.map(({ id, key, origin }) => {
      const client = clients.of(id)
      return { id, key, origin, ...(client && { prefix: (...asked) => client.prefix(...asked) }) }
    }),
    kept: { store, cosigned, suspects },
    keys: {
      own: keyring,
      auditor: keyring.auditor && {
        signer: keyring.auditor,
        obstacle: barrier.obstacleOfAuditor,
        ...(barrier.auditorDeposits && { deposits: barrier.auditorDeposits }),
      },
      counted: quorum.keys,
      relayed,
      neighbours: () => mesh.neighbours(),
      isHeard: (vkey) => counts.includes(vkey) || mesh.counts(vkey),
      known: signatures,
    },
    barrier: {
      obstacle: barrier.obstacle,
      sawUnknown: (time) => barrier.guard.sawUnknown(time),
      isHeld: (log) => alarm.holds(log),
      isFresh: barrier.isFresh,
      isChosen: (peer) => mesh.isChosen(peer),
      deposits: barrier.deposits,
    },
    ask: {
      prefixFromPeers: (...asked) => mesh.prefixFrom(...asked),
      looked: (log) => looks.of(log),
      takePush: (log) => takePush(log, clock.monotonic()),
      ...(keyring.isObserver && {
        isVouched: (head) => isVouchedFor(head, { quorum, suspects, known: signatures }),
      }),
    },
    told: {
      alarm: (evidence) => alarm.raise(evidence),
      publish: mesh.publishHead,
      onOutcome: (outcome, candidate) => {
        const { kind, code = '', log } = outcome
        const { door } = SOURCES[candidate.source]
        news.metrics.heads.inc({ door, outcome: kind, code })
        if (log !== undefined) news.emit('outcome', log, door, kind)
        news.tell(outcomeEvent(outcome, candidate))
        if (kind !== 'advanced') return
        // The clock may have been set back in the meantime.
        news.metrics.headDuration.observe({ door }, Math.max(0, clock.now() - candidate.receivedAt) / 1000)
        news.emit('advanced', log!)
      },
      onFirstUse: (log, { size, root }) => news.tell({ event: 'first-use', log, size, root }),
      onSuspectAlarm: ({ log, id, size, code }) => {
        news.metrics.suspectAlarms.inc()
        news.tell({ event: 'suspect', log, id, size, code })
        news.emit('changed', log)
      },
      onSuspectDropped: () => news.metrics.dropped('suspects-full'),
      onError: news.onError,
    },
    time: clock,
  })
}
