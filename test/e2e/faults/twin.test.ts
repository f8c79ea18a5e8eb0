/** Two nodes with one key: both stop signing and report it everywhere; when one is gone for good the other goes on. */
import { setTimeout as delay } from 'node:timers/promises'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testSigner } from '../../helpers/heart.js'
import { temporaryHome } from '../../helpers/home.js'
import { Link } from '../../helpers/link.js'
import type { RunningNode } from '../../helpers/node.js'
import { PushingLog } from '../../helpers/witness-client.js'
import {
  addressOf,
  elsewhere,
  expectSigned,
  guardIs,
  homeWithKey,
  metric,
  pushed,
  pushTo,
  readiness,
  snapshot,
  start,
  status,
} from './world.js'

const log = new PushingLog(testSigner('pushing.example', 2))

async function expectStopped(node: RunningNode): Promise<void> {
  const told = await node.event(guardIs('twin'))
  expect(told).toMatchObject({ text: expect.stringContaining('another node is signing with this key') as string })
  expect((await status(node)).guard.state).toBe('twin')
  const ready = await readiness(node)
  expect(ready.status).toBe(503)
  expect(ready.failing).toContain('duplicate key')
  expect(await metric(node, 'gossum_guard_state{state="twin"}')).toBe(1)
  const from = (await status(node)).logs[0]!.size
  for (const to of from === 0 ? [30, 45] : [from, 45]) {
    const answer = await pushTo(node, log, from, to)
    expect(answer.status, answer.body).toBe(503)
  }
}

test.each([
  ['through a peer of both', (peer: RunningNode) => peer],
  ['with each other', (_: RunningNode, running: RunningNode) => running],
])('two homes with one key, connected %s', async (_, known) => {
  const peer = await start(temporaryHome(), { logs: [pushed(elsewhere)] })
  const { home } = await homeWithKey()
  const setup = { logs: [pushed(log)], bootstrap: [addressOf(peer)] }
  const running = await start(home, setup)
  await running.event(guardIs('guarded'))
  await expectSigned(running, log, 0, 30)

  const elsewhereHome = temporaryHome()
  copyFileSync(join(home, 'witness.key'), join(elsewhereHome, 'witness.key'))
  const twin = await start(elsewhereHome, { ...setup, bootstrap: [addressOf(known(peer, running))] })
  await expectStopped(running)
  await expectStopped(twin)
  // No answer of a peer changes that, and neither does time.
  expect(running.all(guardIs('guarded'))).toHaveLength(1)

  await twin.stop()
  await running.stop()
  const again = await start(home, setup)
  await again.event(guardIs('guarded'))
  await expectSigned(again, log, 30, 40)
  expect((await readiness(again)).failing).not.toContain('duplicate key')
  expect(again.all(guardIs('twin'))).toEqual([])
})

test('a cloned machine with the same peer id: what one signed stops the other once it learns of it', async () => {
  const peer = await start(temporaryHome(), { logs: [pushed(elsewhere)] })
  const { home } = await homeWithKey()
  const link = await Link.to(addressOf(peer))
  const setup = { logs: [pushed(log)], bootstrap: [link.through(addressOf(peer))] }
  const running = await start(home, setup)
  await running.event(guardIs('guarded'))
  await expectSigned(running, log, 0, 30)
  const cloned = snapshot(home)
  // A cosignature has whole seconds: within the second of the start it is unknown whether it was made before.
  const began = Date.now()
  while (Math.floor(Date.now() / 1000) === Math.floor(began / 1000)) await delay(20)
  const clone = await start(cloned, { ...setup, bootstrap: [addressOf(peer)] })
  await clone.event(guardIs('guarded'))
  await expectSigned(clone, log, 30, 40)
  expect(clone.ready.peerId).toBe(running.ready.peerId)

  // It meets the peer again, as after any lost connection.
  const address = addressOf(peer)
  link.cut()
  await running.event((event) => event.event === 'peer' && !event.connected)
  link.target(address)
  await expectStopped(running)
})
