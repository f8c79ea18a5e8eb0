/** The peers that this node asks what it signed: the operator's, or those that it looked for itself; no others. */
import type { PeerId } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { ChosenPeers } from '../../../src/gossip/membership/chosen-peers.js'

function chosen(configured: string[], count: number, remembered: string[], speakers: string[]): ChosenPeers {
  return new ChosenPeers({
    configured: { peers: new Set(configured), count },
    remembered: { chosen: new Set(remembered) },
    syncPeers: new Map(speakers.map((id) => [id, {} as PeerId])),
  })
}

test('the configured peers are chosen, connected or not, including one that was never reached', () => {
  const peers = chosen(['a', 'b'], 3, ['c'], ['b', 'c', 'stranger'])
  expect(peers.report).toEqual({ all: 3, connected: ['b'] })
  expect(['a', 'b', 'c', 'stranger'].map((id) => peers.has(id))).toEqual([true, true, false, false])
})

test('peers of an earlier run are chosen only if none is configured, not even one that was never reached', () => {
  expect(chosen([], 0, ['c', 'd'], ['c', 'stranger']).report).toEqual({ all: 2, connected: ['c'] })
  const unreached = chosen([], 1, ['c'], ['c'])
  expect([unreached.report, unreached.has('c')]).toEqual([{ all: 1, connected: [] }, false])
})

test('without either, no peer is chosen', () => {
  const nobody = chosen([], 0, [], ['stranger'])
  expect([nobody.report, nobody.has('stranger')]).toEqual([{ all: 0, connected: [] }, false])
})
