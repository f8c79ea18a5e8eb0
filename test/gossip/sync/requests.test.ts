/** The requests for proofs, tiles and what a witness has signed: sent, answered, refused. */
import { lpStream } from '@libp2p/utils'
import { describe, expect, it } from 'vitest'
import { SYNC_PROTOCOL, TILE_BYTES } from '../../../src/gossip/sync/messages.js'
import { toBase64, utf8 } from '../../../src/tlog/bytes.js'
import { EMPTY_ROOT } from '../../../src/tlog/hash.js'
import { LOG, newIdentity, startNode, until, type TestNode } from '../helpers.js'
import { connect, openSync, startStranger } from '../stranger.js'
import { MemoryTree } from '../tree.js'

const TREE = new MemoryTree(300)
const OF = TREE.whole
const TILE = 'tile/8/0/000'
const UNKNOWN = { type: 'error', code: 'unknown' }
const MALFORMED = { type: 'error', code: 'malformed' }
const BUSY = { type: 'error', code: 'busy' }
const signal = new AbortController().signal

/** A request for a proof, as JSON. */
function proofRequest(change: object = {}): object {
  return { type: 'proof', log: LOG, of: { size: OF.size, root: toBase64(OF.root) }, size: 200, ...change }
}

async function startProver(): Promise<TestNode> {
  const node = await startNode()
  node.handlers.prove = (of, size) => TREE.prefix(of, size)
  return node
}

/** A peer with the protocol that gives the answers of a test. */
async function startAnswering(
  answer: (request: { type: string }) => unknown,
): Promise<{ address: string; id: string }> {
  const stranger = await startStranger(['/ip4/127.0.0.1/tcp/0'])
  await stranger.handle(SYNC_PROTOCOL, async (stream) => {
    const frames = lpStream(stream)
    for (;;) {
      const request = JSON.parse(Buffer.from((await frames.read()).subarray()).toString()) as { type: string }
      await frames.write(utf8(JSON.stringify(request.type === 'hello' ? { type: 'hello' } : answer(request))))
    }
  })
  return { address: stranger.getMultiaddrs()[0]!.toString(), id: stranger.peerId.toString() }
}

describe('a proof', () => {
  it('is given and holds', async () => {
    const prover = await startProver()
    const node = await startNode({ bootstrap: [prover.address] })
    await until(() => node.mesh.syncPeers() === 1, 'connected')
    const prefix = await node.mesh.prefixFrom(prover.mesh.peerId, LOG, OF, 200, { signal })
    expect(prefix).toEqual(await TREE.prefix(OF, 200))
    // The root of the empty tree needs no peer, nor does a tree's prefix of its own size.
    expect(await node.mesh.prefixFrom(undefined, LOG, OF, 0, { signal })).toEqual({ root: EMPTY_ROOT, proof: [] })
    expect(await node.mesh.prefixFrom(undefined, LOG, OF, 300, { signal })).toEqual({ root: OF.root, proof: [] })
  })

  it('comes from another peer if the named one does not have it, or lies', async () => {
    const wrong = new MemoryTree(300, 'another')
    const { root, proof } = await wrong.prefix(wrong.whole, 200)
    const asked: string[] = []
    const liar = await startAnswering((request) => {
      asked.push(request.type)
      return { type: 'proof', root: toBase64(root), proof: proof.map(toBase64) }
    })
    const prover = await startProver()
    const node = await startNode({ bootstrap: [liar.address, prover.address] })
    await until(() => node.mesh.syncPeers() === 2, 'connected')
    expect(await node.mesh.prefixFrom(liar.id, LOG, OF, 200, { signal })).toEqual(await TREE.prefix(OF, 200))
    expect(asked).toEqual(['proof'])
  })

  it.each([
    ['an error', UNKNOWN],
    ['no proof', { type: 'proof', root: toBase64(OF.root) }],
    ['too many hashes', { type: 'proof', root: toBase64(OF.root), proof: Array(65).fill(toBase64(OF.root)) }],
    ['a hash that is none', { type: 'proof', root: 'AAAA', proof: [] }],
    ['another answer', { type: 'tile', data: '' }],
  ])('is not there when the only peer answers with %s', async (_, answer) => {
    const peer = await startAnswering(() => answer)
    const node = await startNode({ bootstrap: [peer.address] })
    await until(() => node.mesh.syncPeers() === 1, 'connected')
    const asked = node.mesh.prefixFrom(peer.id, LOG, OF, 200, { signal })
    await expect(asked).rejects.toMatchObject({ code: 'PEER_UNHELPFUL' })
  })

  it('is not awaited after the deadline, nor requested without peers', async () => {
    const silent = await startAnswering(() => new Promise(() => undefined))
    const alone = await startNode()
    await expect(alone.mesh.prefixFrom(undefined, LOG, OF, 200, { signal })).rejects.toMatchObject({
      code: 'PEER_UNHELPFUL',
    })
    const stranger = await startStranger(['/ip4/127.0.0.1/tcp/0'])
    let asked = (): void => undefined
    const wasAsked = new Promise<void>((resolve) => (asked = resolve))
    await stranger.handle(SYNC_PROTOCOL, async (stream) => {
      const frames = lpStream(stream)
      for (;;) if (Buffer.from((await frames.read()).subarray()).includes('"proof"')) asked()
    })
    const node = await startNode({ bootstrap: [stranger.getMultiaddrs()[0]!.toString(), silent.address] })
    await until(() => node.mesh.syncPeers() === 2, 'connected')
    const stop = new AbortController()
    const proof = node.mesh.prefixFrom(stranger.peerId.toString(), LOG, OF, 200, { signal: stop.signal })
    void wasAsked.then(() => stop.abort())
    await expect(proof).rejects.toMatchObject({ code: 'PEER_UNHELPFUL' })
  }, 9_000)

  it.each([
    ['another log', { log: '0'.repeat(64) }, UNKNOWN],
    ['a log that is none', { log: 'sum.golang.org' }, MALFORMED],
    ['a size of 0', { size: 0 }, MALFORMED],
    ['a size beyond the tree', { size: 301 }, MALFORMED],
    ['a size that is no integer', { size: 1.5 }, MALFORMED],
    ['no tree', { of: 300 }, MALFORMED],
    ['a root that is none', { of: { size: 300, root: 'x' } }, MALFORMED],
    ['a size beyond 2^53 - 1', { of: { size: 2 ** 53, root: toBase64(OF.root) } }, MALFORMED],
  ])('is refused for %s', async (_, change, answer) => {
    const node = await startProver()
    const { ask } = await openSync(await connect(await startStranger(), node))
    expect(await ask(proofRequest(change))).toEqual(answer)
  })

  it('is unknown if it cannot be made, but a bug of ours is reported as a bug', async () => {
    const node = await startNode()
    const { ask } = await openSync(await connect(await startStranger(), node))
    expect(await ask(proofRequest())).toEqual(UNKNOWN)
    expect(node.errors).toEqual([])
    node.handlers.prove = () => Promise.reject(new TypeError('a bug of ours'))
    expect(await ask(proofRequest())).toEqual({ type: 'error', code: 'internal' })
    expect(node.errors).toHaveLength(1)
  })

  it('has its own, smaller budget than other requests', async () => {
    const node = await startProver()
    const connection = await connect(await startStranger(), node)
    let { ask } = await openSync(connection)
    let given = 0
    let answer: unknown
    for (; given < 25; given++) {
      answer = await ask(proofRequest({ size: 1 + given }))
      if ((answer as { type: string }).type !== 'proof') break
    }
    // One more proof for every two seconds that this took.
    expect(given).toBeGreaterThanOrEqual(16)
    expect(answer).toEqual(BUSY)
    expect(node.drops).toEqual(['sync-proofs'])
    ask = (await openSync(connection)).ask
    expect(await ask({ type: 'hello' })).toMatchObject({ type: 'hello' })
    // And the other peers have their own budgets.
    const other = await openSync(await connect(await startStranger(), node))
    expect(await other.ask(proofRequest())).toMatchObject({ type: 'proof' })
  })

  it('is made for eight requests at once, from whichever peers', async () => {
    const node = await startNode()
    let making = 0
    let most = 0
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    node.handlers.prove = async (of, size) => {
      most = Math.max(most, ++making)
      await released
      making--
      return TREE.prefix(of, size)
    }
    const strangers = await Promise.all(Array.from({ length: 10 }, () => startStranger()))
    const streams = await Promise.all(strangers.map(async (stranger) => openSync(await connect(stranger, node))))
    const answers = streams.map(({ ask }) => ask(proofRequest()))
    await until(() => node.drops.length === 2, 'two are refused')
    release()
    const types = (await Promise.all(answers)).map((answer) => (answer as { type: string }).type)
    expect(types.filter((type) => type === 'proof')).toHaveLength(8)
    expect(most).toBe(8)
  })
})

describe('a tile', () => {
  const data = new Uint8Array(TILE_BYTES).map((_, i) => i % 251)

  it('is served as it is stored', async () => {
    const keeper = await startNode()
    keeper.handlers.tiles.set(TILE, data)
    const node = await startNode({ bootstrap: [keeper.address] })
    await until(() => node.mesh.syncPeers() === 1, 'connected')
    expect(await node.mesh.tileFrom(LOG, TILE, TILE_BYTES, { signal })).toEqual(data)
    // More at once than streams of one peer: they wait for each other.
    const many = Array.from({ length: 12 }, () => node.mesh.tileFrom(LOG, TILE, TILE_BYTES, { signal }))
    expect(await Promise.all(many)).toEqual(Array(12).fill(data))
    const missing = node.mesh.tileFrom(LOG, 'tile/8/1/000', TILE_BYTES, { signal })
    await expect(missing).rejects.toMatchObject({ code: 'PEER_UNHELPFUL' })
  })

  it('is refused by the asker when its length is wrong', async () => {
    const peer = await startAnswering(() => ({ type: 'tile', data: toBase64(data.subarray(32)) }))
    const node = await startNode({ bootstrap: [peer.address] })
    await until(() => node.mesh.syncPeers() === 1, 'connected')
    const asked = node.mesh.tileFrom(LOG, TILE, TILE_BYTES, { signal })
    await expect(asked).rejects.toMatchObject({ code: 'PEER_UNHELPFUL' })
  })

  it.each([
    ['data', 'tile/8/data/000', MALFORMED],
    ['a part of a tile', 'tile/8/0/001.p/44', MALFORMED],
    ['another height', 'tile/4/0/000', MALFORMED],
    ['a path that is none', '../../witness.key', MALFORMED],
    ['a path that is too long', `tile/8/0/${'x000/'.repeat(60)}000`, MALFORMED],
    ['a tile that is not here', 'tile/8/0/777', UNKNOWN],
  ])('is refused for %s', async (_, path, answer) => {
    const node = await startNode()
    node.handlers.tiles.set('tile/8/data/000', data)
    const { ask } = await openSync(await connect(await startStranger(), node))
    expect(await ask({ type: 'tile', log: LOG, path })).toEqual(answer)
  })

  it('of another log is not found', async () => {
    const node = await startNode()
    node.handlers.tiles.set(TILE, data)
    const { ask } = await openSync(await connect(await startStranger(), node))
    expect(await ask({ type: 'tile', log: '0'.repeat(64), path: TILE })).toEqual(UNKNOWN)
    expect(await ask({ type: 'tile', log: LOG, path: TILE })).toEqual({ type: 'tile', data: toBase64(data) })
  })
})

describe('what a witness has signed', () => {
  it('is requested by both sides on every new connection, and again in a round', async () => {
    const [ours, theirs] = [newIdentity('ours'), newIdentity('theirs')]
    const hub = await startNode({ identity: theirs })
    hub.handlers.signed.set(ours.witness, [utf8('a head that we signed\n')])
    const node = await startNode({ identity: ours, bootstrap: [hub.address], roundMs: 100, settledMs: 600_000 })
    const { tellings, answers } = node.handlers
    await node.handlers.when(() => answers.length === 1)
    expect(answers).toEqual([hub.mesh.peerId])
    expect(tellings[0]).toEqual({ heads: ['a head that we signed\n'], promises: [], peer: hub.mesh.peerId })
    // The dialled side asks too; "nothing" is an answer, though not one to wait for.
    await hub.handlers.when(() => hub.handlers.tellings.length === 1)
    expect(hub.handlers.tellings[0]).toEqual({ heads: [], promises: [], peer: node.mesh.peerId })
    await node.handlers.when(() => tellings.length === 3)
    expect(hub.handlers.answers).toEqual([])
  })

  it('is requested before anything else is learnt from the peer', async () => {
    const order: string[] = []
    const peer = await startStranger(['/ip4/127.0.0.1/tcp/0'])
    await peer.handle(SYNC_PROTOCOL, async (stream) => {
      const frames = lpStream(stream)
      for (;;) {
        const request = JSON.parse(Buffer.from((await frames.read()).subarray()).toString()) as { type: string }
        order.push(request.type)
        const answer =
          request.type === 'hello' ? { type: 'hello', heads: ['head'] } : { type: 'signed', heads: ['ours'] }
        await frames.write(utf8(JSON.stringify(answer)))
      }
    })
    const node = await startNode({ identity: newIdentity('ours'), bootstrap: [peer.getMultiaddrs()[0]!.toString()] })
    await node.handlers.receives('head')
    expect(order.slice(0, 2)).toEqual(['signed', 'hello'])
    expect(node.handlers.tellings[0]?.heads).toEqual(['ours'])
  })

  it('is not answered by a peer that does not know the request, which is harmless', async () => {
    const old = await startAnswering(() => ({ type: 'error', code: 'unknown-request' }))
    const node = await startNode({ identity: newIdentity('ours'), bootstrap: [old.address] })
    await until(() => node.mesh.syncPeers() === 1, 'connected')
    await node.mesh.syncWith(old.id)
    expect(node.handlers.tellings).toEqual([])
    expect(node.handlers.answers).toEqual([])
    expect(node.mesh.peers()).toHaveLength(1)
    expect(node.errors).toEqual([])
  })

  it('is not requested by a node without a witness', async () => {
    const requests: string[] = []
    const peer = await startAnswering((request) => requests.push(request.type))
    const node = await startNode({ bootstrap: [peer.address] })
    await until(() => node.mesh.syncPeers() === 1, 'connected')
    await node.mesh.syncWith(peer.id)
    expect(requests).toEqual([])
  })

  it.each([
    ['too many heads', { type: 'signed', heads: Array(65).fill('x') }],
    ['no word on where it goes on', { type: 'signed', heads: [], next: 'page 2' }],
  ])('is not taken from an answer with %s', async (_, answer) => {
    const peer = await startAnswering(() => answer)
    const node = await startNode({ identity: newIdentity('ours'), bootstrap: [peer.address] })
    await until(() => node.mesh.syncPeers() === 1, 'connected')
    await node.mesh.syncWith(peer.id)
    expect(node.handlers.tellings).toEqual([])
    expect(node.handlers.answers).toEqual([])
  })
})
