/** The events over HTTP, on real sockets: nothing is lost or sent twice, and no reader costs more than its share. */
import { connect } from 'node:net'
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventsRoute, type EventsDoor } from '../../src/http/events-door.js'
import type { EventsView } from '../../src/http/event-stream.js'
import { HttpServer, type HttpServerOptions } from '../../src/http/server.js'
import { EventLog, type EventLogLimits } from '../../src/node/event-log.js'
import { EventReader } from '../helpers/event-reader.js'
import { fakeNode, LOG_ID } from '../helpers/node-view.js'

const NAMES = ['audited', 'error', 'log']
const AT = '2026-01-02T03:04:05.000Z'

interface Served {
  readonly server: HttpServer
  readonly log: EventLog
  /** How readers connected and left. */
  readonly readers: string[]
}

interface Serving {
  readonly limits?: EventLogLimits
  readonly heartbeatMs?: number
  readonly options?: Partial<HttpServerOptions>
  /** What readers see of the log. */
  readonly seen?: (log: EventLog) => EventsView
}

async function serve({ limits, heartbeatMs, options, seen = (log) => log }: Serving = {}): Promise<Served> {
  const log = new EventLog(limits)
  const readers: string[] = []
  const door: EventsDoor = {
    ...{ events: seen(log), names: NAMES, follows: (id) => id === LOG_ID, now: () => Date.parse(AT) },
    onReader: (change) => void readers.push(change),
    ...(heartbeatMs !== undefined && { heartbeatMs }),
  }
  const node = { host: '127.0.0.1', port: 0, node: fakeNode() }
  const server = await HttpServer.start({ ...node, ...options, routes: [eventsRoute(door)] })
  onTestFinished(() => server.stop())
  return { server, log, readers }
}

/** Sends events about heads of these sizes. */
function tell(log: EventLog, from: number, to: number, of = LOG_ID): void {
  for (let size = from; size <= to; size++) log.add({ at: AT, event: 'audited', log: of, size })
}

function sizesOf({ events }: EventReader): number[] {
  return events.map(({ data }) => (JSON.parse(data) as { size: number }).size)
}

function upTo(last: number, from = 1): number[] {
  return Array.from({ length: last - from + 1 }, (_, i) => from + i)
}

async function refusal(url: string, path: string, headers = {}): Promise<[status: number, code: unknown]> {
  const asked = request(url, { path, headers, agent: false })
  asked.end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of answer.setEncoding('utf8')) text += chunk as string
  return [answer.statusCode!, (JSON.parse(text) as { code: unknown }).code]
}

describe('a reader', () => {
  test('receives new events as they happen, each with an id', async () => {
    const { server, log } = await serve()
    tell(log, 1, 3)
    const reader = await EventReader.open(server.url)
    expect(reader.response.statusCode).toBe(200)
    expect(reader.response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'access-control-allow-origin': '*',
    })
    expect(reader.response.headers.etag).toBeUndefined()
    // A client cut off before the first event already has an id to reconnect with.
    await reader.until(({ lastId }) => lastId !== '')
    expect([reader.lastId, reader.retry, reader.events]).toEqual([`${log.boot}-3`, '2000', []])
    log.add({ at: AT, event: 'error', code: 'INTERNAL', message: 'a\nline\u202e' })
    await reader.until(({ events }) => events.length === 1)
    expect(reader.events).toEqual([
      {
        id: `${log.boot}-4`,
        event: 'error',
        data: `{"at":"${AT}","event":"error","code":"INTERNAL","message":"a\\nline\\u202e"}`,
      },
    ])
  })

  test('that is often cut off under load misses no event, and receives none twice', async () => {
    const { server, log, readers } = await serve()
    let told = 0
    const more = setInterval(() => tell(log, told + 1, (told += 7)), 1)
    onTestFinished(() => clearInterval(more))
    const heard: number[] = []
    let lastId = `${log.boot}-0`
    for (let round = 0; round < 40; round++) {
      // It is cut off at any point, also within a received event.
      const headers = { 'last-event-id': lastId }
      const reader = await EventReader.open(server.url, '/api/v1/events', { headers, until: 1 + ((round * 13) % 50) })
      await reader.until(({ events }) => events.length === 1 + ((round * 13) % 50))
      reader.cut()
      heard.push(...sizesOf(reader))
      lastId = reader.lastId
    }
    clearInterval(more)
    const rest = await EventReader.open(server.url, `/api/v1/events?after=${lastId}`)
    await rest.until((reader) => sizesOf(reader).at(-1) === told || heard.at(-1) === told)
    expect([...heard, ...sizesOf(rest)]).toEqual(upTo(told))
    rest.cut()
    await expect.poll(() => readers.filter((change) => change === 'gone').length).toBe(41)
  })

  test('continues after the id that its browser sends, not the one in its URL', async () => {
    const { server, log } = await serve()
    tell(log, 1, 9)
    const path = `/api/v1/events?after=${log.boot}-2`
    const first = await EventReader.open(server.url, path)
    expect(sizesOf(await first.until(({ events }) => events.length === 7))).toEqual(upTo(9, 3))
    const again = await EventReader.open(server.url, path, { headers: { 'last-event-id': `${log.boot}-7` } })
    expect(sizesOf(await again.until(({ events }) => events.length === 2))).toEqual([8, 9])
  })

  test('receives a gap event if missed events are gone, and then the remaining ones', async () => {
    const { server, log } = await serve({ limits: { events: 3, characters: 1e6 } })
    tell(log, 1, 9)
    for (const [after, restarted] of [
      [`${log.boot}-5`, false],
      [`${log.boot}-99`, false],
      ['0123abcd-8', true],
    ] as const) {
      const reader = await EventReader.open(server.url, `/api/v1/events?after=${after}`)
      await reader.until(({ events }) => events.length === 4)
      const [gap, ...rest] = reader.events
      expect(gap).toMatchObject({ id: `${log.boot}-6`, event: 'gap' })
      expect(JSON.parse(gap!.data)).toEqual({ event: 'gap', at: AT, after, restarted })
      expect(rest.map(({ id }) => id)).toEqual([7, 8, 9].map((number) => `${log.boot}-${number}`))
    }
    // Everything that follows it is there.
    const whole = await EventReader.open(server.url, `/api/v1/events?after=${log.boot}-6`)
    expect(sizesOf(await whole.until(({ events }) => events.length === 3))).toEqual([7, 8, 9])
  })

  test('receives only the events that it asks for', async () => {
    const { server, log } = await serve()
    const other = 'cd'.repeat(32)
    const byName = await EventReader.open(server.url, '/api/v1/events?event=error,log')
    const byLog = await EventReader.open(server.url, `/api/v1/events?log=${LOG_ID}`)
    const both = await EventReader.open(server.url, `/api/v1/events?log=${LOG_ID}&event=log&event=audited`)
    tell(log, 1, 1)
    tell(log, 2, 2, other)
    log.add({ at: AT, event: 'error', code: 'INTERNAL', message: '' })
    log.add({ at: AT, event: 'log', log: LOG_ID, reachable: true, error: null })
    const names = ({ events }: EventReader): string[] => events.map(({ event }) => event)
    const isEnd = ({ events }: EventReader): boolean => events.at(-1)?.event === 'log'
    expect(names(await byName.until(isEnd))).toEqual(['error', 'log'])
    expect(names(await byLog.until(isEnd))).toEqual(['audited', 'log'])
    expect(names(await both.until(isEnd))).toEqual(['audited', 'log'])
  })

  test.each([
    ['?event=nothing', 400, 'REQUEST_INVALID'],
    ['?event=', 400, 'REQUEST_INVALID'],
    ['?event=log,,error', 400, 'REQUEST_INVALID'],
    ['?event=gap', 400, 'REQUEST_INVALID'],
    [`?log=${'cd'.repeat(32)}`, 404, 'LOG_UNKNOWN'],
    ['?log=', 404, 'LOG_UNKNOWN'],
    ['?after=5', 400, 'REQUEST_INVALID'],
    ['?after=', 400, 'REQUEST_INVALID'],
    ['?after=0123abcd-01', 400, 'REQUEST_INVALID'],
    ['?after=0123abcd-9999999999999999', 400, 'REQUEST_INVALID'],
  ])('that asks for %s is refused, and takes no slot', async (query, status, code) => {
    const { server, readers } = await serve()
    expect(await refusal(server.url, `/api/v1/events${query}`)).toEqual([status, code])
    expect(readers).toEqual([])
  })

  test('with an invalid id is refused', async () => {
    const { server } = await serve()
    const headers = { 'last-event-id': "<script>'" }
    expect(await refusal(server.url, '/api/v1/events', headers)).toEqual([400, 'REQUEST_INVALID'])
  })

  test('that asks only for the headers gets them, and releases its slot', async () => {
    const { server, readers } = await serve()
    const head = await fetch(`${server.url}/api/v1/events`, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8'])
    expect(await head.text()).toBe('')
    expect(readers).toEqual(['comes', 'gone'])
  })
})

describe('limits for readers', () => {
  test('one that reads nothing costs no more than the buffers of its connection, and is dropped', async () => {
    let pulled = 0
    const seen = (log: EventLog): EventsView => ({
      boot: log.boot,
      get newest() {
        return log.newest
      },
      get oldest() {
        return log.oldest
      },
      get: (number) => {
        const event = log.get(number)
        pulled += event?.text.length ?? 0
        return event
      },
      onAdded: (listener) => log.onAdded(listener),
    })
    const limits = { events: 1e6, characters: 1e9 }
    const { server, log, readers } = await serve({ limits, seen, heartbeatMs: 20 })
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.pause().write('GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n')
    await expect.poll(() => readers).toEqual(['comes'])
    const message = 'x'.repeat(100_000)
    for (let n = 0; n < 1000; n++) {
      log.add({ at: AT, event: 'error', code: 'INTERNAL', message })
      if (n % 50 === 0) await new Promise((later) => setImmediate(later))
    }
    // A hundred megabytes were sent; the kernel's buffers hold a few.
    expect(pulled).toBeLessThan(20e6)
    await expect.poll(() => readers).toEqual(['comes', 'slow'])
  })

  test('one that falls too far behind is dropped, and continues with its last id', async () => {
    const { server, log, readers } = await serve({ limits: { events: 4, characters: 1e9 }, heartbeatMs: 3_600_000 })
    const reader = await EventReader.open(server.url)
    tell(log, 1, 2)
    await reader.until(({ events }) => events.length === 2)
    reader.response.pause()
    const message = 'x'.repeat(1_000_000)
    while (!readers.includes('slow')) {
      log.add({ at: AT, event: 'error', code: 'INTERNAL', message })
      await new Promise((later) => setImmediate(later))
    }
    reader.response.resume()
    expect(await reader.ended).toBe(false)
    const again = await EventReader.open(server.url, '/api/v1/events', { headers: { 'last-event-id': reader.lastId } })
    await again.until(({ events }) => events.length === 5)
    expect(again.events.map(({ event }) => event)).toEqual(['gap', 'error', 'error', 'error', 'error'])
  })

  test('one network may have 32 readers, and more are refused', async () => {
    const { server, readers } = await serve()
    const open = await Promise.all(Array.from({ length: 32 }, () => EventReader.open(server.url)))
    const more = await Promise.all(Array.from({ length: 68 }, () => refusal(server.url, '/api/v1/events')))
    expect(new Set(more.map(String))).toEqual(new Set(['429,TOO_MANY_REQUESTS']))
    open[0]!.cut()
    await expect.poll(() => readers.at(-1)).toBe('gone')
    expect((await EventReader.open(server.url)).response.statusCode).toBe(200)
  })

  test('there may be 128 readers in all, and other requests are still answered', async () => {
    const { server } = await serve({ options: { trustedProxies: ['127.0.0.1'] } })
    const from = (n: number) => ({ 'x-forwarded-for': `9.9.${n}.9` })
    const open = Array.from({ length: 128 }, (_, n) =>
      EventReader.open(server.url, '/api/v1/events', { headers: from(n) }),
    )
    await Promise.all(open)
    expect(await refusal(server.url, '/api/v1/events', from(200))).toEqual([503, 'NODE_BUSY'])
    for (const path of ['/livez', '/api/v1/status', '/metrics'])
      expect((await fetch(`${server.url}${path}`)).status).toBe(200)
  })

  test('they keep their connections when these are scarce, and have no time limit', async () => {
    const limits = { most: 4, reserve: 2, readMs: 30, headersMs: 40, requestMs: 60 }
    const { server, log } = await serve({ heartbeatMs: 20, options: { limits } })
    const readers = await Promise.all([1, 2, 3].map(() => EventReader.open(server.url)))
    for (let n = 0; n < 20; n++) {
      const idle = connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => undefined)
      onTestFinished(() => void idle.destroy())
    }
    // Long after the limit of any other answer.
    for (const reader of readers) await reader.until(({ comments }) => comments > 20)
    tell(log, 1, 1)
    for (const reader of readers) expect(sizesOf(await reader.until(({ events }) => events.length > 0))).toEqual([1])
  })
})

test('a heartbeat is sent if there are no events', async () => {
  const { server } = await serve({ heartbeatMs: 10 })
  const reader = await EventReader.open(server.url)
  await reader.until(({ comments }) => comments >= 5)
  expect(reader.events).toEqual([])
})

test('stopping the server ends all readers at once, with complete answers, and no new one starts', async () => {
  const { server, log, readers } = await serve()
  const open = await Promise.all([1, 2, 3].map(() => EventReader.open(server.url)))
  tell(log, 1, 1)
  for (const reader of open) await reader.until(({ events }) => events.length === 1)
  await server.stop()
  // An answer that is cut off, as all are a second later, is incomplete.
  expect(await Promise.all(open.map(({ ended }) => ended))).toEqual([true, true, true])
  expect(readers.filter((change) => change === 'gone')).toHaveLength(3)
  tell(log, 2, 2)
})
