/** A wall clock that is set back by a day delays nothing by a day. */
import { afterEach, expect, it, vi } from 'vitest'
import { newPeerKey, startNode, stopNode, until } from './helpers.js'

afterEach(() => void vi.useRealTimers())

it('does not stop a node from looking for its peers', async () => {
  const peerKey = await newPeerKey()
  const friend = await startNode({ peerKey })
  const listen = [friend.address.replace(/\/p2p\/.*/, '')]
  const node = await startNode({ bootstrap: [friend.address] })
  await until(() => node.mesh.syncPeers() === 1, 'connected')
  await node.mesh.syncWith(friend.mesh.peerId)
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(Date.now() - 86_400_000)
  await stopNode(friend)
  await until(() => node.mesh.syncPeers() === 0, 'gone')
  await startNode({ peerKey, listen })
  await until(() => node.mesh.syncPeers() === 1, 'back')
})

it('does not prolong the pause of a paused or busy peer', async () => {
  const { FloodMeter } = await import('../../src/gossip/host/flood.js')
  const { Lines } = await import('../../src/gossip/sync/client/question-lines.js')
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
  const meter = new FloodMeter()
  meter.cut('peer', performance.now())
  const lines = new Lines()
  await lines.ask('peer', () => Promise.resolve({ type: 'error', code: 'busy' }))
  vi.setSystemTime(Date.now() - 86_400_000)
  expect([meter.isPaused('peer', performance.now()), lines.isBusy('peer')]).toEqual([true, true])
  vi.advanceTimersByTime(10_000)
  expect([meter.isPaused('peer', performance.now()), lines.isBusy('peer')]).toEqual([false, false])
})
