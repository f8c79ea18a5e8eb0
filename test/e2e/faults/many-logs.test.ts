/** More logs than fit on a page: a restored home, or one with only its key, signs a fork of none of them. */
import { copyFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseLogSetting } from '../../../src/config/config.js'
import { changeBook } from '../../../src/logs/followed-logs.js'
import { gossum } from '../../helpers/cli.js'
import { testSigner } from '../../helpers/heart.js'
import { temporaryHome } from '../../helpers/home.js'
import type { RunningNode } from '../../helpers/node.js'
import { push, PushingLog } from '../../helpers/witness-client.js'
import {
  addressOf,
  elsewhere,
  guardIs,
  homeWithKey,
  idOf,
  pushed,
  pushTo,
  remembered,
  snapshot,
  start,
  treeText,
} from './world.js'

/** A page has room for 64 promises. */
const many = Array.from({ length: 80 }, (_, i) => new PushingLog(testSigner(`log.example/${i}`, 1 + i)))
/** A page has room for 42 promises by an ML-DSA-44 key. */
const large = many.slice(0, 50)
/** No log is polled, but a node would look five times a second what is to be done about each of them. */
const args = ['--poll', '60']

type Logs = readonly PushingLog[]

/** Makes a home follow all of them, like a log list: settings would allow fewer. */
async function follow(home: string, logs: Logs): Promise<void> {
  const listed = { list: 'https://list.example/logs', perDay: 1000 }
  await changeBook(home, () => logs.slice(1).map((log) => ({ ...parseLogSetting(pushed(log)), ...listed })))
}

async function statuses(node: RunningNode, logs: Logs, act: (log: PushingLog) => Uint8Array): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  const answers = await Promise.all(logs.map((log) => push(node.ready.http, act(log), { agent })))
  agent.destroy()
  return answers.map(({ status }) => status)
}

async function past(home: string, logs: Logs, peer: RunningNode) {
  const allSigned = logs.map(() => 200)
  const setup = { logs: [pushed(logs[0]!)], bootstrap: [addressOf(peer)], args }
  await follow(home, logs)
  const first = await start(home, setup)
  await first.event(guardIs('guarded'))
  expect(await statuses(first, logs, (log) => log.body(0, 10))).toEqual(allSigned)
  await first.stop()
  const older = snapshot(home)
  const running = await start(home, setup)
  await running.event(guardIs('guarded'))
  expect(await statuses(running, logs, (log) => log.body(10, 30))).toEqual(allSigned)
  await running.kill()
  return { older, setup }
}

async function expectNoFork(node: RunningNode, logs: Logs, from: number): Promise<void> {
  await node.event(guardIs('guarded'))
  expect(await statuses(node, logs, (log) => log.fork(10).body(from, 20))).not.toContain(200)
  expect(await statuses(node, logs, (log) => log.fork(10).body(from, 45))).not.toContain(200)
  expect(await statuses(node, logs, (log) => log.body(from, 20))).not.toContain(200)
}

test('one key: the peer reports all of them, and none of the forks is signed', async () => {
  const peer = await start(temporaryHome(), { logs: [pushed(elsewhere)], args })
  const { home, vkey } = await homeWithKey()
  const { older, setup } = await past(home, many, peer)
  const { promises } = await remembered(peer, vkey)
  expect(promises).toEqual(new Map(many.map((log) => [idOf(log), treeText(log.tree(30))])))

  const restored = await start(older, setup)
  await expectNoFork(restored, many, 10)
  expect((await pushTo(restored, many.at(-1)!, 10, 30)).status).toBe(200)
  await restored.stop()

  const emptied = temporaryHome()
  copyFileSync(join(home, 'witness.key'), join(emptied, 'witness.key'))
  await follow(emptied, many)
  await expectNoFork(await start(emptied, setup), many, 0)
})

test('two keys, one of them with large signatures', async () => {
  const peer = await start(temporaryHome(), { logs: [pushed(elsewhere)], args })
  const home = join(temporaryHome(), 'home')
  const made = await gossum(['key', 'new', '--ml-dsa', '--name', 'w.example', '--json'], { home })
  const { witness, mlDsa } = JSON.parse(made.stdout) as { witness: string; mlDsa: string }
  const { older, setup } = await past(home, large, peer)
  const trees = new Map(large.map((log) => [idOf(log), treeText(log.tree(30))]))
  for (const key of [witness, mlDsa]) expect((await remembered(peer, key)).promises).toEqual(trees)
  await expectNoFork(await start(older, setup), large, 10)
})
