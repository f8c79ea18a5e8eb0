/**
 * The queries when peers meet: chosen peers report what they hold of our keys, page by page; and when they count as
 * answered.
 */
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { once } from 'node:events'
import { createConnection, createServer, type AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { chosenFrom, type KnownPeer, type PeerStore } from '../../src/gossip/membership/peer-store.js'
import { utf8 } from '../../src/tlog/bytes.js'
import type { WitnessPromise } from '../../src/witness/promise.js'
import {
  evidenceIdOf,
  LOG,
  MemoryHandlers,
  newIdentity,
  newPeerKey,
  startNode,
  stopNode,
  until,
  type TestNode,
} from './helpers.js'
import { connect, openSync, startFake, startStranger, type Asked, type FakePeer } from './stranger.js'

const UNKNOWN_REQUEST = { type: 'error', code: 'unknown-request' }
const identity = newIdentity('ours')
const other = newIdentity('other')

/** The id of a generated log. */
function logOf(n: number): string {
  return n.toString(16).padStart(64, '0')
}

function promiseOf(n: number, witness = identity.witness, head = `head ${n}\n`): WitnessPromise {
  return { log: logOf(n), witness, seq: 1, time: n, head: utf8(head), signature: new Uint8Array(64) }
}

function asJson({ head, signature, ...rest }: WitnessPromise): object {
  return { ...rest, head: Buffer.from(head).toString(), signature: Buffer.from(signature).toString('base64') }
}

/** A peer whose answers about our keys a test sets, and that is otherwise honest. */
function startTelling(signed: (request: Asked) => unknown, hello: object = {}): Promise<FakePeer> {
  return startFake((request) => {
    if (request.type === 'signed') return signed(request)
    return request.type === 'hello' ? { type: 'hello', ...hello } : UNKNOWN_REQUEST
  })
}

/** A node that asks every peer about our key. */
function startOurs(options: Parameters<typeof startNode>[0] = {}): Promise<TestNode> {
  return startNode({ identity, ...options })
}

/** Reports this many logs, 64 to a page. */
class Teller extends MemoryHandlers {
  readonly #logs: number
  readonly #head: string | undefined

  constructor(logs: number, head?: string) {
    super()
    this.#logs = logs
    this.#head = head
  }

  override signedBy(witness: string, after?: string): ReturnType<MemoryHandlers['signedBy']> {
    const from = after === undefined ? 0 : parseInt(after, 16) + 1
    const count = Math.min(64, this.#logs - from)
    const promises = Array.from({ length: count }, (_, i) => promiseOf(from + i, witness, this.#head))
    const heads = promises.map(({ log }) => utf8(`signed ${log} by ${witness}`))
    const next = from + count < this.#logs ? logOf(from + count - 1) : undefined
    return Promise.resolve({ heads, promises, next })
  }
}

class MemoryPeerStore implements PeerStore {
  peers: readonly KnownPeer[] = []
  load = (): Promise<readonly KnownPeer[]> => Promise.resolve(this.peers)
  save = (peers: readonly KnownPeer[]): Promise<void> => ((this.peers = peers), Promise.resolve())
}

describe('what a peer holds of our keys', () => {
  it('is told in full at a start and soon again, for 4,096 logs and two keys', async () => {
    const teller = await startNode({ handlers: new Teller(4096) })
    const keys = [identity.witness, other.witness]
    const node = await startOurs({ keys, bootstrap: [teller.address], settledMs: 600_000 })
    const { answers, tellings } = node.handlers
    await node.handlers.when(() => answers.length === 1)
    const logs = (key: string): unknown[] =>
      tellings.flatMap(({ promises }) => promises.filter(({ witness }) => witness === key).map(({ log }) => log))
    for (const key of keys) expect(logs(key)).toEqual(Array.from({ length: 4096 }, (_, i) => logOf(i)))
    expect(new Set(tellings.flatMap(({ heads }) => heads)).size).toBe(2 * 4096)
    // The first round is not quite over when the answer counts.
    while (answers.length < 2) await node.mesh.syncWith(teller.mesh.peerId)
    expect(teller.drops).toEqual([])
  }, 30_000)

  it('is told in full even if a page of 64 logs does not fit into a message', async () => {
    const teller = await startNode({ handlers: new Teller(200, 'x'.repeat(20_000)) })
    const node = await startOurs({ bootstrap: [teller.address] })
    await node.handlers.when(() => node.handlers.answers.length === 1)
    const promises = node.handlers.tellings.flatMap((telling) => telling.promises)
    expect(promises.map(({ log }) => log)).toEqual(Array.from({ length: 200 }, (_, i) => logOf(i)))
  })

  it.each([
    ['does not grow', () => logOf(7), 2],
    ['goes back', ({ after }: Asked) => (after === undefined ? logOf(7) : logOf(3)), 2],
  ])('is not asked for ever of one whose next page %s, nor is that an answer', async (_, next, asked) => {
    const liar = await startTelling((request) => ({
      type: 'signed',
      heads: ['told'],
      next: next(request),
    }))
    const node = await startOurs({ bootstrap: [liar.address] })
    await until(() => liar.count('hello') === 1, 'the pages are over')
    expect(liar.requests.slice(0, asked + 1).map(({ type }) => type)).toEqual(['signed', 'signed', 'hello'])
    // What it did report is used.
    expect(node.handlers.tellings[0]?.heads).toEqual(['told', 'told'])
    await until(() => liar.count('hello') === 2, 'asked again')
    expect(node.handlers.answers).toEqual([])
  })

  it.each([
    ['a chosen peer', true, 1024],
    ['a stranger', false, 64],
  ])(
    'has an end though %s always says that there is more',
    async (_, chosen, pages) => {
      let page = 0
      const endless = await startTelling(() => ({ type: 'signed', heads: ['x'], next: logOf(++page) }))
      const node = await startOurs(chosen ? { bootstrap: [endless.address] } : {})
      if (!chosen) await endless.host.dial(multiaddr(node.address))
      await until(() => endless.count('hello') === 1, 'the pages are over')
      expect(endless.requests.filter(({ type }) => type === 'signed').length).toBe(pages)
      await until(() => node.handlers.tellings.length === 1, 'told')
      expect(node.handlers.tellings[0]?.heads).toHaveLength(pages)
      expect(node.handlers.answers).toEqual([])
    },
    30_000,
  )

  it('is passed on a megabyte at a time, all of it before the hello is requested', async () => {
    const pages = 60
    const peer = await startTelling(({ after }) => {
      const n = after === undefined ? 1 : parseInt(after, 16) + 1
      return { type: 'signed', heads: ['x'.repeat(60_000)], ...(n < pages && { next: logOf(n) }) }
    })
    let sizes: number[] = []
    const handlers = new MemoryHandlers()
    handlers.told = (_, { heads }) => {
      expect(peer.count('hello')).toBe(0)
      sizes.push(heads.length)
      return Promise.resolve()
    }
    await startOurs({ handlers, bootstrap: [peer.address], settledMs: 600_000 })
    await handlers.when(() => handlers.answers.length === 1)
    sizes = [...sizes]
    expect(sizes.reduce((sum, size) => sum + size)).toBe(pages)
    expect(Math.max(...sizes)).toBeLessThan(20)
  })

  it('is used as far as it arrived if the peer breaks off, but does not count as an answer', async () => {
    const peer = await startTelling(({ after }) =>
      after === undefined ? { type: 'signed', heads: ['first page'], next: logOf(1) } : undefined,
    )
    const node = await startOurs({ bootstrap: [peer.address] })
    await node.handlers.when(() => node.handlers.tellings.length === 2)
    expect(node.handlers.tellings[0]?.heads).toEqual(['first page'])
    expect(peer.count('hello')).toBe(0)
    expect(node.handlers.answers).toEqual([])
  })

  it('excludes promises of other keys and unreadable ones: the rest is used, but is no answer', async () => {
    const peer = await startTelling(() => ({
      type: 'signed',
      heads: ['head', 1],
      promises: [asJson(promiseOf(1)), asJson(promiseOf(2, other.witness)), { log: 'none' }, null],
    }))
    const node = await startOurs({ bootstrap: [peer.address] })
    await until(() => peer.count('hello') === 2, 'asked again')
    expect(node.handlers.tellings[0]).toEqual({ heads: ['head'], promises: [promiseOf(1)], peer: peer.id })
    expect(node.handlers.answers).toEqual([])
  })

  it('is all on one page of a peer of an earlier version, which knows neither pages nor promises', async () => {
    const old = await startTelling(() => ({ type: 'signed', heads: ['one', 'two'] }))
    const node = await startOurs({ bootstrap: [old.address] })
    await node.handlers.when(() => node.handlers.answers.length === 1)
    expect(node.handlers.tellings[0]).toEqual({ heads: ['one', 'two'], promises: [], peer: old.id })
    const signal = AbortSignal.timeout(10_000)
    expect(node.mesh.peers()[0]).toMatchObject({ chosen: true, depositary: null })
    for (let i = 0; i < 3; i++)
      expect(await node.mesh.promise(old.id, [promiseOf(1)], [], { signal })).toBe('unsupported')
    expect(old.count('promise'), 'asked once').toBe(1)
    expect(node.mesh.peers()[0]).toMatchObject({ chosen: true, depositary: false })
  })

  it('is told to peers that ask for a page, and to peers that do not know pages', async () => {
    const node = await startNode({ handlers: new Teller(100) })
    const { ask } = await openSync(await connect(await startStranger(), node))
    const first = (await ask({ type: 'signed', witness: other.witness })) as Record<string, unknown>
    expect(first).toMatchObject({ type: 'signed', next: logOf(63) })
    expect([first.heads, first.promises].map((list) => (list as unknown[]).length)).toEqual([64, 64])
    const second = await ask({ type: 'signed', witness: other.witness, after: logOf(98) })
    expect(second).toEqual({
      type: 'signed',
      heads: [`signed ${logOf(99)} by ${other.witness}`],
      promises: [asJson(promiseOf(99, other.witness))],
    })
    const wrong = await ask({ type: 'signed', witness: other.witness, after: 'page 2' })
    expect(wrong).toEqual({ type: 'error', code: 'malformed' })
  })
})

describe('a chosen peer', () => {
  it('is one that is configured, or that this node looked for in an earlier run, whichever side dialled now', async () => {
    const key = await newPeerKey()
    const id = peerIdFromPrivateKey(key).toString()
    // Nothing listens there: the peer will connect to us.
    const address = `/ip4/127.0.0.1/tcp/9/p2p/${id}`
    const lastSeen = new Date().toISOString()
    const bookOf = (peer: object): PeerStore => ({
      load: () => Promise.resolve([{ address, lastSeen, ...peer }]),
      save: () => Promise.resolve(),
    })
    for (const [options, chosen] of [
      [{}, false],
      [{ bootstrap: [address] }, true],
      [{ peerStore: bookOf({ dialled: true }) }, true],
      [{ peerStore: bookOf({ dialled: false }) }, false],
      [{ peerStore: bookOf({}) }, false],
      [{ peerStore: bookOf({ dialled: true }), bootstrap: ['/ip4/127.0.0.1/tcp/1'] }, false],
    ] as const) {
      const connected: string[] = []
      const node = await startOurs({ ...options, onChosen: (peer) => connected.push(peer) })
      expect(node.mesh.chosen()).toEqual({ all: chosen || 'bootstrap' in options ? 1 : 0, connected: [] })
      const peer = await startNode({ peerKey: key, bootstrap: [node.address] })
      await until(() => node.handlers.tellings.length > 0 && node.mesh.peers()[0]?.peerId === id, 'asked')
      if (chosen) await node.handlers.when(() => node.handlers.answers.length > 0)
      // Both have sent everything: the peer's hello was requested, and it has requested ours.
      await node.mesh.syncWith(id)
      expect(new Set(node.handlers.answers)).toEqual(new Set(chosen ? [id] : []))
      expect(connected).toEqual(chosen ? [id] : [])
      expect(node.mesh.chosen().connected).toEqual(chosen ? [id] : [])
      expect(node.mesh.peers()[0]).toMatchObject({ peerId: id, chosen })
      await stopNode(peer)
      await stopNode(node)
    }
  })

  it('is never one that a stranger told us of, even if we dialled it, nor after a restart', async () => {
    const friend = await startNode()
    const book = new MemoryPeerStore()
    const node = await startOurs({ bootstrap: [friend.address], peerStore: book })
    await node.handlers.when(() => node.handlers.answers.length === 1)
    const named = await startTelling(() => ({ type: 'signed' }))
    const { ask } = await openSync(await connect(await startStranger(), node))
    await ask({ type: 'hello', peers: [named.address] })
    await until(() => named.count('hello') > 0, 'it was dialled, and asked')
    await node.mesh.syncWith(named.id)
    expect(node.handlers.tellings.map(({ peer }) => peer)).toContain(named.id)
    expect(node.mesh.chosen()).toEqual({ all: 1, connected: [friend.mesh.peerId] })
    expect(new Set(node.handlers.answers)).toEqual(new Set([friend.mesh.peerId]))
    await stopNode(node)
    expect(book.peers.map(({ address, dialled }) => [address, dialled])).toEqual([
      [friend.address, true],
      [named.address, false],
    ])
    for (let run = 0; run < 2; run++) {
      const again = await startOurs({ peerStore: book })
      await until(() => again.mesh.syncPeers() === 2, 'both are dialled')
      expect(again.mesh.chosen()).toEqual({ all: 1, connected: [friend.mesh.peerId] })
      await stopNode(again)
    }
  })

  it('from the book is one of the five known for longest', async () => {
    const book = new MemoryPeerStore()
    const ids: string[] = []
    for (let i = 0; i < 8; i++) ids.push(peerIdFromPrivateKey(await newPeerKey()).toString())
    const lastSeen = new Date().toISOString()
    book.peers = ids.map((id, i) => {
      const metAt = new Date(1e12 - i * 1e6).toISOString()
      return { address: `/ip4/127.0.0.1/tcp/9/p2p/${id}`, lastSeen, metAt, dialled: i !== 7 }
    })
    const { mesh } = await startOurs({ peerStore: book })
    expect(mesh.chosen().all).toBe(5)
    expect(chosenFrom(book.peers)).toEqual([6, 5, 4, 3, 2].map((i) => ids[i]))
  })

  it('at an address without a peer id counts before it is reached, and is identified afterwards', async () => {
    const friend = await startNode()
    const bare = friend.address.replace(/\/p2p\/.*$/, '')
    const connected: string[] = []
    const node = await startOurs({
      bootstrap: [bare, friend.address, '/ip4/127.0.0.1/tcp/1'],
      onChosen: (peer) => connected.push(peer),
    })
    await node.handlers.when(() => node.handlers.answers.includes(friend.mesh.peerId))
    await until(() => node.mesh.chosen().all === 2, 'two addresses lead to one peer')
    expect(node.mesh.chosen()).toEqual({ all: 2, connected: [friend.mesh.peerId] })
    expect(connected).toEqual([friend.mesh.peerId])
  })

  it('may have answered before it is identified as chosen', async () => {
    const peer = await startTelling(() => ({ type: 'signed', heads: ['ours'] }))
    // The configured address is not reachable until it is opened.
    const gate = createServer((socket) => {
      const inner = createConnection(Number(/tcp\/(\d+)/.exec(peer.address)![1]), '127.0.0.1')
      for (const end of [socket, inner]) end.on('error', () => [socket, inner].forEach((each) => each.destroy()))
      socket.pipe(inner).pipe(socket)
    })
    gate.listen(0, '127.0.0.1')
    await once(gate, 'listening')
    const { port } = gate.address() as AddressInfo
    gate.close()
    await once(gate, 'close')
    const node = await startOurs({ bootstrap: [`/ip4/127.0.0.1/tcp/${port}`] })
    await peer.host.dial(multiaddr(node.address))
    await until(() => peer.count('hello') === 1, 'it came to us, and was asked')
    await node.mesh.syncWith(peer.id)
    expect(node.handlers.answers).toEqual([])
    gate.listen(port, '127.0.0.1')
    onTestFinished(() => void gate.close())
    await node.handlers.when(() => node.handlers.answers.length > 0)
    expect(node.handlers.answers).toEqual([peer.id])
    expect(node.mesh.chosen()).toEqual({ all: 1, connected: [peer.id] })
  })

  it('is asked until it has answered, after a broken stream, a failed page or a busy peer', async () => {
    const failures: unknown[] = [undefined, { type: 'error', code: 'busy' }, { type: 'later' }]
    const peer = await startTelling(() => failures.shift() ?? (failures.length > 0 ? undefined : { type: 'signed' }))
    const node = await startOurs({ bootstrap: [peer.address], settledMs: 600_000 })
    await node.handlers.when(() => node.handlers.answers.length === 1)
    expect(peer.count('signed')).toBe(4)
    expect(node.handlers.tellings).toHaveLength(1)
  }, 20_000)

  it('has not answered before its hello arrives, but what it told before that counts', async () => {
    const peer = await startFake(({ type }) => (type === 'signed' ? { type, heads: ['ours'] } : undefined))
    const node = await startOurs({ bootstrap: [peer.address] })
    await until(() => peer.count('hello') === 3, 'asked again and again')
    expect(node.handlers.tellings[0]?.heads).toEqual(['ours'])
    expect(node.handlers.answers).toEqual([])
  })

  it('has not answered before the evidence that it lists is judged', async () => {
    const file = '{"type":"some evidence"}'
    const failures: unknown[] = [undefined, { type: 'error', code: 'unknown' }]
    const peer = await startFake(({ type }) => {
      if (type === 'evidence') return failures.length > 0 ? failures.shift() : { type, files: [file] }
      return type === 'hello' ? { type, evidence: [{ log: LOG, id: evidenceIdOf(utf8(file)) }] } : { type }
    })
    const handlers = new MemoryHandlers()
    const judged: boolean[] = []
    handlers.answered = () => void judged.push(handlers.files.size === 1)
    const submit = handlers.submitEvidence.bind(handlers)
    let throws = 1
    handlers.submitEvidence = (...asked) => (throws-- > 0 ? Promise.reject(new Error('disk full')) : submit(...asked))
    await startOurs({ handlers, bootstrap: [peer.address], settledMs: 600_000 })
    await until(() => judged.length > 0, 'answered')
    expect(judged).toEqual([true])
    expect(peer.count('evidence')).toBe(4)
  }, 20_000)

  it('has answered even if a log hangs while the heads of its hello are proven', async () => {
    const peer = await startTelling(() => ({ type: 'signed' }), { heads: ['hang it'] })
    const node = await startOurs({ bootstrap: [peer.address], judgedMs: 20 })
    await node.handlers.when(() => node.handlers.answers.length === 1)
    expect(node.handlers.texts).toEqual(['hang it'])
  })

  it('has not answered if what it told could not be processed', async () => {
    const peer = await startTelling(() => ({ type: 'signed', heads: ['ours'] }))
    const handlers = new MemoryHandlers()
    let isFull = true
    let refused = 0
    const told = handlers.told.bind(handlers)
    handlers.told = (...asked) => (isFull ? (refused++, Promise.reject(new Error('disk full'))) : told(...asked))
    const node = await startOurs({ handlers, bootstrap: [peer.address] })
    await until(() => refused === 2, 'asked again')
    expect(handlers.answers).toEqual([])
    expect(node.errors.map(String)).toContain('Error: disk full')
    isFull = false
    await handlers.when(() => handlers.answers.length === 1)
  })

  it('has its heads read only after it told what it keeps of ours, even if its hello comes at once', async () => {
    const key = await newPeerKey()
    let tell = (): void => undefined
    const mayTell = new Promise<void>((resolve) => (tell = resolve))
    const peer = await startFake(async ({ type }) => {
      if (type === 'signed') await mayTell
      return type === 'hello' ? { type, heads: ['its head'] } : { type }
    }, key)
    const node = await startOurs({ bootstrap: [`/ip4/127.0.0.1/tcp/9/p2p/${peer.id}`] })
    const toldBefore: boolean[] = []
    const submit = node.handlers.submit.bind(node.handlers)
    node.handlers.submit = (candidate) => {
      toldBefore.push(node.handlers.tellings.length > 0)
      return submit(candidate)
    }
    const { ask } = await openSync(await connect(peer.host, node))
    await ask({ type: 'hello', heads: ['its head'] })
    await ask({ type: 'hello', heads: ['its head'] })
    await until(() => peer.count('signed') === 1, 'it is being asked')
    expect(toldBefore).toEqual([])
    tell()
    await node.handlers.receives('its head')
    await node.handlers.when(() => node.handlers.answers.length === 1)
    expect(toldBefore).not.toContain(false)
  })
})

it('reads the clock of a chosen peer, and not that of a stranger', async () => {
  const handlers = new MemoryHandlers()
  const said: string[] = []
  Object.assign(handlers, { saidTime: (peer: string) => said.push(peer) })
  const chosen = await startNode()
  const node = await startNode({ bootstrap: [chosen.address], handlers })
  const stranger = await startNode({ bootstrap: [node.address] })
  await until(() => node.mesh.peers().length === 2, 'both are connected')
  await stranger.mesh.syncWith(node.mesh.peerId)
  await node.mesh.syncWith(stranger.mesh.peerId)
  await until(() => said.length > 0, 'the time of the chosen peer')
  expect(new Set(said)).toEqual(new Set([chosen.mesh.peerId]))
})
