/** Promises and cosigned heads sent to a peer: kept, refused, not understood, too many. */
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { SyncClient } from '../../../src/gossip/sync/client/sync-client.js'
import { Promiser, type PromiseAnswerOf } from '../../../src/gossip/sync/client/promising.js'
import { promiseRequests } from '../../../src/gossip/sync/promises.js'
import { toBase64, utf8 } from '../../../src/tlog/bytes.js'
import { makePromise, promisedBy, type WitnessPromise } from '../../../src/witness/promise.js'
import { LOG, MemoryHandlers, newIdentity, publishWhenHeard, startNode, until, type TestNode } from '../helpers.js'
import { connect, openSync, startFake, startStranger } from '../stranger.js'
import { MemoryTree } from '../tree.js'

const signal = AbortSignal.timeout(600_000)
const MALFORMED = { type: 'error', code: 'malformed' }
const identity = newIdentity('ours')

function promiseOf(seq: number, head = `head ${seq}\n`): WitnessPromise {
  return { log: LOG, witness: identity.witness, seq, time: 1, head: utf8(head), signature: new Uint8Array(64) }
}

function asJson({ head, signature, ...rest }: WitnessPromise): object {
  return { ...rest, head: Buffer.from(head).toString(), signature: toBase64(signature) }
}

/** A node that knows another, and counts its witness. */
async function startPair(handlers = new MemoryHandlers()): Promise<{ keeper: TestNode; node: TestNode; id: string }> {
  const keeper = await startNode({ handlers, counts: [identity.witness] })
  const node = await startNode({ identity, bootstrap: [keeper.address] })
  await until(() => keeper.mesh.peers()[0]?.witness === identity.witness, 'the key is proven')
  await until(() => node.mesh.syncPeers() === 1, 'connected')
  return { keeper, node, id: keeper.mesh.peerId }
}

describe('a promise', () => {
  it('arrives unchanged, with the peer that brought it, and is kept', async () => {
    const { keeper, node, id } = await startPair()
    expect(node.mesh.peers()[0]).toMatchObject({ chosen: true, depositary: null })
    const verifier = { ...identity.key, vkey: identity.witness }
    const head = utf8('a head — with "quotes"\n')
    const promise = await makePromise({ verifier, sign: (text) => identity.sign(text) }, { ...promiseOf(7), head })
    expect(await node.mesh.promise(id, [promise], [utf8('a line\n')], { signal })).toEqual([true])
    const from = { peer: node.mesh.peerId, witness: identity.witness, chosen: false }
    expect(keeper.handlers.kept).toEqual([{ promise, from }])
    expect(promisedBy(keeper.handlers.kept[0]!.promise)?.vkey).toBe(identity.witness)
    expect(keeper.handlers.lines).toEqual([{ text: 'a line\n', peer: node.mesh.peerId }])
    expect(node.mesh.peers()[0]).toMatchObject({ chosen: true, depositary: true })
    expect(keeper.mesh.peers()[0]).toMatchObject({ chosen: false, depositary: null })
  })

  it('is not kept if it could not be written, without effect on the others', async () => {
    const handlers = new MemoryHandlers()
    handlers.keepPromise = ({ seq }) => {
      if (seq === 2) return Promise.resolve(false)
      return seq === 3 ? Promise.reject(new Error('disk full')) : Promise.resolve(true)
    }
    handlers.keepLine = () => Promise.reject(new Error('no line'))
    const { keeper, node, id } = await startPair(handlers)
    const promises = [1, 2, 3, 4].map((seq) => promiseOf(seq))
    expect(await node.mesh.promise(id, promises, [utf8('line')], { signal })).toEqual([true, false, false, true])
    expect(keeper.errors.map(String)).toEqual(['Error: disk full', 'Error: no line'])
  })

  it('that cannot be read is not kept, and does not invalidate the message', async () => {
    const node = await startNode()
    const { ask } = await openSync(await connect(await startStranger(), node))
    const good = asJson(promiseOf(1))
    const changes: object[] = [
      { log: 'sum.golang.org' },
      { witness: 'x'.repeat(2049) },
      { seq: 0 },
      { seq: 2 ** 53 },
      { time: -1 },
      { time: '1' },
      { head: 'x'.repeat(65_537) },
      { head: null },
      { signature: '=' },
      { signature: toBase64(new Uint8Array(2421)) },
    ]
    const promises = [good, 'promise', null, ...changes.map((change) => ({ ...good, ...change })), good]
    const lines = ['line', 1, null, 'x'.repeat(65_537), 'last line']
    const kept = promises.map((_, i) => i === 0 || i === promises.length - 1)
    expect(await ask({ type: 'promise', promises, lines, later: true })).toEqual({ type: 'promise', kept })
    expect(node.handlers.kept.map(({ promise }) => promise)).toEqual([promiseOf(1), promiseOf(1)])
    expect(node.handlers.lines.map(({ text }) => text)).toEqual(['line', 'last line'])
    // A post-quantum signature is of that length.
    const long = { ...good, signature: toBase64(new Uint8Array(2420)) }
    expect(await ask({ type: 'promise', promises: [long] })).toEqual({ type: 'promise', kept: [true] })
  })

  it.each([
    ['65 promises', { promises: Array(65).fill(null) }],
    ['65 lines', { lines: Array(65).fill('line') }],
    ['promises that are no list', { promises: {} }],
  ])('is refused among %s', async (_, message) => {
    const node = await startNode()
    const { ask } = await openSync(await connect(await startStranger(), node))
    expect(await ask({ type: 'promise', ...message })).toEqual(MALFORMED)
    expect(node.handlers.lines).toEqual([])
  })

  it('may be one of many: they are split over messages, and one that fits into none is not kept', async () => {
    const { keeper, node, id } = await startPair()
    const promises = Array.from({ length: 200 }, (_, i) =>
      promiseOf(i + 1, `${i} ${'x'.repeat(i === 77 ? 65_536 : 5_000)}`),
    )
    const lines = Array.from({ length: 100 }, (_, i) => utf8(`line ${i}`))
    const kept = await node.mesh.promise(id, promises, [...lines, new Uint8Array(65_537)], { signal })
    expect(kept).toEqual(promises.map((_, i) => i !== 77))
    expect(new Set(keeper.handlers.kept.map(({ promise }) => promise.seq)).size).toBe(199)
    expect(keeper.handlers.lines).toHaveLength(100)
    expect(promiseRequests(promises, lines, 256 * 1024 - 128).map(({ indexes }) => indexes.length)).toEqual([
      49, 49, 49, 49, 3,
    ])
  })

  it.each([
    ['too few words', { type: 'promise', kept: [true] }],
    ['too many words', { type: 'promise', kept: [true, true, true] }],
    ['an error', { type: 'error', code: 'internal' }],
    ['another answer', { type: 'signed' }],
    ['nothing', undefined],
  ])('has no answer when a peer answers with %s', async (_, answer) => {
    const peer = await startFake(({ type }) => (type === 'promise' ? answer : { type }))
    const node = await startNode({ bootstrap: [peer.address] })
    await until(() => node.mesh.syncPeers() === 1, 'connected')
    expect(await node.mesh.promise(peer.id, [promiseOf(1), promiseOf(2)], [], { signal })).toBeUndefined()
    expect(node.mesh.peers()[0]?.depositary).toBeNull()
  })

  it('gets no answer from a peer that is not connected, nor after the deadline', async () => {
    const silent = await startFake(({ type }) => (type === 'promise' ? new Promise(() => undefined) : { type }))
    const node = await startNode({ bootstrap: [silent.address] })
    await until(() => node.mesh.syncPeers() === 1, 'connected')
    expect(await node.mesh.promise('nobody', [promiseOf(1)], [], { signal })).toBeUndefined()
    const stop = new AbortController()
    const promised = node.mesh.promise(silent.id, [promiseOf(1)], [], { signal: stop.signal })
    await until(() => silent.count('promise') === 1, 'asked')
    stop.abort()
    expect(await promised).toBeUndefined()
  })

  it('that is kept partly counts partly', async () => {
    let messages = 0
    const peer = await startFake(({ type, promises }) => {
      if (type !== 'promise') return { type }
      return ++messages === 1 ? { type, kept: promises!.map((_, i) => (i === 1 ? 'yes' : true)) } : undefined
    })
    const node = await startNode({ bootstrap: [peer.address] })
    await until(() => node.mesh.syncPeers() === 1, 'connected')
    const promises = Array.from({ length: 70 }, (_, i) => promiseOf(i + 1))
    const kept = await node.mesh.promise(peer.id, promises, [], { signal })
    expect(kept).toEqual(promises.map((_, i) => i !== 1 && i < 64))
  })

  it('waits neither for a round nor for a slow request', async () => {
    const peer = await startFake(({ type, promises }) =>
      type === 'promise' ? { type, kept: promises!.map(() => true) } : new Promise(() => undefined),
    )
    const node = await startNode({ bootstrap: [peer.address] })
    await until(() => peer.count('hello') === 1, 'a round runs')
    const of = new MemoryTree(300).whole
    const stop = new AbortController()
    const proof = node.mesh.prefixFrom(peer.id, LOG, of, 200, { signal: stop.signal }).catch(() => 'no proof')
    await until(() => peer.count('proof') === 1, 'a question waits')
    expect(await node.mesh.promise(peer.id, [promiseOf(1)], [], { signal })).toEqual([true])
    stop.abort()
    expect(await proof).toBe('no proof')
  })
})

describe('many promises', () => {
  it('of a peer whose witness counts are all kept', async () => {
    const { keeper, node, id } = await startPair()
    const promises = Array.from({ length: 64 }, (_, i) => promiseOf(i + 1))
    expect(await node.mesh.promise(id, promises, [], { signal })).toEqual(promises.map(() => true))
    for (let i = 0; i < 20; i++)
      expect(await node.mesh.promise(id, promises, [], { signal })).toEqual(promises.map(() => true))
    expect(keeper.drops).toEqual([])
    expect(keeper.handlers.kept).toHaveLength(21 * 64)
  })

  it('are not sent faster than a peer accepts them', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    let asked = 0
    const asker = { askToKeep: () => (asked++, Promise.resolve({ type: 'promise', kept: [true] })) }
    const peer = (await startStranger()).peerId
    const promiser = new Promiser(asker as unknown as SyncClient, new Map([['peer', peer]]))
    const bring = (): Promise<PromiseAnswerOf> => promiser.promise('peer', [promiseOf(1)], [], { signal })
    for (let i = 0; i < 900; i++) expect(await bring()).toEqual([true])
    const next = bring()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(asked, 'time stands still').toBe(900)
    vi.advanceTimersByTime(1000)
    expect(await next).toEqual([true])
    expect(asked).toBe(901)
  })

  it('of a stranger are kept up to its share, and more is no offence', async () => {
    const keeper = await startNode()
    const node = await startNode({ identity, bootstrap: [keeper.address] })
    await until(() => node.mesh.syncPeers() === 1, 'connected')
    const promises = Array.from({ length: 1024 }, (_, i) => promiseOf(i + 1))
    const begun = Date.now()
    const kept = await node.mesh.promise(keeper.mesh.peerId, promises, [utf8('line')], { signal })
    const more = 16 * Math.ceil((Date.now() - begun) / 1000)
    // All 256 logs for which a stranger's key has space, with two keys and a line each, at its very start.
    expect(kept).toHaveLength(1024)
    expect(kept?.slice(0, 767)).toEqual(promises.slice(0, 767).map(() => true))
    expect((kept as boolean[]).filter(Boolean).length).toBeLessThanOrEqual(768 + more)
    expect(new Set(keeper.drops)).toEqual(new Set(['sync-promises']))
    await node.handlers.receives(await publishWhenHeard(keeper, 'still friends'))
  })

  it('of many strangers have a bounded total cost', async () => {
    const keeper = await startNode()
    const promises = Array.from({ length: 64 }, (_, i) => asJson(promiseOf(i + 1)))
    const begun = Date.now()
    for (let i = 0; i < 16; i++) {
      const { ask } = await openSync(await connect(await startStranger(), keeper))
      for (let j = 0; j < 4; j++) expect(await ask({ type: 'promise', promises })).toMatchObject({ type: 'promise' })
    }
    const seconds = Math.ceil((Date.now() - begun) / 1000)
    expect(keeper.handlers.kept.length).toBeGreaterThanOrEqual(2048)
    expect(keeper.handlers.kept.length).toBeLessThanOrEqual(2048 + 64 * seconds)
  })

  it('without end cost a stranger its standing, without effect on others', async () => {
    const { keeper, node, id } = await startPair()
    const stranger = await startStranger()
    const connection = await connect(stranger, keeper)
    const message = { type: 'promise', promises: Array(64).fill(asJson(promiseOf(1, 'x'.repeat(1_000)))) }
    let wasCut = false
    for (let i = 0; i < 200 && !wasCut; i++) {
      const sync = await openSync(connection).catch(() => undefined)
      for (let j = 0; j < 10 && sync; j++) await sync.ask(message).catch(() => undefined)
      await sync?.stream.close().catch(() => undefined)
      wasCut = connection.status !== 'open'
    }
    expect(wasCut).toBe(true)
    expect(keeper.drops).toContain('sync-budget')
    const brought = keeper.handlers.kept.filter(({ from }) => from.peer === stranger.peerId.toString())
    expect(brought.length).toBeLessThan(1000)
    expect(await node.mesh.promise(id, [promiseOf(1)], [], { signal })).toEqual([true])
  })

  it('are not sent for a while to a peer that reports that it is busy', async () => {
    const peer = await startFake(({ type }) => (type === 'promise' ? { type: 'error', code: 'busy' } : { type }))
    const node = await startNode({ bootstrap: [peer.address] })
    await until(() => node.mesh.syncPeers() === 1, 'connected')
    const bring = (): Promise<PromiseAnswerOf> => node.mesh.promise(peer.id, [promiseOf(1)], [], { signal })
    expect(await bring()).toBeUndefined()
    const begun = Date.now()
    // Each is a fifth of a second after the one before: without the pause, eleven would have arrived.
    for (let i = 0; i < 10; i++) expect(await bring()).toBeUndefined()
    expect(peer.count('promise')).toBeLessThanOrEqual(1 + Math.ceil((Date.now() - begun) / 500))
  })

  it('are sent more slowly to a peer that was busy once', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    let asked = 0
    const busy = { type: 'error', code: 'busy' }
    const asker = { askToKeep: () => Promise.resolve(asked++ === 0 ? busy : { type: 'promise', kept: [true] }) }
    const peer = (await startStranger()).peerId
    const promiser = new Promiser(asker as unknown as SyncClient, new Map([['peer', peer]]))
    const bring = (): Promise<PromiseAnswerOf> => promiser.promise('peer', [promiseOf(1)], [], { signal })
    expect(await bring()).toBeUndefined()
    expect(await bring()).toEqual([true])
    const next = bring()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(asked, 'time stands still').toBe(2)
    vi.advanceTimersByTime(200)
    expect(await next).toEqual([true])
    // After reconnecting it counts as a new peer.
    promiser.gone('peer')
    expect([await bring(), await bring()]).toEqual([[true], [true]])
  })
})

describe('the keys that neighbours count', () => {
  it('are known, including our own, while the neighbours are connected', async () => {
    const { keeper, node } = await startPair()
    await until(() => node.mesh.counts(identity.witness), 'heard')
    expect(node.mesh.relayed().map(({ vkey }) => vkey)).toEqual([identity.witness])
    expect(node.mesh.counts(newIdentity('another').witness)).toBe(false)
    expect(keeper.mesh.counts(identity.witness)).toBe(false)
    await keeper.mesh.stop()
    await until(() => node.mesh.peers().length === 0, 'gone')
    expect(node.mesh.counts(identity.witness)).toBe(false)
  })
})
