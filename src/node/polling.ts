/** The pollers of a node, one a log, and what is noted of each poll. */
import { errorText } from '../errors.js'
import type { View } from '../http/view.js'
import type { SumdbProxy } from '../proxy/sumdb-proxy.js'
import type { FirstLooks } from '../witness/first-looks.js'
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
  readonly looks: FirstLooks
}

export function makePollers(
  { config, followed, news, clock }: NodeBase,
  { clients, witness, view, sumdbs, looks }: PollingParts,
): Poller[] {
  return followed.map(({ id }) => {
    const client = clients.of(id)
    return new Poller({
      log: id,
      ...(client && { latestNote: (options) => client.latestNote(options) }),
      witness,
      interval: config.poll,
      onPoll: (polled) => {
        looks.over(id)
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
