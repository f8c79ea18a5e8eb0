import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { DEFAULT_USER_AGENT, Fetcher, MAX_RETRY_AFTER_MS } from '../../src/sumdb/fetcher.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { closeEarly, endless, refuse, stall, stallInBody } from '../fakes/lying-log.js'
import { liedTo } from '../helpers/lied-to.js'

const UNREACHABLE = expect.objectContaining({ code: 'LOG_UNREACHABLE' }) as Error
const INVALID = expect.objectContaining({ code: 'LOG_ANSWER_INVALID' }) as Error

const lied = liedTo()
const { delays, lieInTurn, fetcher } = lied

describe('one answer', () => {
  test('is the body', async () => {
    expect(fromUtf8(await fetcher().get('latest', 1000))).toMatch(/^go.sum database tree\n0\n/)
    expect(lied.log.requests).toEqual(['latest'])
  })

  test.each(['', '/', '/prefix', '/prefix/', '//'])('comes from below the URL with %j at its end', async (suffix) => {
    await fetcher({ url: lied.log.url + suffix })
      .get('x', 100)
      .catch(() => undefined)
    expect(lied.log.requests).toEqual([suffix.startsWith('/prefix') ? 'prefix/x' : 'x'])
  })

  test.each(['example.com', 'ftp://example.com', 'http://', 'http://a/?q', 'http://a/#f', 'http://a b/'])(
    '%j is refused as a URL',
    (url) => {
      expect(() => new Fetcher({ url })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error)
    },
  )

  test('may be exactly as large as the limit, and not one byte larger', async () => {
    const size = (await lied.log.history.head()).length
    expect(await fetcher().get('latest', size)).toHaveLength(size)
    await expect(fetcher().get('latest', size - 1)).rejects.toThrow(INVALID)
  })

  test('that never ends is cut off at the limit', async () => {
    lieInTurn(endless)
    await expect(fetcher().get('latest', 1 << 20)).rejects.toThrow(INVALID)
    expect(lied.log.requests).toHaveLength(1)
  })

  test('of 1 GiB is cut off at the limit', async () => {
    let written = 0
    lieInTurn((response) => {
      response.writeHead(200, { 'content-length': 2 ** 30 })
      response.on('error', () => undefined)
      const chunk = new Uint8Array(2 ** 16)
      const pour = (): void => {
        do written += chunk.length
        while (!response.destroyed && response.write(chunk))
      }
      response.on('drain', pour)
      pour()
    })
    await expect(fetcher().get('latest', 8192)).rejects.toThrow(INVALID)
    expect(written).toBeLessThan(2 ** 26)
  })

  test('is requested with a user agent', async () => {
    const agents: (string | undefined)[] = []
    const fake: typeof fetch = (_, init) => {
      agents.push(new Headers(init?.headers).get('user-agent') ?? undefined)
      return Promise.resolve(new Response('ok'))
    }
    await fetcher({ fetch: fake }).get('latest', 10)
    await fetcher({ fetch: fake, userAgent: 'me' }).get('latest', 10)
    expect(agents).toEqual([DEFAULT_USER_AGENT, 'me'])
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    expect(DEFAULT_USER_AGENT).toBe(`gossum/${version}`)
  })
})

describe('a temporary failure', () => {
  test.each([500, 502, 503, 429])('with status %d is retried', async (status) => {
    lieInTurn(refuse(status), undefined)
    await fetcher().get('latest', 1000)
    expect(lied.log.requests).toHaveLength(2)
  })

  test('is reported after the last try, with the text of the server', async () => {
    lieInTurn(refuse(500))
    const failure = fetcher().get('latest', 1000)
    await expect(failure).rejects.toThrow(UNREACHABLE)
    await expect(failure).rejects.toThrow('status 500 no, says status 500')
    expect(lied.log.requests).toHaveLength(3)
  })

  test('is retried with growing, jittered delays', async () => {
    lieInTurn(refuse(500))
    await expect(fetcher({ retries: 6 }).get('latest', 1000)).rejects.toThrow(UNREACHABLE)
    expect(delays).toEqual([250, 500, 1000, 2000, 4000, 5000])
    delays.length = 0
    await expect(fetcher({ retries: 3, random: () => 0 }).get('latest', 1000)).rejects.toThrow(UNREACHABLE)
    expect(delays).toEqual([0, 0, 0])
  })

  test.each([
    ['7', 7000],
    ['86400', MAX_RETRY_AFTER_MS],
    [new Date(Date.now() + 3600_000).toUTCString(), MAX_RETRY_AFTER_MS],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 250],
    ['soon', 250],
    ['-5', 250],
  ])('with Retry-After %j is retried after a reasonable time', async (value, expected) => {
    lieInTurn(refuse(429, value), undefined)
    await fetcher().get('latest', 1000)
    expect(delays).toEqual([expected])
  })

  test('may be a connection that is closed early', async () => {
    lieInTurn(closeEarly, closeEarly, undefined)
    expect(await fetcher().get('latest', 1000)).toEqual(await lied.log.history.head())
    lieInTurn(closeEarly)
    await expect(fetcher().get('latest', 1000)).rejects.toThrow(UNREACHABLE)
  })

  test.each([
    ['before the answer', stall],
    ['in the body', stallInBody],
  ])('may be silence %s', async (_, behaviour) => {
    lied.log.lie = () => behaviour
    let tries = 0
    const counting: typeof fetch = (...request) => {
      tries++
      return fetch(...request)
    }
    const failure = fetcher({ fetch: counting, timeoutMs: 50, retries: 1 }).get('latest', 1000)
    await expect(failure).rejects.toThrow(UNREACHABLE)
    await expect(failure).rejects.toThrow('no answer in 50 ms')
    expect(tries).toBe(2)
  })

  test('may be a refused connection', async () => {
    await lied.log.close()
    const failure = fetcher().get('latest', 1000)
    await expect(failure).rejects.toThrow(UNREACHABLE)
    await expect(failure).rejects.toThrow('ECONNREFUSED')
    expect(delays).toHaveLength(2)
  })

  test('is not retried beyond a deadline for all tries', async () => {
    lieInTurn(stall)
    const one = fetcher({ timeoutMs: 30, deadlineMs: 200, retries: 1e6, random: () => 0 })
    const failure = one.get('latest', 1000)
    await expect(failure).rejects.toThrow(UNREACHABLE)
    await expect(failure).rejects.toThrow(/no answer in \d+ ms/)
  })

  test('is not retried if the pause would exceed the deadline', async () => {
    lieInTurn(refuse(503, '20'))
    await expect(fetcher({ deadlineMs: 5_000 }).get('latest', 1000)).rejects.toThrow('status 503')
    expect(delays).toEqual([])
  })
})

describe('a permanent failure', () => {
  test.each([400, 403, 404, 410])('with status %d is not retried', async (status) => {
    lieInTurn(refuse(status))
    await expect(fetcher().get('latest', 1000)).rejects.toMatchObject({
      code: 'LOG_ANSWER_INVALID',
      status,
      message: expect.stringContaining(`status ${status} no, says status ${status}`) as string,
    })
    expect(lied.log.requests).toHaveLength(1)
  })

  test('is reported with at most 200 characters of its text', async () => {
    lieInTurn((response) => {
      response.writeHead(404)
      response.end('<p>\n' + 'x'.repeat(100_000))
    })
    await expect(fetcher().get('latest', 1000)).rejects.toThrow(new RegExp(`status 404 <p> x{196}$`))
  })

  test('may be a redirect, which is not followed', async () => {
    lieInTurn((response) => {
      response.writeHead(302, { location: `${lied.log.url}/elsewhere` })
      response.end()
    })
    await expect(fetcher().get('latest', 1000)).rejects.toMatchObject({ code: 'LOG_ANSWER_INVALID', status: 302 })
    expect(lied.log.requests).toEqual(['latest'])
  })
})

describe('a caller that aborts', () => {
  const reason = new Error('enough')

  test('before the request makes no request', async () => {
    await expect(fetcher().get('latest', 1000, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(lied.log.requests).toEqual([])
  })

  test('during the answer ends it', async () => {
    const controller = new AbortController()
    lieInTurn(() => controller.abort(reason))
    await expect(fetcher().get('latest', 1000, { signal: controller.signal })).rejects.toBe(reason)
    expect(lied.log.requests).toHaveLength(1)
  })

  test('during the wait before a retry ends it', async () => {
    const controller = new AbortController()
    lieInTurn(refuse(503, '30'))
    const waiting = new Fetcher({
      url: lied.log.url,
      random: () => {
        setImmediate(() => controller.abort(reason))
        return 1
      },
    })
    await expect(waiting.get('latest', 1000, { signal: controller.signal })).rejects.toBe(reason)
    expect(lied.log.requests).toHaveLength(1)
  })
})

describe('the time of the server', () => {
  const said = async (headers: Record<string, string>, status = 200): Promise<number[]> => {
    const dates: number[] = []
    const answer = (): Promise<Response> => Promise.resolve(new Response('x', { status, headers }))
    await fetcher({ fetch: answer, retries: 0 })
      .get('latest', 100, { onDate: (ms) => dates.push(ms) })
      .catch(() => undefined)
    return dates
  }
  const date = 'Sat, 28 Nov 2026 12:00:00 GMT'
  const at = Date.parse(date)

  test.each<[string, Record<string, string>, number[]]>([
    ['is reported', { date }, [at]],
    ['is later by the age of the answer in a cache', { date, age: '90' }, [at + 90_000]],
    ['is not changed by an invalid age', { date, age: 'old' }, [at]],
    ['is not changed by a negative age', { date, age: '-90' }, [at]],
    ['is not reported without a date', {}, []],
    ['is not reported with an invalid date', { date: 'noon' }, []],
  ])('%s', async (_what, headers, expected) => {
    expect(await said(headers)).toEqual(expected)
  })

  test('is reported with an error too', async () => {
    expect(await said({ date }, 503)).toEqual([at])
  })
})
