import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Fetcher } from '../../src/sumdb/fetcher.js'
import { Outgoing } from '../../src/outgoing/http-client.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { closeEarly, endless, refuse, stall, stallInBody } from '../fakes/lying-log.js'
import { liedTo } from '../helpers/lied-to.js'

const UNREACHABLE = expect.objectContaining({ code: 'LOG_UNREACHABLE' }) as Error
const INVALID = expect.objectContaining({ code: 'LOG_ANSWER_INVALID' }) as Error

describe('answers of a lying log', () => {
  const lied = liedTo(() => ({ fetch: new Outgoing({ connections: 4 }).fetch }))
  const { delays, lieInTurn, fetcher } = lied

  test('are complete, up to the size limit', async () => {
    const size = (await lied.log.history.head()).length
    expect(fromUtf8(await fetcher().get('latest', size))).toMatch(/^go.sum database tree\n0\n/)
    await expect(fetcher().get('latest', size - 1)).rejects.toThrow(INVALID)
  })

  test('that are endless are cut off, and their connection is not reused', async () => {
    lieInTurn(endless, undefined)
    const one = fetcher()
    await expect(one.get('latest', 1 << 20)).rejects.toThrow(INVALID)
    expect(await one.get('latest', 1000)).not.toHaveLength(0)
  })

  test('that break off are requested again', async () => {
    lieInTurn(closeEarly, undefined)
    expect(fromUtf8(await fetcher().get('latest', 1000))).toContain('go.sum database tree')
    expect(lied.log.requests).toHaveLength(2)
    lieInTurn(closeEarly)
    await expect(fetcher().get('latest', 1000)).rejects.toThrow(UNREACHABLE)
  })

  test.each([
    ['that never begin', stall],
    ['that never end', stallInBody],
  ])('%s are abandoned', async (_what, behaviour) => {
    lieInTurn(behaviour)
    await expect(fetcher({ timeoutMs: 50, retries: 0 }).get('latest', 1000)).rejects.toThrow('no answer in 50 ms')
  })

  test('are abandoned when the caller aborts', async () => {
    lieInTurn(stall)
    const controller = new AbortController()
    const asked = fetcher().get('latest', 1000, { signal: controller.signal })
    while (lied.log.requests.length === 0) await new Promise((resolve) => setImmediate(resolve))
    controller.abort(new Error('enough'))
    await expect(asked).rejects.toThrow('enough')
  })

  test('with an error status are errors with its text, and Retry-After is respected', async () => {
    lieInTurn(refuse(503, '7'), refuse(429, '1'), undefined)
    await fetcher().get('latest', 1000)
    expect(delays).toEqual([7000, 1000])
    lieInTurn(refuse(404))
    await expect(fetcher().get('latest', 1000)).rejects.toMatchObject({
      name: 'StatusError',
      status: 404,
      detail: `${lied.log.url}/latest: status 404 no, says status 404`,
    })
    lieInTurn((response) => response.writeHead(302, { location: `${lied.log.url}/other` }).end())
    await expect(fetcher().get('latest', 1000)).rejects.toMatchObject({ status: 302 })
    expect(lied.log.requests).not.toContain('other')
  })

  test('from an unreachable server are errors', async () => {
    await lied.log.close()
    await expect(fetcher({ retries: 0 }).get('latest', 1000)).rejects.toThrow('ECONNREFUSED')
    await expect(fetcher({ retries: 0, url: 'https://127.0.0.1:1' }).get('latest', 1)).rejects.toThrow(UNREACHABLE)
  })
})

describe('connections', () => {
  let server: Server
  let url: string
  let sockets: Set<Socket>

  beforeEach(async () => {
    sockets = new Set()
    server = createServer((request, response) => response.end(request.url))
    server.on('connection', (socket: Socket) => sockets.add(socket))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(() => {
    server.closeAllConnections()
    server.close()
  })

  test('are limited in number, and reused', async () => {
    const one = new Fetcher({ url, fetch: new Outgoing({ connections: 3 }).fetch })
    const paths = Array.from({ length: 50 }, (_, i) => `path/${i}`)
    const answers = await Promise.all(paths.map((path) => one.get(path, 100)))
    expect(answers.map(fromUtf8)).toEqual(paths.map((path) => `/${path}`))
    await one.get('again', 100)
    expect(sockets.size).toBe(3)
  })

  test('closed by the server while idle are reopened', async () => {
    const one = new Fetcher({ url, fetch: new Outgoing({ connections: 1 }).fetch, delay: () => Promise.resolve() })
    await one.get('a', 100)
    const gone = new Promise((resolve) => [...sockets][0]!.once('close', resolve))
    server.closeAllConnections()
    await gone
    expect(fromUtf8(await one.get('b', 100))).toBe('/b')
  })

  test('deliver a large answer as fast as it is read, without empty pieces', async () => {
    const chunk = new Uint8Array(1 << 20).fill(7)
    let more: (() => void) | undefined
    server.removeAllListeners('request').on('request', (_, response) => {
      let left = 8
      more = () => (--left > 0 ? response.write(chunk) : response.end(chunk))
      more()
    })
    const signal = new AbortController().signal
    const answer = await new Outgoing().fetch(url, { headers: {}, redirect: 'manual', signal })
    const reader = answer.body!.getReader()
    let length = 0
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      length += value.length
      // A reader that continues immediately would get empty reads forever, and block everything else, including time
      // limits.
      expect(value.length).toBeGreaterThan(0)
      if (length % chunk.length === 0) more!()
      // More arrives than is read, so it is paused.
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(length).toBe(8 * chunk.length)
  })
})
