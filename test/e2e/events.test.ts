/** The events of a real node over HTTP: the same as on stdout, at both servers, until the node stops. */
import { expect, test } from 'vitest'
import { operatorSocket } from '../../src/http/operator-path.js'
import { ViewsLog } from '../fakes/views-log.js'
import { EventReader } from '../helpers/event-reader.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'

test('printed events are sent over HTTP unchanged, including a fork; the end of the node ends the answers', async () => {
  const log = await ViewsLog.start('localhost.localdev/sumdb', 300, ['127.0.0.1', '127.0.0.2'])
  const args = ['--log', log.setting(), '--poll', '0.2', '--guard-wait', '0', '--bootstrap', '/ip4/127.0.0.1/tcp/1']
  const node = await RunningNode.start(temporaryHome(), args)
  const { http } = node.ready
  // Everything sent before the client connected is included.
  const all = await EventReader.open(http, '/api/v1/events?after=00000000-0')
  const socketPath = operatorSocket(node.home)
  const operator = await EventReader.open('http://operator', '/api/v1/events?after=00000000-0', { socketPath })
  await all.until(({ events }) => events.some(({ event, data }) => event === 'outcome' && data.includes('advanced')))

  const lie = await log.fork(1)
  await log.grow(5)
  await lie.grow(5)
  await all.until(({ events }) => events.some(({ event, data }) => event === 'outcome' && data.includes('305')))
  await fetch(`${http}/api/v1/heads`, { method: 'POST', body: Buffer.from(await lie.server.head(305)) })
  const isEvidence = ({ event }: { readonly event: string }): boolean => event === 'evidence'
  await all.until(({ events }) => events.some(isEvidence))
  await operator.until(({ events }) => events.some(({ event }) => event === 'bootstrap') && events.some(isEvidence))
  await node.event(isEvidence)

  const told = ({ events }: EventReader): object[] =>
    events.slice(1, 1 + events.slice(1).findIndex(isEvidence) + 1).map(({ data }) => JSON.parse(data) as object)
  const printed = node.all(() => true)
  expect(told(operator)).toEqual(printed.slice(0, printed.findIndex(isEvidence) + 1))
  const own = new Set(['mirror', 'bootstrap', 'error', 'log-list'])
  const forAll = printed.filter(({ event }) => !own.has(event))
  expect(told(all)).toEqual(forAll.slice(0, forAll.findIndex(isEvidence) + 1))

  expect(await node.stop()).toBe(0)
  expect(await Promise.all([all.ended, operator.ended])).toEqual([true, true])
  await log.close()
})
