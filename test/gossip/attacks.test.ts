/** Malicious peers: what they cost, what they lose, and that honest traffic gets through. */
import type { Connection } from '@libp2p/interface'
import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { headsTopic } from '../../src/gossip/topics.js'
import { utf8 } from '../../src/tlog/bytes.js'
import type { Candidate } from '../../src/witness/head.js'
import type { Outcome } from '../../src/witness/outcome.js'
import { LOG, MemoryHandlers, publishWhenHeard, startNode, until, type TestNode } from './helpers.js'
import { connect, messageFrame, openGossip, openSync, startStranger, subscriptionFrame } from './stranger.js'

const TOPIC = headsTopic(LOG)
const NOT_LISTENED_TO = -100

const sockets: Socket[] = []
afterEach(() => sockets.splice(0).forEach((socket) => socket.destroy()))

function scoreOf(node: TestNode, peerId: string): number {
  return node.mesh.peers().find((peer) => peer.peerId === peerId)?.score ?? NaN
}

async function expectHonestTraffic(node: TestNode, friend: TestNode): Promise<void> {
  await friend.handlers.receives(await publishWhenHeard(node, 'from the node'))
  await node.handlers.receives(await publishWhenHeard(friend, 'from a friend'))
}

describe('a peer that asks without end', () => {
  it.each([
    ['hellos', { type: 'hello' }],
    ['what is no request', { type: 'evidence', ids: ['nothing'] }],
  ])('of %s is refused, and then not listened to at all', async (_, request) => {
    const node = await startNode()
    const friend = await startNode({ bootstrap: [node.address] })
    const stranger = await startStranger()
    // Only peers that gossip have a score.
    await openGossip(stranger, node)
    const connection = await connect(stranger, node)
    const id = stranger.peerId.toString()
    for (let i = 0; i < 200 && !(scoreOf(node, id) < NOT_LISTENED_TO); i++) {
      const sync = await openSync(connection).catch(() => undefined)
      // It was disconnected.
      if (sync === undefined) break
      // It may be refused at any point.
      for (let j = 0; j < 10; j++) await sync.ask(request).catch(() => undefined)
      await sync.stream.close().catch(() => undefined)
    }
    // Gossipsub caches a score briefly.
    await until(() => !(scoreOf(node, id) >= NOT_LISTENED_TO), 'it is not listened to, or gone')
    expect(scoreOf(node, friend.mesh.peerId)).toBeGreaterThanOrEqual(0)
    await expectHonestTraffic(node, friend)
  })

  it('keeps its standing if it was refused only a few times', async () => {
    const node = await startNode()
    const stranger = await startStranger()
    await openGossip(stranger, node)
    const connection = await connect(stranger, node)
    const proof = { type: 'proof', log: LOG, of: { size: 2, root: 'A'.repeat(43) + '=' }, size: 1 }
    const { ask } = await openSync(connection)
    for (let i = 0; i < 24; i++) await ask(proof).catch(() => undefined)
    expect(node.drops).toContain('sync-proofs')
    expect(scoreOf(node, stranger.peerId.toString())).toBeGreaterThanOrEqual(0)
  })
})

describe('connections without end from one address', () => {
  /** A silent socket from another address of the loopback network. */
  function open(node: TestNode): Promise<Socket> {
    const port = Number(/tcp\/(\d+)/.exec(node.address)![1])
    const socket = createConnection({ host: '127.0.0.1', port, localAddress: '127.0.0.9' })
    sockets.push(socket)
    socket.on('error', () => undefined)
    return once(socket, 'connect').then(
      () => socket,
      () => socket,
    )
  }

  it('hold at most 32 places until they identify themselves, and lock nobody out', async () => {
    const node = await startNode()
    const letIn = new Set<Socket>()
    for (let i = 0; i < 300; i += 50) {
      for (const socket of await Promise.all(Array.from({ length: 50 }, () => open(node)))) {
        // An accepted connection is sent the protocol's name first.
        socket.once('data', () => letIn.add(socket))
        socket.write('\x13/multistream/1.0.0\n')
      }
    }
    await until(() => sockets.every((socket) => socket.destroyed || letIn.has(socket)), 'in or refused')
    expect(letIn.size).toBe(32)
    const friend = await startNode({ bootstrap: [node.address] })
    await until(() => node.mesh.syncPeers() === 1, 'a friend comes in')
    await expectHonestTraffic(node, friend)
  })

  it('release their places when they end', async () => {
    const node = await startNode()
    for (let round = 0; round < 4; round++) {
      const opened = await Promise.all(Array.from({ length: 20 }, () => open(node)))
      for (const socket of opened) socket.destroy()
      await setTimeout(1100)
    }
    // 80 in all, all of them closed: one more is accepted, and is sent the protocol's name.
    const socket = await open(node)
    socket.write('\x13/multistream/1.0.0\n')
    const [data] = (await once(socket, 'data')) as [Buffer]
    expect(data.toString()).toContain('/multistream/1.0.0')
  }, 30_000)
})

describe('a peer that does not read', () => {
  it('loses its stream, and delays no other peer', async () => {
    const node = await startNode()
    const friend = await startNode({ bootstrap: [node.address] })
    const stranger = await startStranger()
    let inbound: { pause(): void; status: string } | undefined
    await stranger.handle('/meshsub/1.1.0', (stream) => {
      inbound = stream
      stream.pause()
    })
    const gossip = await openGossip(stranger, node, false)
    await gossip.write(subscriptionFrame([TOPIC]))
    const text = await publishWhenHeard(node, 'warm', 2)
    await friend.handlers.receives(text)
    // Up to 18 MB, where a stream has a window of 256 KiB and buffers 1 MiB.
    for (let i = 0; i < 300 && inbound?.status === 'open'; i++) {
      await node.mesh.gossip.publish('head', LOG, utf8(`${i} ${'x'.repeat(60_000)}`))
      await setTimeout(10)
    }
    expect(inbound?.status).not.toBe('open')
    await expectHonestTraffic(node, friend)
  }, 120_000)
})

describe('an honest messenger', () => {
  class ConflictHandlers extends MemoryHandlers {
    override async submit(candidate: Candidate): Promise<Outcome> {
      const outcome = await super.submit(candidate)
      const isFork = Buffer.from(candidate.note).toString().startsWith('fork')
      return isFork ? { ...outcome, kind: 'conflict' } : outcome
    }
  }

  it('that relays conflicting heads is not punished, and the heads are relayed', async () => {
    const node = await startNode({ handlers: new ConflictHandlers() })
    const friend = await startNode({ handlers: new ConflictHandlers(), bootstrap: [node.address] })
    await friend.handlers.receives(await publishWhenHeard(node, 'warm'))
    const stranger = await startStranger()
    const gossip = await openGossip(stranger, node)
    for (let i = 0; i < 20; i++) await gossip.write(messageFrame(TOPIC, `fork ${i}`))
    for (let i = 0; i < 20; i++) await friend.handlers.receives(`fork ${i}`)
    expect(scoreOf(node, stranger.peerId.toString())).toBeGreaterThanOrEqual(0)
    expect(scoreOf(friend, node.mesh.peerId)).toBeGreaterThanOrEqual(0)
  })
})

describe('65,536 frames of nothing', () => {
  it('cost the peer that sends them its connection', async () => {
    const node = await startNode()
    const connection = await connect(await startStranger(), node)
    const stream = await connection.newStream('/meshsub/1.1.0')
    for (let i = 0; i < 4; i++) stream.send(new Uint8Array(16_384))
    await until(() => node.mesh.peers().length === 0, 'cut off')
    await until(() => connection.status !== 'open', 'it knows')
  })
})

describe('frames of a length that they do not have', () => {
  it.each([
    ['gossip', '/meshsub/1.1.0', 'the connection'],
    ['sync', '/gossum/sync/1', 'the stream'],
  ])('of %s on %s end %s at the most', async (_, protocol, ended) => {
    const node = await startNode()
    const friend = await startNode({ bootstrap: [node.address] })
    const stranger = await startStranger()
    const connections = new Set<Connection>()
    // A length too short for its content, zero, a number without end, and 4 GiB.
    const frames = [[2, 1, 2, 3, 4, 5, 6], [0, 0, 0, 0], Array<number>(64).fill(0xff), [0x80, 0x80, 0x80, 0x80, 0x10]]
    for (const frame of frames) {
      const connection = await connect(stranger, node)
      connections.add(connection)
      try {
        const stream = await connection.newStream(protocol)
        stream.send(Uint8Array.from(frame))
        await Promise.race([once(stream as unknown as EventTarget, 'close'), setTimeout(300)])
        stream.abort(new Error('done'))
      } catch (error) {
        // The node has closed the connection because of the frame before.
        expect([error instanceof Error, ended]).toEqual([true, 'the connection'])
      }
    }
    if (ended === 'the stream') expect(connections.size).toBe(1)
    await expectHonestTraffic(node, friend)
    expect(node.errors).toEqual([])
  })
})
