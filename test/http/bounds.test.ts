/**
 * Limits on what clients can cost the server, on real sockets: pipelined requests, idle connections, unread answers.
 */
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { NodeView } from '../../src/status/node-view.js'
import type { HeadView } from '../../src/status/shapes.js'
import { HttpServer, type HttpServerOptions } from '../../src/http/server.js'
import { fakeNode, LOG, LOG_ID, NOTE, ROOT } from '../helpers/node-view.js'

async function serve(changes: Partial<NodeView> = {}, options: Partial<HttpServerOptions> = {}): Promise<HttpServer> {
  const server = await HttpServer.start({ host: '127.0.0.1', port: 0, node: fakeNode(changes), ...options })
  onTestFinished(() => server.stop())
  return server
}

interface Wire {
  readonly socket: Socket
  /** The bytes received so far. */
  readonly text: () => string
  /** Resolves when the server has closed the connection, or reset it. */
  readonly ended: Promise<void>
}

/** A connection for raw bytes, from an address of this machine. */
async function wire({ url }: HttpServer, localAddress = '127.0.0.1'): Promise<Wire> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), localAddress })
  onTestFinished(() => void socket.destroy())
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => undefined)
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await once(socket, 'connect')
  return { socket, ended, text: () => Buffer.concat(chunks).toString('latin1') }
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
}

function answersIn(text: string): number {
  return text.split('HTTP/1.1 200 OK').length - 1
}

async function status({ url }: HttpServer, path: string): Promise<number> {
  const asked = request(url, { path, agent: false })
  asked.end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  answer.resume()
  return answer.statusCode!
}

/** Operations that wait until they are released, counted. */
function held<T>(value: T) {
  let [underWay, most, begun] = [0, 0, 0]
  let open = (): void => undefined
  const gate = new Promise<void>((resolve) => (open = resolve))
  const act = async (): Promise<T> => {
    begun++
    most = Math.max(most, ++underWay)
    await gate
    underWay--
    return value
  }
  return { act, open: () => open(), most: () => most, begun: () => begun }
}

describe('pipelined requests', () => {
  test('are answered in order, one at a time', async () => {
    const reads = held(fakeNode().peers())
    const server = await serve({ metrics: () => reads.act().then(() => 'x\n') })
    const { socket, text } = await wire(server)
    socket.write(get('/metrics').repeat(20) + get('/livez'))
    await expect.poll(reads.begun).toBe(1)
    expect(await status(server, '/livez')).toBe(200)
    expect(reads.begun()).toBe(1)
    reads.open()
    await expect.poll(() => answersIn(text())).toBe(21)
    expect(text().endsWith('ok\n')).toBe(true)
    expect(reads.most()).toBe(1)
  })

  test('in great number are answered one at a time, and then lose their connection', async () => {
    const reads = held('x\n')
    const server = await serve({ metrics: reads.act })
    const { socket, ended, text } = await wire(server)
    socket.write(get('/metrics').repeat(100))
    await expect.poll(reads.begun).toBe(1)
    reads.open()
    await ended
    // The one that was answered and the pipelined ones; the last of them announces the end.
    expect(answersIn(text())).toBe(65)
    expect(text().match(/connection: close/gi)).toHaveLength(1)
    expect(reads.most()).toBe(1)
  })

  test.each([600, 3000])(
    'lose their connection at once if there are %i, and cost at most one answer',
    async (count) => {
      const reads = held([] as HeadView[])
      const server = await serve({ heads: reads.act })
      const { socket, ended } = await wire(server)
      socket.write(get(`/api/v1/logs/${LOG_ID}/heads?limit=1000`).repeat(count))
      await ended
      expect(reads.begun()).toBeLessThanOrEqual(1)
      expect(await status(server, '/livez')).toBe(200)
      reads.open()
    },
  )

  test('are not started once their connection has ended', async () => {
    const reads = held('x\n')
    const server = await serve({ metrics: reads.act })
    const { socket } = await wire(server)
    socket.write(get('/metrics').repeat(50))
    await expect.poll(reads.begun).toBe(1)
    socket.destroy()
    await once(socket, 'close')
    reads.open()
    expect(await status(server, '/livez')).toBe(200)
    expect(await status(server, '/metrics')).toBe(200)
    expect(reads.begun()).toBe(2)
  })
})

describe('connections', () => {
  test('that are idle do not shut out other clients, from any number of networks', async () => {
    const server = await serve({}, { limits: { most: 16, reserve: 2 } })
    for (let n = 0; n < 60; n++) {
      const { socket } = await wire(server, `127.0.0.${1 + (n % 4)}`)
      // Some have sent nothing, some have begun a request.
      if (n % 2 === 0) socket.write('GET /livez HTTP/1.1\r\nX-Slow: ')
    }
    for (const path of ['/livez', '/readyz', '/api/v1/status']) expect(await status(server, path)).toBe(200)
  })

  test('that are being answered are not closed for others, and health is still reported', async () => {
    const reads = held('x\n')
    const server = await serve(
      { submitEvidence: () => reads.act().then(() => ({ fate: 'known', id: 'ab' })) },
      { limits: { most: 4, reserve: 2 } },
    )
    const body = 'POST /api/v1/evidence HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx'
    const busy = await Promise.all([1, 2, 3, 4].map((n) => wire(server, `127.0.0.${n}`)))
    for (const { socket } of busy) socket.write(body)
    await expect.poll(reads.begun).toBe(4)
    expect(await status(server, '/livez')).toBe(200)
    expect(await status(server, '/api/v1/peers')).toBe(503)
    // Idle ones in the reserve are closed too.
    await Promise.all(Array.from({ length: 5 }, () => wire(server)))
    expect(await status(server, '/readyz')).toBe(200)
    reads.open()
    for (const { text } of busy) await expect.poll(() => answersIn(text())).toBe(1)
    expect(await status(server, '/api/v1/peers')).toBe(200)
  })

  test('with an endless header are closed after the time limit for headers', async () => {
    const server = await serve({}, { limits: { headersMs: 200, requestMs: 1_000 } })
    const [silent, slow] = [await wire(server), await wire(server)]
    slow.socket.write('GET /livez HTTP/1.1\r\nX-Slow: ')
    // A byte now and then is traffic, but not a complete header. Otherwise both would stay open until the test ends.
    const drip = setInterval(() => slow.socket.write('x'), 20)
    onTestFinished(() => clearInterval(drip))
    await Promise.all([slow.ended, silent.ended])
    expect(slow.text()).toMatch(/^HTTP\/1\.1 408 /)
  })

  test('that do not read their answer are closed, and their buffers are limited', async () => {
    const large = 'x'.repeat(9 * 1024 * 1024)
    const server = await serve({ metrics: () => Promise.resolve(large) }, { limits: { readMs: 60_000 } })
    const wires: Wire[] = []
    const ask = async (): Promise<void> => {
      const one = await wire(server)
      one.socket.pause()
      one.socket.write(get('/metrics'))
      wires.push(one)
    }
    while ((await status(server, '/metrics')) === 200 && wires.length < 20) await ask()
    expect(wires.length).toBeLessThan(20)
    expect(await status(server, '/livez')).toBe(200)
    for (const { socket } of wires) socket.destroy()
    await expect.poll(() => status(server, '/metrics')).toBe(200)

    const strict = await serve({ metrics: () => Promise.resolve(large) }, { limits: { readMs: 50 } })
    const stuck = await wire(strict)
    stuck.socket.write(get('/metrics'))
    stuck.socket.pause()
    // A client that does not read notices the end when it writes: here, bytes that a server skips before a request.
    await expect.poll(() => (stuck.socket.write('\r\n'), stuck.socket.destroyed)).toBe(true)
  })
})

test('few costly reads run at a time, and clients that disconnect leave the queue', async () => {
  const reads = held('x\n')
  const server = await serve({ metrics: reads.act })
  const wires = await Promise.all(Array.from({ length: 12 }, () => wire(server)))
  for (const { socket } of wires) socket.write(get('/metrics'))
  await expect.poll(reads.begun).toBe(4)
  for (const { socket } of wires.slice(6)) socket.destroy()
  expect(await status(server, '/livez')).toBe(200)
  reads.open()
  for (const { text } of wires.slice(0, 6)) await expect.poll(() => answersIn(text())).toBe(1)
  expect(reads.most()).toBe(4)
  expect(reads.begun()).toBeLessThanOrEqual(6)
})

describe('heads', () => {
  const history = Array.from({ length: 2500 }, (_, i): HeadView => ({
    size: 2500 - i,
    root: ROOT,
    time: LOG.time,
    note: NOTE,
    cosignatures: [],
  }))
  const heads =
    (pad: string): NodeView['heads'] =>
    (_log, limit, below = Infinity) =>
      Promise.resolve(
        history
          .filter(({ size }) => size < below)
          .slice(0, limit)
          .map((head) => ({ ...head, note: pad + NOTE })),
      )

  /** Follows the pages to their end: the sizes, and the number of pages. */
  async function follow(
    { url }: HttpServer,
    limit: number,
  ): Promise<{ sizes: number[]; pages: number; longest: number }> {
    const sizes: number[] = []
    let [pages, longest] = [0, 0]
    for (let next: number | null | undefined; next !== null; pages++) {
      const below = next === undefined ? '' : `&below=${next}`
      const body = await (await fetch(`${url}/api/v1/logs/${LOG_ID}/heads?limit=${limit}${below}`)).text()
      const page = JSON.parse(body) as { heads: HeadView[]; next: number | null }
      sizes.push(...page.heads.map(({ size }) => size))
      longest = Math.max(longest, body.length)
      next = page.next
    }
    return { sizes, pages, longest }
  }

  test('are listed once each, page by page, to the end of the history', async () => {
    const server = await serve({ heads: heads('') })
    const { sizes, pages } = await follow(server, 1000)
    expect(sizes).toEqual(history.map(({ size }) => size))
    expect(pages).toBe(3)
  })

  test('are split into pages of limited size, and none is lost', async () => {
    const server = await serve({ heads: heads('x'.repeat(30_000)) })
    const { sizes, longest } = await follow(server, 1000)
    expect(sizes).toEqual(history.map(({ size }) => size))
    expect(longest).toBeLessThan(2.5 * 1024 * 1024)
  })

  test.each(['0', '-1', 'x', '9007199254740992'])('are refused for the cursor %s', async (below) => {
    expect(await status(await serve(), `/api/v1/logs/${LOG_ID}/heads?below=${below}`)).toBe(400)
  })
})
