/**
 * Who receives which events over HTTP: the public server sends nothing that is for the operator alone, and no trace of
 * it.
 */
import { expect, onTestFinished, test } from 'vitest'
import { operatorSocket } from '../../src/http/operator-path.js'
import { OperatorDoor } from '../../src/http/operator-socket.js'
import { HttpServer } from '../../src/http/server.js'
import { News } from '../../src/node/news.js'
import { Streaming } from '../../src/node/streaming.js'
import { EventReader } from '../helpers/event-reader.js'
import { temporaryHome } from '../helpers/home.js'
import { fakeNode, LOG_ID } from '../helpers/node-view.js'

async function serve() {
  const printed: object[] = []
  const news = new News((event) => void printed.push(event))
  const streaming = new Streaming(news)
  const home = temporaryHome()
  const node = fakeNode()
  const about = { follows: (log: string) => log === LOG_ID, now: Date.now }
  const routes = [streaming.route('all', about)]
  const server = await HttpServer.start({ host: '127.0.0.1', port: 0, node, routes })
  const door = await OperatorDoor.start(home, node, {}, [streaming.route('operator', about)])
  onTestFinished(() => Promise.all([server.stop(), door.stop()]).then(() => undefined))
  return { news, printed, server, home, door }
}

const SECRET = 'secret.example'

function tellSecrets({ tell }: News): void {
  const module = { path: `${SECRET}/m`, version: 'v1.0.0', kind: 'zip', class: 'mirror only' } as const
  const refused = { upstream: `https://${SECRET}`, expected: null, got: null, reason: '' }
  tell({ event: 'mirror', log: LOG_ID, ...module, ...refused })
  tell({ event: 'bootstrap', address: `/dns4/${SECRET}/tcp/1`, reachable: false, error: null })
  tell({ event: 'error', code: 'INTERNAL', message: `/home/${SECRET}/db: no space` })
  const list = { format: null, added: [], refused: [], error: 'none', atNextStart: false }
  tell({ event: 'log-list', list: `/home/${SECRET}/list`, ...list })
}

test('the operator gets every event, as run --json prints it; others get no trace of those for the operator alone', async () => {
  const { news, printed, server, home } = await serve()
  const all = await EventReader.open(server.url)
  const operator = await EventReader.open('http://operator', '/api/v1/events', { socketPath: operatorSocket(home) })
  news.tell({ event: 'audited', log: LOG_ID, size: 1 })
  tellSecrets(news)
  news.tell({ event: 'audited', log: LOG_ID, size: 2 })

  await operator.until(({ events }) => events.length === 6)
  expect(operator.events.map(({ data }) => JSON.parse(data) as object)).toEqual(printed)
  await all.until(({ events }) => events.length === 2)
  expect(all.events.map(({ event }) => event)).toEqual(['audited', 'audited'])
  expect(all.events.map(({ id }) => id.split('-')[1])).toEqual(['1', '2'])
  expect(JSON.stringify(all.events)).not.toContain(SECRET)
  // Past events are not sent to others either.
  const again = await EventReader.open(server.url, '/api/v1/events?after=00000000-0')
  await again.until(({ events }) => events.length === 3)
  expect(JSON.stringify(again.events)).not.toContain(SECRET)
  // An id of one server means nothing at the other.
  const other = await EventReader.open(server.url, `/api/v1/events?after=${operator.lastId}`)
  await other.until(({ events }) => events.length === 3)
  expect(other.events[0]!.event).toBe('gap')
})

test.each(['mirror', 'bootstrap', 'error', 'log-list', 'audited,mirror'])(
  'a request for %s is refused on the public server, and served to the operator',
  async (names) => {
    const { server, home } = await serve()
    const refused = await fetch(`${server.url}/api/v1/events?event=${names}`)
    expect([refused.status, await refused.json()]).toMatchObject([400, { code: 'REQUEST_INVALID' }])
    const path = `/api/v1/events?event=${names}`
    const operator = await EventReader.open('http://operator', path, { socketPath: operatorSocket(home) })
    expect(operator.response.statusCode).toBe(200)
  },
)

test('readers are counted on both servers, and the operator’s server ends its own when it closes', async () => {
  const { news, server, home, door } = await serve()
  const all = await EventReader.open(server.url)
  const operator = await EventReader.open('http://operator', '/api/v1/events', { socketPath: operatorSocket(home) })
  const readers = async (): Promise<number> => (await news.metrics.eventReaders.get()).values[0]!.value
  expect(await readers()).toBe(2)
  await door.stop()
  expect(await operator.ended).toBe(true)
  all.cut()
  await expect.poll(readers).toBe(0)
})

test('a failing listener withholds no event from the one that prints, nor the one that prints from listeners', async () => {
  const heard: string[] = []
  const news = new News(({ event }) => {
    heard.push(event)
    throw new Error('a full disk')
  })
  news.on('told', ({ event }) => {
    heard.push(event)
    throw new Error('a bug')
  })
  news.tell({ event: 'audited', log: LOG_ID, size: 1 })
  expect(heard).toEqual(['audited', 'audited'])
  const { values } = await news.metrics.errors.get()
  expect(values.find(({ labels }) => labels.code === 'INTERNAL')!.value).toBe(2)
})
