/**
 * A home restored from an older copy, at a node with no policy and one bootstrap peer: the peer immediately knows what
 * the key has signed since then, whatever its verdict on it, and nothing that contradicts it is signed.
 */
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gossum } from '../../helpers/cli.js'
import { testSigner } from '../../helpers/heart.js'
import { copyHome, scratchFolder, temporaryHome } from '../../helpers/home.js'
import { Link } from '../../helpers/link.js'
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

/** What several tests use ends after the last of them. */
const kept = scratchFolder()
const ends: (() => void)[] = []
afterAll(() => ends.forEach((end) => end()))
const atEnd = (end: () => void): void => void ends.push(end)

/** Since its start a node has signed no larger tree of a log than this one, and no other. */
function expectNothingBeside(node: RunningNode, size: number, log = LOG): void {
  const advanced = node.all((event) => event.event === 'outcome' && event.outcome === 'advanced' && event.log === log)
  expect(advanced.filter((event) => 'size' in event && event.size !== size)).toEqual([])
}

test('a peer has the promise when a head is signed, and the line right after that, though no policy counts it', async () => {
  const honest = await serve(10)
  const peer = await start(temporaryHome(), { logs: [honest.setting] })
  const { home, vkey } = await homeWithKey()
  const running = await start(home, { logs: [honest.setting], bootstrap: [addressOf(peer)] })
  await running.event(guardIs('guarded'))
  await honest.append(10, 30)
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

// ---- a log that both poll --------------------------------------------------------------------------------------

describe('w cosigned size 30 of a polled log, and its home is as it was at size 10', () => {
  const [older, peerHome] = [join(kept.dir, 'older'), join(kept.dir, 'peer')]
  /** To the peer, wherever it listens; cut while it is away. */
  let link: Link
  let bootstrap: string[]

  /** Once: each test has copies of the two homes. */
  beforeAll(async () => {
    const honest = await serve(10, {}, atEnd)
    const logs = [honest.setting]
    const peer = await start(peerHome, { logs }, atEnd)
    link = await Link.to(addressOf(peer), 0, atEnd)
    bootstrap = [link.through(addressOf(peer))]
    const { home } = await homeWithKey(join(kept.dir, 'w'))
    const first = await start(home, { logs, bootstrap }, atEnd)
    await first.event(advancedTo(10))
    await first.stop()
    copyHome(home, older)
    const running = await start(home, { logs, bootstrap }, atEnd)
    await running.event(guardIs('guarded'))
    await honest.append(10, 30)
    await running.event(advancedTo(30))
    await running.kill()
    await peer.stop()
    link.cut()
    await honest.close()
  })

  /** The peer, which took up what w signed. */
  async function startPeer(): Promise<RunningNode> {
    const { setting } = await serve(30)
    const peer = await start(snapshot(peerHome), { logs: [setting] })
    link.target(addressOf(peer))
    return peer
  }

  test('a fork that the log shows is not signed, but convicts the log', async () => {
    await startPeer()
    const fork = await serve(20, { salt: 'b', fork: 15 })
    const restored = await start(snapshot(older), { logs: [fork.setting], bootstrap })
    const evidence = await restored.event(isEvidence)
    expect(evidence).toMatchObject({ type: 'gossum/split-view/v1', log: LOG })
    expectNothingBeside(restored, 30)
    expect((await status(restored)).logs).toMatchObject([{ frozen: true }])
  })

  test('nor is a fork that is larger than what was signed', async () => {
    await startPeer()
    const fork = await serve(45, { salt: 'b', fork: 15 })
    const restored = await start(snapshot(older), { logs: [fork.setting], bootstrap })
    await restored.event(isEvidence)
    expectNothingBeside(restored, 30)
  })

  test('while its only peer is away nothing is signed, for the time that the operator has set', async () => {
    link.cut()
    const stale = await serve(20)
    const args = ['--guard-wait', '600']
    const lonely = await start(snapshot(older), { logs: [stale.setting], bootstrap, args })
    await lonely.event((event) => event.event === 'bootstrap' && !event.reachable)
    expect((await status(lonely)).guard.state).toBe('waiting')
    expectNothingBeside(lonely, 10)
  })

  test('an operator who forgets to configure the peer again is guarded by it all the same', async () => {
    const peer = await startPeer()
    const fork = await serve(20, { salt: 'b', fork: 15 })
    const restored = await start(snapshot(older), { logs: [fork.setting] })
    await restored.event(guardIs('guarded'))
    await restored.event(isEvidence)
    expectNothingBeside(restored, 30)
    expect((await status(restored)).peers).toBeGreaterThanOrEqual(1)
    expect(peer.child.exitCode).toBeNull()
  })
})

// ---- what the peer does not take up ----------------------------------------------------------------------------

describe('w cosigned size 30 of logs that push, and its home is restored to its state at size 10', () => {
  const logOf = (view: number): PushingLog => new PushingLog(testSigner(`pushing.example/${view}`, 2 + view))
  const [unfollowed, pushedToo, unreachable, frozen, faithful] = [logOf(0), logOf(1), logOf(2), logOf(3), logOf(4)]
  const logs = [unfollowed, pushedToo, unreachable, frozen, faithful]
  /** They differ in what the only peer knows of them; so that it does not follow the last, either. */
  const views: [string, PushingLog][] = [
    ['does not follow', unfollowed],
    ['gets pushed, too', pushedToo],
    ['cannot reach', unreachable],
    ['has frozen', frozen],
  ]
  let peer: RunningNode
  let vkey: string
  let restored: RunningNode

  /** One restored node for all tests: each has a log of its own. */
  beforeAll(async () => {
    const nowhere = settingOf(unreachable.signer, `http://127.0.0.1:9 ${unreachable.origin}`)
    peer = await start(join(kept.dir, 'pushed peer'), { logs: [pushed(pushedToo), nowhere, pushed(frozen)] }, atEnd)
    // It was pushed two histories, and passed on nothing.
    await expectSigned(peer, frozen, 0, 10)
    expect((await pushTo(peer, frozen.fork(3), 10, 10)).status).not.toBe(200)
    const { id } = (await peer.event(isEvidence)) as unknown as { id: string }

    const { home, ...key } = await homeWithKey(join(kept.dir, 'pushed w'))
    vkey = key.vkey
    const setup = { logs: logs.map(pushed), bootstrap: [addressOf(peer)] }
    const first = await start(home, setup, atEnd)
    await first.event(guardIs('guarded'))
    // Its own operator acknowledges it, and continues with the log all the same.
    await first.event(isEvidence)
    const ack = await gossum(['evidence', 'ack', id], { home })
    expect(ack.code, ack.stderr).toBe(0)
    for (const log of logs) await expectSigned(first, log, 0, 10)
    await first.stop()
    const older = join(kept.dir, 'older pushed')
    copyHome(home, older)
    const running = await start(home, setup, atEnd)
    await running.event(guardIs('guarded'))
    for (const log of logs) await expectSigned(running, log, 10, 30)
    const { promises } = await remembered(peer, vkey)
    expect(promises).toEqual(new Map(logs.map((log) => [idOf(log), treeText(log.tree(30))])))
    await running.kill()
    restored = await start(older, setup, atEnd)
    await restored.event(guardIs('guarded'))
  })

  test.each(views)(
    'a peer keeps what was signed of a log that it %s, and a restored home stops at a fork',
    async (_, log) => {
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
      expectNothingBeside(restored, 30, idOf(log))
      const { promises } = await remembered(peer, vkey)
      expect(promises.get(idOf(log))).toBe(treeText(log.tree(30)))
    },
  )

  test('it continues when a log shows again what was signed', async () => {
    await expectSigned(restored, faithful, 10, 30)
    await expectSigned(restored, faithful, 30, 45)
  })
})

test('a peer that is also killed remembers what it confirmed: for an emptied home with only the key, after kill -9 of both right after the answer, a fork is not a first use', async () => {
  const log = new PushingLog(testSigner('pushing.example', 2))
  const peerHome = temporaryHome()
  const peer = await start(peerHome, { logs: [pushed(elsewhere)] })
  const { home, vkey } = await homeWithKey()
  const running = await start(home, { logs: [pushed(log)], bootstrap: [addressOf(peer)] })
  await running.event(guardIs('guarded'))
  await expectSigned(running, log, 0, 10)
  await expectSigned(running, log, 10, 30)
  await Promise.all([peer.kill(), running.kill()])
  const back = await start(peerHome, { logs: [pushed(elsewhere)] })
  expect((await remembered(back, vkey)).promises.get(idOf(log))).toBe(treeText(log.tree(30)))

  const emptied = temporaryHome()
  copyFileSync(join(home, 'witness.key'), join(emptied, 'witness.key'))
  rmSync(home, { recursive: true })
  const again = await start(emptied, { logs: [pushed(log)], bootstrap: [addressOf(back)] })
  await again.event(guardIs('guarded'))
  for (const size of [20, 30, 45]) {
    const answer = await pushTo(again, log.fork(10), 0, size)
    expect(answer.status, answer.body).not.toBe(200)
  }
  // Of its own history, nothing smaller than it has signed.
  expect((await pushTo(again, log, 0, 20)).status).not.toBe(200)
  expectNothingBeside(again, 30, idOf(log))
})
