import { lpStream } from '@libp2p/utils'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import { SYNC_PROTOCOL } from '../../../src/gossip/sync/messages.js'
import { utf8 } from '../../../src/tlog/bytes.js'
import {
  evidenceIdOf,
  LOG,
  MemoryHandlers,
  publishWhenHeard,
  startNode,
  stopNode,
  type TestNode,
  until,
} from '../helpers.js'
import { connect, openSync, startStranger } from '../stranger.js'

const FILE = utf8('{"type":"some evidence"}')

async function nodeWithHistory(options: Parameters<typeof startNode>[0] = {}): Promise<TestNode> {
  const node = await startNode(options)
  await node.handlers.submit({ source: 'poll', note: utf8('our head'), receivedAt: 0 })
  await node.handlers.submitEvidence(LOG, FILE)
  return node
}

describe('the sync door, asked', () => {
  it('answers a hello and hands out evidence, several requests to a stream', async () => {
    const node = await nodeWithHistory()
    const { ask } = await openSync(await connect(await startStranger(), node))
    const id = evidenceIdOf(FILE)
    const files: string[] = []
    const evidence = node.handlers.evidence.bind(node.handlers)
    node.handlers.evidence = (of) => (files.push(of), evidence(of))
    expect(await ask({ type: 'hello', heads: ['their head'], later: { version: 2 } })).toEqual({
      type: 'hello',
      heads: ['our head'],
      evidence: [{ log: LOG, id }],
      time: expect.any(Number) as number,
    })
    // A hello makes the node read no files.
    expect(files).toEqual([])
    expect(await ask({ type: 'evidence', ids: [id, '0123456789abcdef'] })).toEqual({
      type: 'evidence',
      files: [Buffer.from(FILE).toString()],
    })
    await node.handlers.receives('their head')
    expect(node.handlers.candidates.at(-1)).toMatchObject({ source: 'sync' })
  })

  it('answers an unknown request with an error and goes on', async () => {
    const node = await nodeWithHistory()
    const { ask } = await openSync(await connect(await startStranger(), node))
    expect(await ask({ type: 'later', from: 1, to: 2 })).toEqual({ type: 'error', code: 'unknown-request' })
    expect(await ask({ type: 'hello' })).toMatchObject({ type: 'hello' })
  })

  it.each([
    ['that is none', [1, null, {}], ['read']],
    ['beyond the bound', ['x'.repeat(65_537)], ['read']],
    ['one too many', [], [...Array.from({ length: 63 }, (_, i) => `one of ${i}`), 'read', 'cut']],
  ])('skips a head %s, and reads the others', async (_, unreadable, heads) => {
    const node = await nodeWithHistory()
    const { ask } = await openSync(await connect(await startStranger(), node))
    expect(await ask({ type: 'hello', heads: [...unreadable, ...heads] })).toMatchObject({ type: 'hello' })
    await node.handlers.receives('read')
    expect(await ask({ type: 'hello', heads: ['and the next'] })).toMatchObject({ type: 'hello' })
    await node.handlers.receives('and the next')
    expect(node.handlers.texts).not.toContain('cut')
  })

  it('skips invalid ids, and answers the first sixteen others', async () => {
    const node = await nodeWithHistory()
    const [id] = [...node.handlers.files.keys()]
    const { ask } = await openSync(await connect(await startStranger(), node))
    const ids = ['../../etc/passwd', 7, ...Array<string>(15).fill('0123456789abcdef'), id]
    expect(await ask({ type: 'evidence', ids })).toMatchObject({ files: [expect.any(String)] })
    expect(await ask({ type: 'evidence', ids: [...Array<string>(16).fill('0123456789abcdef'), id] })).toMatchObject({
      files: [],
    })
  })

  it('accepts what a peer of version 2 might send, and the null that Go writes for an empty list', async () => {
    const node = await nodeWithHistory()
    const { ask } = await openSync(await connect(await startStranger(), node))
    const version2 = {
      type: 'hello',
      version: 2,
      heads: [{ note: 'of another shape' }, 'a head of version 2', 'x'.repeat(70_000)],
      evidence: [{ log: LOG, id: 'longer-than-it-was' }, { kind: 'new' }],
      counts: [{ key: 'structured' }],
      witness: { keys: ['several'], signatures: [] },
      peers: { more: [] },
      time: '2027-01-01T00:00:00Z',
      subscriptions: ['what is new'],
    }
    expect(await ask(version2)).toMatchObject({ type: 'hello', heads: ['our head'] })
    await node.handlers.receives('a head of version 2')
    const nil = {
      type: 'hello',
      heads: ['of Go'],
      evidence: null,
      counts: null,
      witness: null,
      peers: null,
      time: null,
    }
    expect(await ask(nil)).toMatchObject({ type: 'hello' })
    await node.handlers.receives('of Go')
    expect(await ask({ type: 'evidence', ids: null })).toEqual({ type: 'evidence', files: [] })
    expect(await ask({ type: 'signed', witness: 'x', after: null })).toMatchObject({ type: 'signed' })
    expect(await ask({ type: 'promise', promises: null, lines: null })).toEqual({ type: 'promise', kept: [] })
    expect(await ask({ type: 'hello' })).toMatchObject({ type: 'hello' })
  })

  it.each([
    ['no JSON', utf8('{"type":')],
    ['no text', Uint8Array.of(0xff, 0xfe)],
    ['no object', utf8('[1]')],
    ['a proof of nothing', utf8('{"type":"proof"}')],
  ])('refuses %s and lives on', async (_, request) => {
    const node = await nodeWithHistory()
    const connection = await connect(await startStranger(), node)
    expect(await (await openSync(connection)).ask(request)).toEqual({ type: 'error', code: 'malformed' })
    expect(await (await openSync(connection)).ask({ type: 'hello' })).toMatchObject({ type: 'hello' })
  })

  // In less than the 10 s after which a missing frame also ends a stream.
  it('ends only the stream that carries a frame that is too long', { timeout: 8_000 }, async () => {
    const node = await nodeWithHistory()
    const connection = await connect(await startStranger(), node)
    const { stream } = await openSync(connection)
    // A length of 256 KiB and one byte.
    const closed = once(stream as unknown as EventTarget, 'close')
    stream.send(Uint8Array.of(0x81, 0x80, 0x10))
    await closed
    expect(stream.status).toBe('reset')
    expect(connection.status).toBe('open')
    expect(await (await openSync(connection)).ask({ type: 'hello' })).toMatchObject({ type: 'hello' })
  })

  it('ends the stream of a peer that sends requests and does not read', async () => {
    const node = await nodeWithHistory({ servedMs: 2_000 })
    const ids: string[] = []
    for (let i = 0; i < 4; i++) {
      const file = utf8(`{"n":${i},"pad":"${'x'.repeat(60_000)}"}`)
      await node.handlers.submitEvidence(LOG, file)
      ids.push(evidenceIdOf(file))
    }
    let read = 0
    const evidence = node.handlers.evidence.bind(node.handlers)
    node.handlers.evidence = (id) => (read++, evidence(id))
    const connection = await connect(await startStranger(), node)
    const { stream } = await openSync(connection)
    stream.pause()
    const closed = once(stream as unknown as EventTarget, 'close')
    const frames = lpStream(stream)
    for (let i = 0; i < 20; i++) await frames.write(utf8(JSON.stringify({ type: 'evidence', ids })))
    await closed
    // It waited for the reader instead of buffering all the answers.
    expect(read).toBeLessThan(40)
    expect(connection.status).toBe('open')
    expect(await (await openSync(connection)).ask({ type: 'hello' })).toMatchObject({ type: 'hello' })
  })

  it('allows six streams for one peer, not seven', async () => {
    const node = await nodeWithHistory()
    const host = await startStranger()
    const connection = await connect(host, node)
    const first = await openSync(connection)
    const others = await Promise.all(Array.from({ length: 5 }, () => openSync(connection)))
    for (const { ask } of [first, ...others]) expect(await ask({ type: 'hello' })).toMatchObject({ type: 'hello' })
    await expect(openSync(connection).then(({ ask }) => ask({ type: 'hello' }))).rejects.toThrow()
    // Nor by another connection of the same peer.
    const again = await host.dial(connection.remoteAddr, { force: true })
    expect(again.id).not.toBe(connection.id)
    await expect(openSync(again).then(({ ask }) => ask({ type: 'hello' }))).rejects.toThrow()
    await until(() => node.drops.includes('sync-streams'), 'counted')
    expect(await first.ask({ type: 'hello' })).toMatchObject({ type: 'hello' })
    await first.stream.close()
    await until(() => first.stream.status !== 'open', 'the first is closed')
    expect(await (await openSync(connection)).ask({ type: 'hello' })).toMatchObject({ type: 'hello' })
  })

  it('answers a limited number of requests of one peer, and then that it is busy', async () => {
    const node = await nodeWithHistory()
    const connection = await connect(await startStranger(), node)
    const answers: unknown[] = []
    const busy = { type: 'error', code: 'busy' }
    // The budget refills while it is used: one or two more than the burst.
    for (let i = 0; i < 8 && !answers.some((answer) => isDeepStrictEqual(answer, busy)); i++) {
      const { stream, ask } = await openSync(connection)
      for (let j = 0; j < 10 && !isDeepStrictEqual(answers.at(-1), busy); j++)
        answers.push(await ask({ type: 'hello' }))
      await stream.close()
    }
    expect(answers.length).toBeGreaterThan(60)
    expect(answers.at(-1)).toEqual(busy)
    expect(node.drops).toContain('sync-budget')
    // Other peers are not affected.
    const other = await openSync(await connect(await startStranger(), node))
    expect(await other.ask({ type: 'hello' })).toMatchObject({ type: 'hello' })
  })

  it('answers that something failed when a handler throws', async () => {
    const handlers = new MemoryHandlers()
    handlers.evidence = () => Promise.reject(new Error('a bug of ours'))
    const node = await startNode({ handlers })
    const { ask } = await openSync(await connect(await startStranger(), node))
    expect(await ask({ type: 'evidence', ids: ['0123456789abcdef'] })).toEqual({ type: 'error', code: 'internal' })
    expect(node.errors).toEqual([expect.objectContaining({ message: 'a bug of ours' })])
  })

  it('processes every head of a hello even if the handler throws at one', async () => {
    const node = await startNode()
    const { ask } = await openSync(await connect(await startStranger(), node))
    await ask({ type: 'hello', heads: ['throw it', 'good'] })
    await node.handlers.receives('good')
    expect(node.errors).toHaveLength(1)
  })
})

describe('the sync door, asking', () => {
  it.each([
    ['garbage', () => utf8('garbage')],
    ['an error', () => utf8('{"type":"error","code":"busy"}')],
    ['another answer', () => utf8('{"type":"evidence","files":["{}"]}')],
  ])('shrugs at %s', async (_, answer) => {
    const stranger = await startStranger(['/ip4/127.0.0.1/tcp/0'])
    const asked = new Promise<void>((resolve) => {
      void stranger.handle(SYNC_PROTOCOL, async (stream) => {
        const frames = lpStream(stream)
        await frames.read()
        await frames.write(answer())
        await frames.read().catch(() => undefined)
        resolve()
      })
    })
    const node = await startNode({ bootstrap: [stranger.getMultiaddrs()[0]!.toString()] })
    await asked
    expect(node.handlers.files.size).toBe(0)
    expect(node.errors).toEqual([])
    expect(node.mesh.peers()).toHaveLength(1)
    await node.mesh.syncWith(stranger.peerId.toString())
  })

  it('accepts no evidence that it did not request', async () => {
    const stranger = await startStranger(['/ip4/127.0.0.1/tcp/0'])
    const requests: unknown[] = []
    const elsewhere = utf8('{"about":"another log"}')
    await stranger.handle(SYNC_PROTOCOL, async (stream) => {
      const frames = lpStream(stream)
      for (;;) {
        const request = JSON.parse(Buffer.from((await frames.read()).subarray()).toString()) as { type: string }
        requests.push(request)
        const evidence = [
          { log: LOG, id: evidenceIdOf(FILE) },
          { log: LOG, id: '0123456789abcdef' },
          { log: '0'.repeat(64), id: evidenceIdOf(elsewhere) },
        ]
        const files = [FILE, elsewhere, utf8('{"never":"listed"}')].map((file) => Buffer.from(file).toString())
        const answer = request.type === 'hello' ? { type: 'hello', evidence } : { type: 'evidence', files }
        await frames.write(utf8(JSON.stringify(answer)))
      }
    })
    const node = await startNode({ bootstrap: [stranger.getMultiaddrs()[0]!.toString()] })
    await node.handlers.when(() => node.handlers.files.size === 1)
    await until(() => requests.length === 3, 'asked once more for the other file, and not again')
    expect([...node.handlers.files.keys()]).toEqual([evidenceIdOf(FILE)])
    expect(requests[1]).toEqual({ type: 'evidence', ids: [evidenceIdOf(FILE), '0123456789abcdef'] })
    expect(requests[2]).toEqual({ type: 'evidence', ids: ['0123456789abcdef'] })
  })

  it('leaves no stream open', async () => {
    const a = await nodeWithHistory()
    const b = await startNode({ bootstrap: [a.address] })
    await b.handlers.when(() => b.handlers.files.size === 1)
    for (let i = 0; i < 5; i++) await b.mesh.syncWith(a.mesh.peerId)
    // Each side allows a peer four at a time: if they were left open, this could not be answered.
    await b.handlers.submit({ source: 'poll', note: utf8('later'), receivedAt: 0 })
    await b.mesh.syncWith(a.mesh.peerId)
    await a.handlers.receives('later')
    expect(a.drops).toEqual([])
  })

  it('eventually learns every head of more than fit into a frame', async () => {
    const a = await startNode()
    for (let i = 0; i < 40; i++)
      await a.handlers.submit({ source: 'poll', note: utf8(`${i} ${'x'.repeat(20_000)}`), receivedAt: 0 })
    const b = await startNode({ bootstrap: [a.address] })
    await until(() => b.mesh.peers().length === 1, 'connected')
    // Which ones a hello lists rotates. There is one round at a time, and the first one starts on its own.
    await until(() => {
      void b.mesh.syncWith(a.mesh.peerId)
      return new Set(b.handlers.texts).size === 40
    }, 'every head')
  })

  it('fetches evidence only once, even if it is not kept', async () => {
    const a = await startNode()
    const file = utf8('bad file')
    a.handlers.files.set(evidenceIdOf(file), { log: LOG, bytes: file })
    const handlers = new MemoryHandlers()
    let judged = 0
    handlers.submitEvidence = () => (judged++, Promise.resolve('unknown' as const))
    const b = await startNode({ bootstrap: [a.address], handlers })
    await until(() => b.mesh.peers().length === 1, 'connected')
    await until(() => judged > 0, 'fetched')
    for (let i = 0; i < 3; i++) await b.mesh.syncWith(a.mesh.peerId)
    expect(judged).toBe(1)
  })

  it('ignores a sync with a peer that is not connected', async () => {
    const node = await startNode()
    await node.mesh.syncWith((await startStranger()).peerId.toString())
    expect(node.errors).toEqual([])
  })
})

describe('the end', () => {
  it('is immediate, even if a peer does not answer', { timeout: 8_000 }, async () => {
    const stranger = await startStranger(['/ip4/127.0.0.1/tcp/0'])
    const asked = new Promise<void>((resolve) => {
      void stranger.handle(SYNC_PROTOCOL, (stream) => {
        stream.addEventListener('message', () => resolve())
      })
    })
    const node = await startNode({ bootstrap: [stranger.getMultiaddrs()[0]!.toString(), '/ip4/127.0.0.1/tcp/1'] })
    await asked
    await stopNode(node)
    expect(node.mesh.peers()).toEqual([])
    // And nothing is done with it any more.
    expect(await node.mesh.gossip.publish('head', LOG, utf8('head'))).toBe(0)
  })

  it('passes nothing more to the handlers', async () => {
    const handlers = new MemoryHandlers()
    const submit = handlers.submit.bind(handlers)
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    handlers.submit = async (candidate) => {
      const outcome = await submit(candidate)
      await released
      return outcome
    }
    const node = await startNode({ handlers })
    const { ask } = await openSync(await connect(await startStranger(), node))
    await ask({ type: 'hello', heads: ['first', 'second'] })
    await handlers.receives('first')
    await stopNode(node)
    release()
    await new Promise((resolve) => setImmediate(resolve))
    expect(handlers.texts).toEqual(['first'])
  })

  it('leaves nothing that keeps the process alive', async () => {
    const script = fileURLToPath(new URL('start-and-stop.ts', import.meta.url))
    const child = spawn(process.execPath, ['--conditions', 'gossum-source', '--import', 'tsx', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const killer = setTimeout(() => child.kill('SIGKILL'), 45_000)
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    clearTimeout(killer)
    expect({ code, signal, output }).toEqual({ code: 0, signal: null, output: 'stopped' })
  })

  it('ends one node, and the others continue', async () => {
    const a = await startNode()
    const b = await startNode({ bootstrap: [a.address] })
    const c = await startNode({ bootstrap: [a.address] })
    await until(() => a.mesh.peers().length === 2, 'connected')
    await stopNode(b)
    await until(() => a.mesh.peers().length === 1, 'one has left')
    const text = await publishWhenHeard(a, 'head')
    await c.handlers.receives(text)
  })
})
