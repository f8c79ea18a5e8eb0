/** What strangers leave behind, and what they can open: counted in entries and connections, not in bytes. */
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { afterEach, describe, expect, it } from 'vitest'
import { createHost, type Host } from '../../src/gossip/host/host.js'
import { evidenceTopic, headsTopic } from '../../src/gossip/topics.js'
import { LOG, newPeerKey, startNode, until } from './helpers.js'
import { connect, openSync, startStranger } from './stranger.js'

const STRANGERS = 60

const hosts: Host[] = []
afterEach(() => Promise.all(hosts.splice(0).map(async (host) => host.stop())))

async function startHost(): Promise<Host> {
  const host = await createHost({
    peerKey: await newPeerKey(),
    listen: [multiaddr('/ip4/127.0.0.1/tcp/0')],
    topics: [headsTopic(LOG), evidenceTopic(LOG)],
    peers: { worth: () => 0, overBudget: () => false, onOffence: () => undefined },
  })
  hosts.push(host)
  await host.start()
  host.services.pubsub.subscribe(headsTopic(LOG))
  return host
}

/** All maps and sets within an object, recursively, with the keys that contain one of these ids. */
function traces(root: object, ids: ReadonlySet<string>): string[] {
  const found: string[] = []
  const seen = new Set<unknown>()
  const look = (value: unknown, path: string, depth: number): void => {
    if (typeof value !== 'object' || value === null || seen.has(value) || depth > 6) return
    seen.add(value)
    if (value instanceof Map || value instanceof Set) {
      for (const key of value.keys()) if (ids.has(String(key))) found.push(`${path}[${String(key).slice(-6)}]`)
      for (const [key, item] of value.entries()) look(item, `${path}.${String(key).slice(0, 20)}`, depth + 1)
      return
    }
    for (const [name, item] of Object.entries(value)) look(item, `${path}.${name}`, depth + 1)
  }
  look(root, 'gossip', 0)
  return found
}

describe('many strangers', () => {
  it('leave no entry in libp2p, whether or not they used gossipsub', async () => {
    const host = await startHost()
    const ids = new Set<string>()
    const address = host.getMultiaddrs()[0]!
    const visit = async (n: number): Promise<void> => {
      const stranger = await startStranger()
      ids.add(stranger.peerId.toString())
      const connection = await stranger.dial(address)
      if (n % 2 === 0) {
        await stranger.handle('/meshsub/1.1.0', (stream) => stream.addEventListener('message', () => undefined))
        const stream = await connection.newStream('/meshsub/1.1.0')
        if (n % 4 === 0) stream.send(Uint8Array.of(0))
      }
      await stranger.stop()
    }
    for (let n = 0; n < STRANGERS; n += 10) await Promise.all(Array.from({ length: 10 }, (_, i) => visit(n + i)))
    await until(() => host.getConnections().length === 0, 'they are gone')
    let left: string[] = []
    const isForgotten = async (): Promise<boolean> => {
      const stored = (await host.peerStore.all()).map(({ id }) => `store ${id.toString().slice(-6)}`)
      left = [...stored, ...traces(host.services.pubsub, ids)]
      return left.length === 0
    }
    // What arrives after the end of a connection is found within ten seconds, and removed a second after it expires.
    for (const end = Date.now() + 60_000; !(await isForgotten()) && Date.now() < end;)
      await new Promise((resolve) => setTimeout(resolve, 200))
    expect(left).toEqual([])
  }, 90_000)
})

describe('streams without end', () => {
  /** Runs until the node has closed the connection, or this many times. */
  async function untilCut(connection: Connection, most: number, act: () => Promise<unknown>): Promise<number> {
    for (let n = 0; n < most; n++) {
      if (connection.status !== 'open') return n
      await act().catch(() => undefined)
    }
    return most
  }

  it('end the connection, and the peer cannot reconnect at once', async () => {
    const node = await startNode()
    const stranger = await startStranger()
    const connection = await connect(stranger, node)
    const opened = await untilCut(connection, 5_000, async () => {
      const stream = await (connection as unknown as { muxer: Muxer }).muxer.createStream()
      stream.abort(new Error('and the next'))
      await new Promise((resolve) => setImmediate(resolve))
    })
    expect(opened).toBeLessThan(5_000)
    await until(() => node.mesh.peers().length === 0, 'hung up')
    await expect(again(stranger, node.address)).resolves.not.toBe('open')
  })

  it('reach the limit of a single service far earlier', async () => {
    const node = await startNode()
    const stranger = await startStranger()
    const connection = await connect(stranger, node)
    const opened = await untilCut(connection, 1_000, async () => {
      const stream = await connection.newStream('/ipfs/id/1.0.0')
      stream.abort(new Error('and the next'))
    })
    expect(opened).toBeLessThan(100)
    await until(() => node.mesh.peers().length === 0, 'hung up')
  })

  it('are not the only limit: endless frames without content end the connection, too', async () => {
    const node = await startNode()
    const stranger = await startStranger()
    const connection = await connect(stranger, node)
    const { muxer } = connection as unknown as { muxer: Muxer }
    await untilCut(connection, 50_000, async () => {
      // Window updates of a stream that does not exist.
      for (let i = 0; i < 10; i++) muxer.sendFrame({ type: 1, flag: 0, streamID: 9_999, length: 1 })
      await new Promise((resolve) => setImmediate(resolve))
    })
    await until(() => node.mesh.peers().length === 0, 'hung up')
  })

  it('of pings end the connection as well', async () => {
    const node = await startNode()
    const stranger = await startStranger()
    const connection = await connect(stranger, node)
    const stream = await connection.newStream('/ipfs/ping/1.0.0')
    stream.addEventListener('message', () => undefined)
    await untilCut(connection, 5_000, async () => {
      stream.send(new Uint8Array(32))
      await new Promise((resolve) => setTimeout(resolve, 1))
    })
    expect(connection.status).not.toBe('open')
  })

  it('are not opened by a node that sends many requests', async () => {
    const asked = await startNode()
    const node = await startNode({ bootstrap: [asked.address] })
    await until(() => node.mesh.syncPeers() === 1, 'a connection')
    asked.handlers.tiles.set('tile/8/0/000', new Uint8Array(8192))
    const signal = AbortSignal.timeout(60_000)
    // More requests than a connection may have streams, if each used its own; the answers stop at sixty.
    for (let i = 0; i < 400; i++) await node.mesh.tileFrom(LOG, 'tile/8/0/000', 8192, { signal }).catch(() => undefined)
    expect(node.mesh.syncPeers()).toBe(1)
  })
})

interface Muxer {
  createStream(): Promise<{ abort(error: Error): void }>
  sendFrame(header: object): void
}

/** The state of another connection, shortly after it was made. */
async function again(stranger: Libp2p, address: string): Promise<string> {
  const connection = await stranger.dial(multiaddr(address), { force: true }).catch(() => undefined)
  // The dialer briefly believes that it is connected.
  if (connection?.status === 'open') await new Promise((resolve) => connection.addEventListener('close', resolve))
  return connection?.status ?? 'refused'
}

describe('places', () => {
  /** A stranger with another address of this machine. */
  async function from(localAddress: string): Promise<Libp2p> {
    return createLibp2p({
      transports: [tcp({ dialOpts: { localAddress } as never })],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify() },
    })
  }

  it('are not all taken by two networks: one makes room for a third, and chosen peers stay', async () => {
    const node = await startNode()
    const friend = await startNode({ bootstrap: [node.address] })
    await until(() => node.mesh.syncPeers() === 1, 'somebody was here before')
    const crowd = await Promise.all(
      ['127.0.3.1', '127.0.4.1'].flatMap((ip) => Array.from({ length: 16 }, () => from(ip))),
    )
    try {
      const target = multiaddr(node.address)
      for (let i = 0; i < 4; i++)
        await Promise.all(crowd.map((host) => host.dial(target, { force: true }).catch(() => undefined)))
      await until(() => node.mesh.peers().length > 25, 'nearly all are here')
      const newcomer = await from('127.0.5.1')
      crowd.push(newcomer)
      const connection = await newcomer.dial(target)
      const { ask } = await openSync(connection)
      expect(await ask({ type: 'hello' })).toMatchObject({ type: 'hello' })
      expect(node.mesh.peers().map(({ peerId }) => peerId)).toContain(friend.mesh.peerId)
    } finally {
      await Promise.all(crowd.map(async (host) => host.stop()))
    }
  })
})
