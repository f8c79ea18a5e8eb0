/** Exchange with places outside the mesh: what they get from this node, and what is done with what they return. */
import { buildPlaces } from '../exchange/build.js'
import { Exchange } from '../exchange/exchange.js'
import { ownHead } from '../exchange/service.js'
import { quorumThreshold } from '../tlog/policy.js'
import type { Witness } from '../witness/witness.js'
import type { KnownHeads, NodeBase } from './base.js'

/** `isHeld`: whether nothing of a log may be signed; such a log is not exchanged either. */
export function makeExchange(
  { config, followed, keyring, news, clock }: NodeBase,
  { cosigned, quorum, relayed }: KnownHeads,
  witness: Witness,
  isHeld: (log: string) => boolean,
): Exchange {
  const verifier = keyring.first?.verifier
  const exchange = new Exchange({
    places: buildPlaces(config.places, {
      threshold: config.policy === undefined ? 1 : quorumThreshold(config.policy),
      witnesses: () => [...quorum.keys, ...relayed()],
      onRequest: (place, outcome) => news.metrics.exchange.inc({ place, outcome }),
    }),
    // Logs from a list push their heads to witnesses themselves, and there may be thousands.
    logs: followed.filter(({ list }) => list === null),
    own: {
      head: (log) => (isHeld(log) || verifier === undefined ? undefined : ownHead(cosigned.current(log), verifier)),
      prove: (log, head, size) => witness.proof(log, head, size),
    },
    submit: (candidate) => witness.submit(candidate),
    interval: config.poll,
    told: { onNews: (of) => news.tell({ event: 'exchange', ...of }), onError: news.onError },
    world: { now: clock.now, random: Math.random },
  })
  news.on('advanced', () => exchange.advanced())
  return exchange
}
