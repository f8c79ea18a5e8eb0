/** Knowledge of other nodes: exchange of peers, the peer store, and which addresses may be told to which peer. */
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { Connection, PeerId } from '@libp2p/interface'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { NEARNESS, nearnessOfIp, readPlace } from '../../../src/gossip/host/address.js'
import type { KnownPeer, PeerStore } from '../../../src/gossip/membership/peer-store.js'
import type { Host } from '../../../src/gossip/host/host.js'
import { Membership } from '../../../src/gossip/membership/membership.js'
import { newPeerKey, publishWhenHeard, startNode, stopNode, until } from '../helpers.js'
import { connect, openSync, startStranger } from '../stranger.js'

class MemoryPeerStore implements PeerStore {
  peers: readonly KnownPeer[]
  saves = 0

  constructor(peers: readonly KnownPeer[] = []) {
    this.peers = peers
  }

  load(): Promise<readonly KnownPeer[]> {
    return Promise.resolve(this.peers)
  }

  save(peers: readonly KnownPeer[]): Promise<void> {
    this.saves++
    this.peers = peers
    return Promise.resolve()
  }
}

/** Of a key that nobody has: nothing is signed by the peers of a stage. */
function newPeerId(): PeerId {
  return peerIdFromPublicKey(publicKeyFromRaw(randomBytes(32)))
}

describe('an address', () => {
  const ID = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'

  it.each([
    ['8.8.8.8', NEARNESS.internet],
    ['192.0.2.1', NEARNESS.internet],
    ['2001:db8::1', NEARNESS.internet],
    ['10.1.2.3', NEARNESS.network],
    ['172.31.255.255', NEARNESS.network],
    ['172.32.0.0', NEARNESS.internet],
    ['192.168.1.1', NEARNESS.network],
    ['100.64.0.1', NEARNESS.network],
    ['169.254.169.254', NEARNESS.network],
    ['fd00::1', NEARNESS.network],
    ['fe80::1', NEARNESS.network],
    ['::ffff:10.0.0.1', NEARNESS.network],
    ['127.0.0.1', NEARNESS.machine],
    ['127.8.8.8', NEARNESS.machine],
    ['::1', NEARNESS.machine],
    ['::ffff:127.0.0.1', NEARNESS.machine],
    ['0.0.0.0', undefined],
    ['::', undefined],
    ['224.0.0.251', undefined],
    ['255.255.255.255', undefined],
    ['ff02::fb', undefined],
    ['64:ff9b::7f00:1', undefined],
    ['localhost', undefined],
  ])('%s is as near as it should be', (ip, nearness) => {
    expect(nearnessOfIp(ip)).toBe(nearness)
  })

  it.each([
    [`/ip4/8.8.8.8/tcp/46786/p2p/${ID}`, true],
    [`/ip6/2001:db8::1/tcp/46786/p2p/${ID}`, true],
    [`/dns4/witness.example/tcp/46786/p2p/${ID}`, true],
    [`/dns/witness.example/tcp/46786/p2p/${ID}`, true],
    ['/ip4/8.8.8.8/tcp/46786', false],
    [`/ip4/8.8.8.8/udp/46786/p2p/${ID}`, false],
    [`/ip4/8.8.8.8/tcp/0/p2p/${ID}`, false],
    [`/ip4/8.8.8.8/tcp/46786/ws/p2p/${ID}`, false],
    [`/ip4/8.8.8.8/tcp/46786/p2p/${ID}/p2p-circuit`, false],
    [`/ip4/0.0.0.0/tcp/46786/p2p/${ID}`, false],
    [`/ip4/224.0.0.1/tcp/46786/p2p/${ID}`, false],
    [`/dnsaddr/witness.example/p2p/${ID}`, false],
    [`/unix/%2ftmp%2fsocket/p2p/${ID}`, false],
    ['/ip4/8.8.8.8/tcp/46786/p2p/nobody', false],
    ['8.8.8.8:46786', false],
    [`/dns4/${'a.'.repeat(100)}example/tcp/1/p2p/${ID}`, true],
    [`/dns4/${'a.'.repeat(300)}example/tcp/1/p2p/${ID}`, false],
    ['', false],
  ])('%s is a place where a peer can be dialled: %s', (text, isPlace) => {
    expect(readPlace(text) !== undefined).toBe(isPlace)
  })
})

/** A membership over a host that only records what it should dial: Internet addresses are not available here. */
class Stage {
  readonly dialled: string[] = []
  /** Whether dialled addresses are reachable. */
  isReachable = false
  readonly speakers = new Map<string, PeerId>()
  readonly membership: Membership
  readonly #connections = new Map<string, Connection[]>()
  readonly #addresses = new Map<string, Multiaddr[]>()

  constructor(book?: PeerStore) {
    const host = {
      peerId: newPeerId(),
      getConnections: (peer: PeerId) => this.#connections.get(peer.toString()) ?? [],
      dial: (address: Multiaddr) => {
        this.dialled.push(address.toString())
        if (!this.isReachable) return Promise.reject(new Error('there is no network here'))
        const peer = peerIdFromString(address.toString().split('/p2p/')[1]!)
        return this.#connect(peer, address, 'outbound')
      },
      peerStore: {
        get: (peer: PeerId) => {
          const addresses = this.#addresses.get(peer.toString()) ?? []
          return Promise.resolve({ addresses: addresses.map((address) => ({ multiaddr: address })) })
        },
      },
    }
    this.membership = new Membership(host as unknown as Host, this.speakers, book, () => undefined)
  }

  /** A peer with sync that is connected from or at an address, and announces where it listens. */
  async connected(
    from: string,
    direction: 'inbound' | 'outbound' = 'inbound',
    listens: string[] = [],
  ): Promise<PeerId> {
    const peer = newPeerId()
    this.#addresses.set(
      peer.toString(),
      listens.map((address) => multiaddr(address)),
    )
    await this.#connect(peer, multiaddr(from), direction)
    return peer
  }

  async #connect(peer: PeerId, remoteAddr: Multiaddr, direction: 'inbound' | 'outbound'): Promise<Connection> {
    const connection = { direction, status: 'open', remoteAddr } as unknown as Connection
    this.#connections.set(peer.toString(), [connection])
    this.speakers.set(peer.toString(), peer)
    await this.membership.met(peer, connection)
    return connection
  }

  left(peer: PeerId): void {
    this.#connections.delete(peer.toString())
    this.speakers.delete(peer.toString())
    this.membership.gone(peer)
  }
}

function placeAt(host: string): string {
  return `${host}/p2p/${newPeerId().toString()}`
}

const INTERNET = '/ip4/8.8.8.8/tcp/4001'
const NETWORK = '/ip4/192.168.1.7/tcp/4001'
const MACHINE = '/ip4/127.0.0.1/tcp/4001'

describe('an address that a peer tells', () => {
  it.each([
    ['a stranger', INTERNET, INTERNET, true],
    ['a stranger', INTERNET, NETWORK, false],
    ['a stranger', INTERNET, '/ip4/169.254.169.254/tcp/80', false],
    ['a stranger', INTERNET, '/ip6/::ffff:192.168.1.7/tcp/4001', false],
    ['a stranger', INTERNET, MACHINE, false],
    ['one of our network', '/ip4/10.0.0.5/tcp/3', INTERNET, true],
    ['one of our network', '/ip4/10.0.0.5/tcp/3', NETWORK, true],
    ['one of our network', '/ip4/10.0.0.5/tcp/3', MACHINE, false],
    ['one of this machine', '/ip6/::1/tcp/3', MACHINE, true],
  ])('by %s at %s: %s is dialled: %s', async (_, from, host, isDialled) => {
    const stage = new Stage()
    const teller = await stage.connected(from)
    const place = placeAt(host)
    stage.membership.told([place], teller)
    expect(stage.dialled).toEqual(isDialled ? [place] : [])
  })

  it('is looked up if it is a name, and not dialled if that resolves to an address too local for its source', async () => {
    const stage = new Stage()
    const [stranger, local] = [await stage.connected(INTERNET), await stage.connected(MACHINE)]
    const [one, other] = [placeAt('/dns4/localhost/tcp/4001'), placeAt('/dns4/localhost/tcp/4002')]
    stage.membership.told([one], stranger)
    stage.membership.told([other], local)
    await until(() => stage.dialled.length > 0, 'the one that may be')
    expect(stage.dialled).toEqual([other.replace('/dns4/localhost', '/ip4/127.0.0.1')])
  })

  it("is not dialled if it is ours or a neighbour's", async () => {
    const stage = new Stage()
    const [teller, neighbour] = [await stage.connected(INTERNET), await stage.connected('/ip4/9.9.9.9/tcp/1')]
    stage.membership.told([`${INTERNET}/p2p/${neighbour.toString()}`], teller)
    expect(stage.dialled).toEqual([])
  })

  it('is tried at most once a minute, however often it is told', async () => {
    const stage = new Stage()
    const teller = await stage.connected(INTERNET)
    const place = placeAt('/ip4/9.9.9.9/tcp/4001')
    for (let i = 0; i < 10; i++) {
      stage.membership.told([place], teller)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(stage.dialled).toEqual([place])
  })

  it.each([
    ['one host and port, under ever new peer ids', (i: number) => `/ip4/9.9.9.9/tcp/${4001 + 0 * i}`, 1],
    ['one host, at ever new ports', (i: number) => `/ip4/9.9.9.9/tcp/${1 + i}`, 4],
    ['one network', (i: number) => `/ip4/9.9.9.${i % 256}/tcp/${1 + i}`, 8],
    ['one network of IPv6', (i: number) => `/ip6/2600:1:2:${i.toString(16)}::1/tcp/1`, 8],
    ['anybody else', (i: number) => `/ip4/9.${i % 256}.9.9/tcp/${1 + i}`, 32],
  ])('makes us knock at %s a few times, whoever tells it', async (_, address, most) => {
    const stage = new Stage()
    const tellers = await Promise.all(Array.from({ length: 10 }, (_, i) => stage.connected(`/ip4/8.8.${i}.8/tcp/1`)))
    // All of them dialled us, so we look for some that did not.
    const from = performance.now()
    for (let i = 0; i < 400; i++) {
      stage.membership.told([placeAt(address(i))], tellers[i % tellers.length]!)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(stage.dialled.length).toBeGreaterThan(0)
    // Plus one in three seconds in the long run, which matters on a busy machine.
    const more = Math.ceil((performance.now() - from) / 3000)
    expect(stage.dialled.length).toBeLessThanOrEqual(most + more)
  })

  it('is dialled with at most three others, and only while too few neighbours were dialled', async () => {
    const stage = new Stage()
    const teller = await stage.connected(INTERNET, 'outbound')
    const places = Array.from({ length: 8 }, (_, i) => placeAt(`/ip4/9.9.9.${i + 1}/tcp/4001`))
    stage.membership.told(places, teller)
    expect(stage.dialled).toHaveLength(4)
    const full = new Stage()
    const neighbours: PeerId[] = []
    for (let i = 0; i < 8; i++) neighbours.push(await full.connected(`/ip4/7.7.7.${i + 1}/tcp/1`, 'outbound'))
    full.membership.told(places, neighbours[0]!)
    expect(full.dialled).toEqual([])
    // Even with eight peers that dialled us, some are chosen by ourselves.
    const surrounded = new Stage()
    for (let i = 0; i < 8; i++) await surrounded.connected(`/ip4/7.7.7.${i + 1}/tcp/1`)
    surrounded.membership.told(places, [...surrounded.speakers.values()][0]!)
    expect(surrounded.dialled).toHaveLength(4)
  })

  it('waits in a queue of at most 256, at most 32 of them from one peer', async () => {
    const stage = new Stage()
    for (let i = 0; i < 20; i++) await stage.connected(`/ip4/7.7.7.${i + 1}/tcp/1`, 'outbound')
    const tellers = [...stage.speakers.values()]
    const id = newPeerId().toString()
    for (const [t, teller] of tellers.entries()) {
      for (let i = 0; i < 64; i++) stage.membership.told([`/ip4/9.9.${t}.${i}/tcp/4001/p2p/${id}`], teller)
    }
    expect(stage.membership.waiting).toBe(256)
    const one = new Stage()
    for (let i = 0; i < 20; i++) await one.connected(`/ip4/7.7.7.${i + 1}/tcp/1`, 'outbound')
    for (let i = 0; i < 64; i++) {
      one.membership.told([`/ip4/9.9.9.${i}/tcp/4001/p2p/${id}`], [...one.speakers.values()][0]!)
    }
    expect(one.membership.waiting).toBe(32)
  })
})

describe('what a peer is told', () => {
  it('is the addresses of our neighbours that it may know', async () => {
    const stage = new Stage()
    const dialled = await stage.connected('/ip4/8.8.4.4/tcp/4001', 'outbound')
    const local = await stage.connected('/ip4/192.168.1.9/tcp/50000', 'inbound', [MACHINE, NETWORK, INTERNET])
    await stage.connected('/ip4/9.9.9.9/tcp/50000', 'inbound', [
      MACHINE,
      NETWORK,
      '/ip4/9.9.9.9/udp/1',
      '/ip4/0.0.0.0/tcp/1',
    ])
    const there = `/ip4/8.8.4.4/tcp/4001/p2p/${dialled.toString()}`
    const here = `${NETWORK}/p2p/${local.toString()}`
    const stranger = await stage.connected('/ip4/5.5.5.5/tcp/1')
    expect(new Set(stage.membership.introduce(stranger))).toEqual(
      new Set([there, `${INTERNET}/p2p/${local.toString()}`]),
    )
    const friend = await stage.connected('/ip4/192.168.1.3/tcp/1')
    expect(new Set(stage.membership.introduce(friend))).toEqual(new Set([there, here]))
    // No peer is told about itself, or about peers that have left.
    expect(stage.membership.introduce(local)).toEqual([there])
    stage.left(dialled)
    expect(stage.membership.introduce(local)).toEqual([])
  })

  it('is at most eight addresses', async () => {
    const stage = new Stage()
    for (let i = 0; i < 20; i++) await stage.connected(`/ip4/7.7.7.${i + 1}/tcp/1`, 'outbound')
    const told = stage.membership.introduce(await stage.connected(INTERNET))
    expect(new Set(told).size).toBe(8)
  })
})

describe('the local network', () => {
  it('leads to its nodes, and not to loopback addresses', () => {
    const stage = new Stage()
    const [near, self] = [placeAt(NETWORK), placeAt(MACHINE)]
    stage.membership.discovered([near, self])
    expect(stage.dialled).toEqual([near])
  })
})

describe('the book', () => {
  const lastSeen = '2026-01-02T03:04:05.000Z'

  it('keeps 64 peers, preferring those that we dialled to those that dialled us', async () => {
    const book = new MemoryPeerStore()
    const stage = new Stage(book)
    await stage.membership.start()
    const dialled: PeerId[] = []
    for (let i = 0; i < 30; i++) dialled.push(await stage.connected(`/ip4/7.7.${i}.1/tcp/1`, 'outbound'))
    const came: PeerId[] = []
    for (let i = 0; i < 60; i++) {
      came.push(await stage.connected(`/ip4/6.6.${i}.1/tcp/9`, 'inbound', [`/ip4/6.6.${i}.1/tcp/1`]))
    }
    // A peer without an address of its own cannot be dialled later.
    await stage.connected('/ip4/5.5.5.5/tcp/9', 'inbound', [MACHINE])
    for (const peer of [...dialled, ...came]) stage.left(peer)
    await stage.membership.stop()
    const kept = book.peers.map(({ address }) => address)
    expect(kept).toHaveLength(64)
    for (const [i, peer] of dialled.entries()) expect(kept).toContain(`/ip4/7.7.${i}.1/tcp/1/p2p/${peer.toString()}`)
    for (const peer of book.peers) expect(new Date(peer.lastSeen).toISOString()).toBe(peer.lastSeen)
    // A swarm is saved once.
    expect(book.saves).toBe(1)
  })

  it('is not displaced by short-lived peers that one stranger told us of', async () => {
    const long = new Date(Date.now() - 3600_000).toISOString()
    const old = Array.from({ length: 64 }, (_, i) => placeAt(`/ip4/7.7.${i}.1/tcp/1`))
    const book = new MemoryPeerStore(old.map((address) => ({ address, lastSeen: long, proven: true, metAt: long })))
    const stage = new Stage(book)
    await stage.membership.load()
    const teller = await stage.connected('/ip4/6.6.6.6/tcp/1')
    const told = Array.from({ length: 80 }, (_, i) => placeAt(`/ip4/9.${i}.9.9/tcp/1`))
    stage.isReachable = true
    for (const place of told) {
      stage.membership.told([place], teller)
      await new Promise((resolve) => setImmediate(resolve))
      for (const [id, peer] of stage.speakers) if (id !== teller.toString()) stage.left(peer)
    }
    expect(stage.dialled.length).toBeGreaterThan(16)
    await stage.membership.stop()
    const kept = book.peers.map(({ address }) => address)
    expect(kept.filter((address) => old.includes(address))).toHaveLength(64)
  })

  it('limits the peers of one network, and those told by peers of one network', async () => {
    const lastSeen = new Date().toISOString()
    const near = Array.from({ length: 20 }, (_, i) => placeAt(`/ip4/7.7.7.${i}/tcp/1`))
    const told = Array.from({ length: 20 }, (_, i) => placeAt(`/ip4/6.6.${i}.1/tcp/1`))
    const lab = Array.from({ length: 20 }, (_, i) => placeAt(`/ip4/10.0.0.1/tcp/${i + 1}`))
    const book = new MemoryPeerStore([
      ...near.map((address) => ({ address, lastSeen, proven: true })),
      ...told.map((address) => ({ address, lastSeen, proven: true, via: '8.8.8' })),
      ...lab.map((address) => ({ address, lastSeen, proven: true })),
    ])
    const stage = new Stage(book)
    await stage.membership.load()
    await stage.membership.stop()
    const kept = book.peers.map(({ address }) => address)
    expect([near, told, lab].map((some) => kept.filter((address) => some.includes(address)).length)).toEqual([8, 8, 20])
  })

  it('does not treat a peer that only dialled us as one that we reached, even after a restart', async () => {
    const book = new MemoryPeerStore()
    const stage = new Stage(book)
    await stage.membership.load()
    await stage.connected('/ip4/6.6.6.6/tcp/9', 'inbound', ['/ip4/6.6.6.6/tcp/1'])
    const reached = await stage.connected('/ip4/7.7.7.7/tcp/1', 'outbound')
    await stage.membership.stop()
    const again = new Stage(book)
    await again.membership.load()
    await again.membership.stop()
    expect(book.peers.map(({ address, proven }) => [address.split('/')[2], proven])).toEqual([
      ['7.7.7.7', true],
      ['6.6.6.6', false],
    ])
    expect(book.peers[0]!.address).toContain(reached.toString())
  })

  it('is dialled at start as far as it is valid, and a damaged book does not prevent the start', async () => {
    const addresses = Array.from({ length: 3 }, (_, i) => placeAt(`/ip4/9.9.9.${i + 1}/tcp/1`))
    const book = new MemoryPeerStore(['garbage', ...addresses].map((address) => ({ address, lastSeen })))
    const stage = new Stage(book)
    await stage.membership.start()
    expect(new Set(stage.dialled)).toEqual(new Set(addresses))
    expect(stage.membership.known).toBe(3)
    await stage.membership.stop()
    expect(book.peers).toContainEqual({
      address: addresses[0],
      lastSeen,
      dialled: false,
      proven: false,
      metAt: lastSeen,
    })

    const errors: unknown[] = []
    const broken: PeerStore = {
      load: () => Promise.reject(new Error('damaged')),
      save: () => Promise.reject(new Error('full')),
    }
    const node = await startNode({ peerStore: broken, onError: (error) => errors.push(error) })
    await stopNode(node)
    expect(errors.map(String)).toEqual(['Error: damaged', 'Error: full'])
  })

  it('brings a restarted node back into the mesh without a bootstrap list', async () => {
    const friend = await startNode()
    const book = new MemoryPeerStore()
    const peerKey = await newPeerKey()
    const first = await startNode({ peerKey, peerStore: book, bootstrap: [friend.address] })
    await until(() => first.mesh.syncPeers() === 1, 'met')
    expect(first.mesh.knownPeers()).toBe(2)
    await stopNode(first)
    expect(book.peers).toMatchObject([{ address: friend.address }])
    const second = await startNode({ peerKey, peerStore: book })
    expect(second.mesh.knownPeers()).toBe(1)
    const text = await publishWhenHeard(friend, 'to the one that came back')
    await second.handlers.receives(text)
  })

  it('includes peers that dialled us, at the listen addresses from identify', async () => {
    const book = new MemoryPeerStore()
    const host = await startNode({ peerStore: book })
    const guest = await startNode({ bootstrap: [host.address] })
    await until(() => host.mesh.syncPeers() === 1 && host.mesh.knownPeers() === 1, 'met')
    await stopNode(host)
    expect(book.peers).toMatchObject([{ address: guest.address }])
  })
})

describe('an announced address', () => {
  it('is told to others in place of the listen addresses', async () => {
    const node = await startNode({ announce: ['/dns4/witness.example/tcp/46786'] })
    const announced = `/dns4/witness.example/tcp/46786/p2p/${node.mesh.peerId}`
    expect(node.mesh.multiaddrs()).toEqual([announced])
    const hub = await startNode()
    const spoke = await startNode({ announce: ['/ip4/127.0.0.1/tcp/4'], bootstrap: [hub.address] })
    await until(() => hub.mesh.knownPeers() === 1, 'met')
    const { ask } = await openSync(await connect(await startStranger(), hub))
    expect(await ask({ type: 'hello' })).toMatchObject({ peers: [`/ip4/127.0.0.1/tcp/4/p2p/${spoke.mesh.peerId}`] })
  })

  it.each(['witness.example:46786', '/ip4/1.2.3.4/udp/1', '/ip4/1.2.3.4/tcp/0', '/ip4/1.2.3.4'])(
    'cannot be %s',
    async (announce) => {
      await expect(startNode({ announce: [announce] })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        detail: expect.stringContaining('announce') as string,
      })
    },
  )
})

describe('a mesh that starts from one node', () => {
  it('becomes more than a star: 20 nodes behind one address reach the hub and each other', async () => {
    const hub = await startNode({ settledMs: 500 })
    const spokes = await Promise.all(
      Array.from({ length: 20 }, () => startNode({ bootstrap: [hub.address], settledMs: 500 })),
    )
    await until(() => spokes.every(({ mesh }) => mesh.syncPeers() >= 3), 'each has found others', 100_000)
    // The hub leaves; no node is isolated.
    await stopNode(hub)
    await until(
      () => spokes.every(({ mesh }) => mesh.peers().every(({ peerId }) => peerId !== hub.mesh.peerId)),
      'gone',
    )
    const text = await publishWhenHeard(spokes[0]!, 'without the hub')
    await Promise.all(spokes.slice(1).map(({ handlers }) => handlers.receives(text)))
  }, 150_000)

  it('ignores invalid addresses, and more than eight', async () => {
    const node = await startNode()
    const { ask } = await openSync(await connect(await startStranger(), node))
    expect(await ask({ type: 'hello', peers: Array(9).fill('nowhere') })).toMatchObject({ type: 'hello' })
  })
})
