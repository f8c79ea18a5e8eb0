/** Nodes as in the pictures of the docs: calm, thin and split. Generated, and always the same. */
import type { OutcomeFacts } from '../../src/dashboard/facts.js'
import type { NodeReading } from '../../src/dashboard/facts-of.js'
import { iso, made, NOW, vkey, type Made } from './made.js'

const NAMES = ['alder', 'birch', 'cedar', 'damson', 'elm', 'fir', 'gorse']
const named: Made = {
  witnesses: NAMES.length,
  name: (i) => `${NAMES[i]!}.example`,
  logName: 'sum.golang.org',
  step: 540_000,
}

/** An hour of a node that polls twice a minute and receives the rest from its peers. */
function hour(isSplit: boolean): OutcomeFacts[] {
  return Array.from({ length: 60 }, (_, i) => 59 - i).flatMap((ago): OutcomeFacts[] => [
    { door: 'poll', outcome: ago % 3 === 0 ? 'advanced' : 'known', ago, count: 2 },
    { door: 'gossip', outcome: 'known', ago, count: 4 + ((ago * 7) % 5) },
    ...(ago % 4 === 1 ? [{ door: 'gossip', outcome: 'advanced', ago, count: 1 } as const] : []),
    ...(ago % 6 === 2 ? [{ door: 'sync', outcome: 'past', ago, count: 3 } as const] : []),
    ...(ago % 17 === 5 ? [{ door: 'push', outcome: 'refused', ago, count: 1 } as const] : []),
    ...(ago === 23 ? [{ door: 'gossip', outcome: 'pending', ago, count: 2 } as const] : []),
    ...(isSplit && ago === 4 ? [{ door: 'gossip', outcome: 'conflict', ago, count: 1 } as const] : []),
  ])
}

function withPeers(reading: NodeReading, isSplit = false): NodeReading {
  const peers = NAMES.slice(1, 5).map((name, i) => ({
    ...{
      peerId: `12D3KooW${name}`,
      multiaddr: '',
      witness: vkey(`${name}.example`),
      since: iso(NOW),
      rttMs: 12 * i + 3,
    },
    ...{ score: 0, head: null, chosen: false, depositary: null },
  }))
  const [log] = reading.status.logs
  return { ...reading, peers, outcomes: new Map([[log!.id, hour(isSplit)]]) }
}

const slow = (i: number): number => (i === 5 ? 3_900_000 : i === 3 ? 1_200_000 : 40_000)

export const CALM = withPeers(made({ ...named, ago: (i) => (i === 5 ? 3_900_000 : 40_000) }))
export const THIN = withPeers(
  made({
    ...{ ...named, quorum: false, ago: slow },
    conditions: [
      {
        name: 'no quorum',
        severity: 'failing',
        log: null,
        text: '2 of 4 witnesses that are needed have signed the newest head',
      },
    ],
  }),
)
const split = withPeers(
  made({ ...named, ago: slow, evidence: [{}, { witness: vkey('elm.example'), type: 'gossum/witness-conflict/v1' }] }),
  true,
)
/** One of the witnesses is convicted together with the log. */
export const SPLIT: NodeReading = {
  ...split,
  witnesses: split.witnesses.map((each) =>
    each.name === 'elm.example' ? { ...each, convicted: '1'.repeat(16) } : each,
  ),
}
