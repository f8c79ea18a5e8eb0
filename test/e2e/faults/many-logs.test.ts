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

const LOGS = 80

const logs = Array.from({ length: LOGS }, (_, i) => new PushingLog(testSigner(`log.example/${i}`, 1 + i)))

/** Makes a home follow all of them, like a log list: settings would allow fewer. */
async function follow(home: string): Promise<void> {
  const listed = { list: 'https://list.example/logs', perDay: 1000 }
  await changeBook(home, () => logs.slice(1).map((log) => ({ ...parseLogSetting(pushed(log)), ...listed })))
}

async function statuses(node: RunningNode, act: (log: PushingLog) => Uint8Array): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  const answers = await Promise.all(logs.map((log) => push(node.ready.http, act(log), { agent })))
  agent.destroy()
  return answers.map(({ status }) => status)
}

const ALL_SIGNED = logs.map(() => 200)

async function past(home: string, peer: RunningNode) {
  const setup = { logs: [pushed(logs[0]!)], bootstrap: [addressOf(peer)] }
  await follow(home)
  const first = await start(home, setup)
  await first.event(guardIs('guarded'))
  expect(await statuses(first, (log) => log.body(0, 10))).toEqual(ALL_SIGNED)
  await first.stop()
  const older = snapshot(home)
  const running = await start(home, setup)
  await running.event(guardIs('guarded'))
  expect(await statuses(running, (log) => log.body(10, 30))).toEqual(ALL_SIGNED)
  await running.kill()
  return { older, setup }
}

async function expectNoFork(node: RunningNode, from: number): Promise<void> {
  await node.event(guardIs('guarded'))
  expect(await statuses(node, (log) => log.fork(10).body(from, 20))).not.toContain(200)
  expect(await statuses(node, (log) => log.fork(10).body(from, 45))).not.toContain(200)
  expect(await statuses(node, (log) => log.body(from, 20))).not.toContain(200)
}

test('one key: the peer reports all of them, and none of the forks is signed', async () => {
  const peer = await start(temporaryHome(), { logs: [pushed(elsewhere)] })
  const { home, vkey } = await homeWithKey()
  const { older, setup } = await past(home, peer)
  const { promises } = await remembered(peer, vkey)
  expect(promises).toEqual(new Map(logs.map((log) => [idOf(log), treeText(log.tree(30))])))

  const restored = await start(older, setup)
  await expectNoFork(restored, 10)
  expect((await pushTo(restored, logs[LOGS - 1]!, 10, 30)).status).toBe(200)
  await restored.stop()

  const emptied = temporaryHome()
  copyFileSync(join(home, 'witness.key'), join(emptied, 'witness.key'))
  await follow(emptied)
  await expectNoFork(await start(emptied, setup), 0)
})

test('two keys, one of them with large signatures', async () => {
  const peer = await start(temporaryHome(), { logs: [pushed(elsewhere)] })
  const home = join(temporaryHome(), 'home')
  const made = await gossum(['key', 'new', '--ml-dsa', '--name', 'w.example', '--json'], { home })
  const { witness, mlDsa } = JSON.parse(made.stdout) as { witness: string; mlDsa: string }
  const { older, setup } = await past(home, peer)
  const trees = new Map(logs.map((log) => [idOf(log), treeText(log.tree(30))]))
  for (const key of [witness, mlDsa]) expect((await remembered(peer, key)).promises).toEqual(trees)
  await expectNoFork(await start(older, setup), 10)
})
