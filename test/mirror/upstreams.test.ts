/** Upstreams are asked in order, and none is waited for without a limit. */
import { describe, expect, it } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { Upstreams } from '../../src/mirror/upstreams.js'
import { FakeUpstream, NOW } from './mirroring.js'

const now = (): number => NOW
const signal = new AbortController().signal

function get(upstreams: Upstreams, timeoutMs = 30_000): Promise<string> {
  return upstreams.first(timeoutMs, signal, async (proxy, ending) =>
    Buffer.from(await proxy.get('x', 100, 30_000, ending)).toString(),
  )
}

async function two(): Promise<[FakeUpstream, FakeUpstream]> {
  return [await FakeUpstream.start(), await FakeUpstream.start()]
}

describe('upstreams', () => {
  it.each<[number, number | string, string]>([
    [404, 'second', 'second'],
    [410, 'second', 'second'],
    [500, 'second', 'second'],
    [403, 'second', 'second'],
    [404, 410, 'MODULE_ABSENT'],
    [404, 500, 'PROXY_FAILED'],
    [500, 404, 'PROXY_FAILED'],
    [403, 404, 'PROXY_FAILED'],
  ])('that answer %s and %s give %s', async (first, second, expected) => {
    const [a, b] = await two()
    a.files.set('x', first)
    b.files.set('x', second)
    const found = await get(new Upstreams([a.url, b.url], { now })).catch((error: unknown) => error as GossumError)
    expect(found instanceof GossumError ? found.code : found).toBe(expected)
  })

  it('after the first that has the file are not asked', async () => {
    const [a, b] = await two()
    a.files.set('x', 'first')
    expect(await get(new Upstreams([a.url, b.url], { now }))).toBe('first')
    expect(b.asked).toEqual([])
  })

  it.each(['before its answer', 'in the middle of its answer'])(
    'that stall %s are abandoned, and reported as failing',
    async (when) => {
      const [a, b] = await two()
      a.files.set('x', (response) => {
        if (when !== 'before its answer') response.write('y')
      })
      b.files.set('x', 'second')
      const upstreams = new Upstreams([a.url, b.url], { now, stallMs: 1_000 })
      expect(await get(upstreams)).toBe('second')

      expect(upstreams.standings).toMatchObject([{ failingSince: NOW }, { failingSince: null, reason: null }])
    },
  )

  it('that drip are abandoned after a time limit', async () => {
    const [a, b] = await two()
    a.files.set('x', (response) => {
      const timer = setInterval(() => response.write('y'), 10)
      response.on('close', () => clearInterval(timer))
    })
    b.files.set('x', 'second')
    expect(await get(new Upstreams([a.url, b.url], { now }), 1_000)).toBe('second')
  })

  it('are not tried further after a local error', async () => {
    const [a, b] = await two()
    a.files.set('x', 'first')
    const upstreams = new Upstreams([a.url, b.url], { now })
    const full = new GossumError('MIRROR_FULL')
    await expect(upstreams.first(1000, signal, () => Promise.reject(full))).rejects.toBe(full)
    const bug = new TypeError('bug')
    await expect(upstreams.first(1000, signal, () => Promise.reject(bug))).rejects.toBe(bug)
    expect(upstreams.standings).toMatchObject([{ failingSince: null }, { failingSince: null }])
  })

  it('may redirect only to http and https URLs', async () => {
    const [a] = await two()
    for (const location of ['file:///etc/passwd', 'gopher://x', 'data:,x', '//']) {
      a.files.set('x', (response) => response.writeHead(302, { location }).end())
      await expect(get(new Upstreams([a.url], { now })), location).rejects.toMatchObject({ code: 'PROXY_FAILED' })
    }
  })

  it('must be URLs of proxies', () => {
    for (const url of ['ftp://x.example', 'direct', 'off', 'x.example', 'http://'])
      expect(() => new Upstreams([url], { now }), url).toThrow(expect.objectContaining({ code: 'USAGE' }) as Error)
  })
})
