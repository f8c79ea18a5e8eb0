/**
 * A home restored from an older copy, at a node with no policy and one bootstrap peer: the peer immediately knows what
 * the key has signed since then, whatever its verdict on it, and nothing that contradicts it is signed.
 */
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { gossum } from '../../helpers/cli.js'
import { testSigner } from '../../helpers/heart.js'
import { temporaryHome } from '../../helpers/home.js'
import type { RunningNode } from '../../helpers/node.js'
import { PushingLog } from '../../helpers/witness-client.js'
import {
  addressOf,
  advancedTo,
  elsewhere,
  expectSigned,
  guardIs,
  homeWithKey,
  idOf,
  isEvidence,
  LOG,
  outcomeOf,
  pushed,
  pushTo,
  remembered,
  serve,
  settingOf,
  snapshot,
  start,
  status,
  treeText,
} from './world.js'

const log = new PushingLog(testSigner('pushing.example', 2))
const ID = idOf(log)

/** Since its start a node has signed no larger tree than this one, and no other. */
function expectNothingBeside(node: RunningNode, size: number): void {
  const advanced = node.all((event) => event.event === 'outcome' && event.outcome === 'advanced')
  expect(advanced.filter((event) => 'size' in event && event.size !== size)).toEqual([])
}

/**
 * A peer that takes up what w signs, and w that cosigned size 30 of a polled log, with its home as it was at size 10.
 */
async function polledPast() {
  const honest = await serve(10)
  const peer = await start(temporaryHome(), { logs: [honest.setting] })
  const { home, vkey } = await homeWithKey()
  const setup = { logs: [honest.setting], bootstrap: [addressOf(peer)] }
  const first = await start(home, setup)
  await first.event(advancedTo(10))
  await first.stop()
  const older = snapshot(home)
  const running = await start(home, setup)
  await running.event(guardIs('guarded'))
  await honest.append(10, 30)
  await running.event(advancedTo(30))
  return { honest, peer, home, older, vkey, running, bootstrap: setup.bootstrap }
}

test('a peer has the promise when a head is signed, and the line right after that, though no policy counts it', async () => {
  const { honest, peer, vkey, running } = await polledPast()
  // Several heads: a hello, which is sent once a minute, would carry at most one of them.
  for (let size = 30; size < 33; size++) {
    await running.event(advancedTo(size))
    const { promises } = await remembered(peer, vkey)
    expect(promises.get(LOG)).toMatch(`${size} `)
    const { peerId } = running.ready
    const isIt = outcomeOf(size)
    // Submitted separately: gossip carries the head, and no line that nobody counts.
    await peer.event((event) => isIt(event) && 'source' in event && event.source === 'sync' && event.peer === peerId)
    const { lines } = await remembered(peer, vkey)
    expect(lines.get(LOG)).toBe(promises.get(LOG))
    await honest.append(size, size + 1)
  }
})

test('a fork that the log shows to a restored home is not signed, but convicts the log', async () => {
  const { older, running, bootstrap } = await polledPast()
  await running.stop()
  const fork = await serve(20, { salt: 'b', fork: 5 })
  const restored = await start(older, { logs: [fork.setting], bootstrap })
  const evidence = await restored.event(isEvidence)
  expect(evidence).toMatchObject({ type: 'gossum/split-view/v1', log: LOG })
  expectNothingBeside(restored, 30)
  expect((await status(restored)).logs).toMatchObject([{ frozen: true }])
})

test('nor is a fork that is larger than what was signed', async () => {
  const { older, running, bootstrap } = await polledPast()
  // The process is killed.
  await running.kill()
  const fork = await serve(45, { salt: 'b', fork: 15 })
  const restored = await start(older, { logs: [fork.setting], bootstrap })
  await restored.event(isEvidence)
  expectNothingBeside(restored, 30)
})

test('while its only peer is away nothing is signed, for the time that the operator has set', async () => {
  const { peer, older, running, bootstrap } = await polledPast()
  await Promise.all([peer.stop(), running.stop()])
  const stale = await serve(20)
  const lonely = await start(older, { logs: [stale.setting], bootstrap, args: ['--guard-wait', '600'] })
  await lonely.event((event) => event.event === 'bootstrap' && !event.reachable)
  expect((await status(lonely)).guard.state).toBe('waiting')
  expectNothingBeside(lonely, 10)
})

test('an operator who forgets to configure the peer again is guarded by it all the same', async () => {
  const { peer, older, running } = await polledPast()
  await running.stop()
  const fork = await serve(20, { salt: 'b', fork: 5 })
  const restored = await start(older, { logs: [fork.setting] })
  await restored.event(guardIs('guarded'))
  await restored.event(isEvidence)
  expectNothingBeside(restored, 30)
  expect((await status(restored)).peers).toBeGreaterThanOrEqual(1)
  expect(peer.child.exitCode).toBeNull()
})

// ---- what the peer does not take up ----------------------------------------------------------------------------

/** Peers, by their view of the log that w is asked to sign. */
const peers: [string, () => Promise<RunningNode>][] = [
  ['follows other logs', () => start(temporaryHome(), { logs: [pushed(elsewhere)] })],
  ['gets its pushes, too', () => start(temporaryHome(), { logs: [pushed(log)] })],
  [
    'cannot reach it',
    () => start(temporaryHome(), { logs: [settingOf(log.signer, 'http://127.0.0.1:9') + ` ${log.origin}`] }),
  ],
  ['has frozen it', frozenPeer],
]

/** It was pushed two histories, and passed on nothing. */
async function frozenPeer(): Promise<RunningNode> {
  const peer = await start(temporaryHome(), { logs: [pushed(log)] })
  await expectSigned(peer, log, 0, 10)
  expect((await pushTo(peer, log.fork(3), 10, 10)).status).not.toBe(200)
  await peer.event(isEvidence)
  return peer
}

/** w cosigned size 30 that was pushed, and its home is restored to its state at size 10. */
async function pushedPast(peer: RunningNode) {
  const { home, vkey } = await homeWithKey()
  const setup = { logs: [pushed(log)], bootstrap: [addressOf(peer)] }
  const first = await start(home, setup)
  await first.event(guardIs('guarded'))
  const [evidence] = ((await peer.json('/api/v1/evidence')) as { evidence: { id: string }[] }).evidence
  if (evidence !== undefined) {
    // Its own operator acknowledges it, and continues with the log all the same.
    await first.event(isEvidence)
    const ack = await gossum(['evidence', 'ack', evidence.id], { home })
    expect(ack.code, ack.stderr).toBe(0)
  }
  await expectSigned(first, log, 0, 10)
  await first.stop()
  const older = snapshot(home)
  const running = await start(home, setup)
  await running.event(guardIs('guarded'))
  await expectSigned(running, log, 10, 30)
  return { home, older, vkey, running, setup }
}

test.each(peers)('a peer that %s keeps what was signed, and a restored home stops at a fork', async (_, startPeer) => {
  const peer = await startPeer()
  const { older, vkey, running, setup } = await pushedPast(peer)
  const { promises } = await remembered(peer, vkey)
  expect(promises.get(ID)).toBe(treeText(log.tree(30)))
  await running.kill()

  const restored = await start(older, setup)
  await restored.event(guardIs('guarded'))
  const fork = log.fork(10)
  for (const [from, to] of [
    [10, 20],
    [10, 30],
    [10, 45],
  ] as const) {
    const answer = await pushTo(restored, fork, from, to)
    expect(answer.status, answer.body).not.toBe(200)
  }
  // Nor what is older than the newest, of the right history.
  expect((await pushTo(restored, log, 10, 20)).status).not.toBe(200)
  expectNothingBeside(restored, 30)
  const after = await remembered(peer, vkey)
  expect(after.promises.get(ID)).toBe(treeText(log.tree(30)))
})

test('a restored home continues when the log shows again what was signed', async () => {
  const peer = await start(temporaryHome(), { logs: [pushed(elsewhere)] })
  const { older, running, setup } = await pushedPast(peer)
  await running.stop()
  const restored = await start(older, setup)
  await restored.event(guardIs('guarded'))
  await expectSigned(restored, log, 10, 30)
  await expectSigned(restored, log, 30, 45)
})

test('an emptied home with only the key, after kill -9 right after the answer: a fork is not a first use', async () => {
  const peer = await start(temporaryHome(), { logs: [pushed(elsewhere)] })
  const { home, vkey } = await homeWithKey()
  const setup = { logs: [pushed(log)], bootstrap: [addressOf(peer)] }
  const running = await start(home, setup)
  await running.event(guardIs('guarded'))
  await expectSigned(running, log, 0, 30)
  await running.kill()
  expect((await remembered(peer, vkey)).promises.get(ID)).toBe(treeText(log.tree(30)))

  const emptied = temporaryHome()
  copyFileSync(join(home, 'witness.key'), join(emptied, 'witness.key'))
  rmSync(home, { recursive: true })
  const again = await start(emptied, setup)
  await again.event(guardIs('guarded'))
  for (const size of [20, 30, 45]) {
    const answer = await pushTo(again, log.fork(10), 0, size)
    expect(answer.status, answer.body).not.toBe(200)
  }
  // Of its own history, nothing smaller than it has signed.
  expect((await pushTo(again, log, 0, 20)).status).not.toBe(200)
  expectNothingBeside(again, 30)
})

test('a peer that is also killed remembers what it confirmed', async () => {
  const peerHome = temporaryHome()
  const peer = await start(peerHome, { logs: [pushed(elsewhere)] })
  const { vkey, running } = await pushedPast(peer)
  await Promise.all([peer.kill(), running.kill()])
  const back = await start(peerHome, { logs: [pushed(elsewhere)] })
  expect((await remembered(back, vkey)).promises.get(ID)).toBe(treeText(log.tree(30)))
})
