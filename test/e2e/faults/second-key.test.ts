/** A new key next to one that has signed before: the node waits for what others know of the old one. */
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { gossum } from '../../helpers/cli.js'
import { testSigner } from '../../helpers/heart.js'
import { scratchFolder, temporaryHome } from '../../helpers/home.js'
import { Link } from '../../helpers/link.js'
import { PushingLog } from '../../helpers/witness-client.js'
import {
  addressOf,
  elsewhere,
  expectSigned,
  guardIs,
  idOf,
  pushed,
  pushTo,
  remembered,
  start,
  status,
  treeText,
  type Running,
} from './world.js'

const log = new PushingLog(testSigner('pushing.example', 2))

/** A home with both keys, which may have been made by two commands. Returns their verifier keys. */
async function keys(home: string): Promise<{ witness: string; mlDsa: string }> {
  const made = await gossum(['key', 'new', '--ml-dsa', '--name', 'w.example', '--json'], { home })
  expect(made.code, made.stderr).toBe(0)
  return JSON.parse(made.stdout) as { witness: string; mlDsa: string }
}

const kept = scratchFolder()
const home = join(kept.dir, 'home')
const ends: (() => void)[] = []
afterAll(() => ends.forEach((end) => end()))
let link: Link
let setup: Running

/** Both keys cosigned size 30, seen by a peer, which no test tells anything new. */
beforeAll(async () => {
  const atEnd = (end: () => void): void => void ends.push(end)
  const peer = await start(join(kept.dir, 'peer'), { logs: [pushed(elsewhere)] }, atEnd)
  const { mlDsa } = await keys(home)
  link = await Link.to(addressOf(peer), 0, atEnd)
  setup = { logs: [pushed(log)], bootstrap: [link.through(addressOf(peer))], args: ['--guard-wait', '600'] }
  const running = await start(home, setup, atEnd)
  await running.event(guardIs('guarded'))
  await expectSigned(running, log, 0, 30)
  await running.stop()
  expect((await remembered(peer, mlDsa)).promises.get(idOf(log))).toBe(treeText(log.tree(30)))
})

test.each([
  ['Ed25519 key beside the old ML-DSA key', 'witness-ml-dsa.key'],
  ['ML-DSA key beside the old Ed25519 key', 'witness.key'],
])('a new %s', async (_, old) => {
  const renewed = join(temporaryHome(), 'home')
  await keys(renewed)
  copyFileSync(join(home, old), join(renewed, old))

  link.hold()
  const node = await start(renewed, setup)
  expect((await status(node)).guard.state).toBe('waiting')
  for (const size of [20, 45]) {
    const answer = await pushTo(node, log.fork(10), 0, size)
    expect(answer.status, answer.body).toBe(503)
  }
  link.release()
  await node.event(guardIs('guarded'))
  for (const size of [20, 30, 45]) {
    const answer = await pushTo(node, log.fork(10), 0, size)
    expect(answer.status, answer.body).not.toBe(200)
  }
  const below = await pushTo(node, log, 0, 20)
  expect(below.status, below.body).not.toBe(200)
})

test('the old ML-DSA key alone: the node makes no witness key, and does not start', async () => {
  const renewed = join(temporaryHome(), 'home')
  mkdirSync(renewed, { mode: 0o700 })
  copyFileSync(join(home, 'witness-ml-dsa.key'), join(renewed, 'witness-ml-dsa.key'))
  await expect(start(renewed, { ...setup, args: ['--name', 'w.example'] })).rejects.toThrow('KEY_MISSING')
  expect(readdirSync(renewed)).toEqual(['witness-ml-dsa.key'])
})
