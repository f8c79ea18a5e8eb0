/** The pollers of a node, one per log, and what is recorded of each poll. */
import { errorText } from '../errors.js'
import type { View } from '../status/view.js'
import type { SumdbProxy } from '../proxy/sumdb-proxy.js'
import { pollFailure } from '../witness/polled.js'
import { Poller } from '../witness/poller.js'
import type { Witness } from '../witness/witness.js'
import type { NodeBase } from './base.js'
import type { LogClients } from './clients.js'

export interface PollingParts {
  readonly clients: LogClients
  readonly witness: Witness
  readonly view: View
  readonly sumdbs: ReadonlyMap<string, SumdbProxy>
  /** A log was polled, whatever the result. */
  readonly onLook: (log: string) => void
}

export function makePollers(
  { config, followed, news, clock }: NodeBase,
  { clients, witness, view, sumdbs, onLook }: PollingParts,
): Poller[] {
  return followed.map(({ id }) => {
    // An observer gets its heads from gossip; what is open is retried all the same.
    const client = config.observer ? undefined : clients.of(id)
    return new Poller({
      log: id,
      ...(client && { latestNote: (options) => client.latestNote(options) }),
      witness,
      interval: config.poll,
      onPoll: (polled) => {
        onLook(id)
        const failure = pollFailure(polled)
        sumdbs.get(id)?.polled(failure)
        if (!view.polled(id, polled)) return
        const error = failure === undefined ? null : errorText(failure)
        news.tell({ event: 'log', log: id, reachable: failure === undefined, error })
      },
      onError: news.onError,
      world: { now: clock.now, random: Math.random },
    })
  })
}
