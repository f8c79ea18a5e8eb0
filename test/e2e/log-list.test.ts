/** `gossum run --log-list`: a node that witnesses the logs of a list, as a process. */
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { StatusView } from '../../src/status/shapes.js'
import { logId } from '../../src/tlog/checkpoint.js'
import { TilesLog } from '../fakes/tiles-log.js'
import { gossum } from '../helpers/cli.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { push } from '../helpers/witness-client.js'

const NAME = 'listed.example/log'
const ID = logId(NAME, NAME)

/** Serves a text at an address that ends like a file name. */
async function serve(text: () => string): Promise<string> {
  const server = createServer((_request, response) => response.end(text()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/log-list.1`
}

function listOf(...logs: TilesLog[]): string {
  return `logs/v0\n${logs.map(({ signer }) => `vkey ${signer.verifier.vkey}\nqpd 3\ncontact nobody\n`).join('')}`
}

test('cosigns what they push, within the daily quota of the list, and goes on without the list', async () => {
  const log = new TilesLog(testSigner(NAME, 1)).grow(10)
  let text = listOf(log)
  const list = await serve(() => text)
  const home = temporaryHome()
  const args = [
    '--poll',
    '0.2',
    '--contact',
    ' me@example.org ',
    '--log',
    `${testSigner('other.example', 5).verifier.vkey} -`,
  ]
  let node = await RunningNode.start(home, [...args, '--log-list', list])
  expect(await node.event(({ event }) => event === 'log-list')).toMatchObject({
    list,
    format: 'c2sp.org/tlog-list',
    added: [{ id: ID, name: NAME, origin: NAME }],
    refused: [],
    error: null,
    atNextStart: false,
  })
  expect(await node.json('/api/v1/logs')).toMatchObject({
    logs: [
      { name: 'other.example', list: null, perDay: null },
      { id: ID, url: null, list, perDay: 3, disabled: false },
    ],
  })

  const about = (frozen: boolean): object => ({
    contact: 'me@example.org',
    keys: [node.ready.witness],
    logs: [
      { name: 'other.example', polled: false, perDay: null, frozen: false },
      { id: ID, origin: NAME, keys: [node.ready.witness], perDay: 3, frozen },
    ],
  })
  expect(await node.json('/api/v1/witness')).toMatchObject(about(false))

  // Pushes of others in its name cost it nothing.
  const stranger = new TilesLog(testSigner(NAME, 2)).grow(10)
  for (let i = 0; i < 5; i++) expect((await push(node.ready.http, stranger.pushed(0))).status).toBe(403)
  expect((await push(node.ready.http, log.pushed(0))).status).toBe(200)
  for (let i = 0; i < 5; i++) expect((await push(node.ready.http, log.pushed(10))).status).toBe(200)
  for (const from of [10, 15]) {
    log.grow(5)
    expect((await push(node.ready.http, log.pushed(from))).status).toBe(200)
  }
  log.grow(5)
  const over = await push(node.ready.http, log.pushed(20))
  expect(over).toMatchObject({ status: 429, headers: { 'retry-after': '600' } })
  expect(over.body).toContain('daily quota of pushed heads')
  expect(await node.json('/api/v1/logs')).toMatchObject({ logs: [{}, { id: ID, size: 20, suspects: [] }] })
  // A lie is accepted even from a log that has used up its quota.
  const lie = await push(node.ready.http, log.fork(15, 20).pushed(20))
  expect(lie.status).toBe(422)
  expect(await node.event(({ event }) => event === 'evidence')).toMatchObject({ log: ID, sizes: [20, 20] })
  expect(await node.json('/api/v1/witness')).toMatchObject(about(true))
  expect(await node.stop()).toBe(0)

  // The list now has another key, and is refused; later it cannot be reached any more.
  text = listOf(stranger)
  node = await RunningNode.start(home, [...args, '--log-list', list])
  expect(await node.event(({ event }) => event === 'log-list')).toMatchObject({
    added: [],
    refused: [{ name: NAME, code: 'LOG_KEY_CHANGED' }],
  })
  await node.stop()
  node = await RunningNode.start(home, args)
  expect(await node.json('/api/v1/logs')).toMatchObject({ logs: [{}, { id: ID, size: 20, list, frozen: true }] })
})

test('starts without a list that does not answer, and reports it', async () => {
  const node = await RunningNode.start(temporaryHome(), [
    ...['--log', `${testSigner('other.example', 5).verifier.vkey} -`, '--log-list', '/nonexistent/list'],
  ])
  const said = await node.event(({ event }) => event === 'log-list')
  expect(said).toMatchObject({
    list: '/nonexistent/list',
    format: null,
    added: [],
    error: expect.stringContaining('ENOENT') as string,
  })
  expect(await node.json('/api/v1/logs')).toMatchObject({ logs: [{ name: 'other.example' }] })
  const { conditions } = (await node.json('/api/v1/status')) as StatusView
  expect(conditions).toContainEqual(
    expect.objectContaining({ name: 'log list unread', text: expect.stringContaining('ENOENT') as string }),
  )
})

test('reports that its operator cannot reach it if a home cannot have a socket', async () => {
  const home = temporaryHome()
  // In its place is something that is not a socket, and cannot be removed like one.
  mkdirSync(join(home, 'operator.sock', 'x'), { recursive: true })
  const node = await RunningNode.start(home, ['--log', `${testSigner('other.example', 5).verifier.vkey} -`])
  const { conditions } = (await node.json('/api/v1/status')) as StatusView
  const [shut] = conditions.filter(({ name }) => name === 'operator door shut')
  expect(shut?.text).toContain('<home>/operator.sock')
})

test.each(['https://example.org', 'https://example.org/', 'https://example.org/l?x=1'])(
  'refuses %s, which names no file',
  async (list) => {
    const { code, stderr } = await gossum(['run', '--home', temporaryHome(), '--log-list', list])
    expect([code, stderr]).toEqual([2, expect.stringContaining('log-list')])
  },
)
