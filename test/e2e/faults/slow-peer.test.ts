/**
 * The only bootstrap peer is slow, and all others are fast: no peer that a stranger named ends the wait for it,
 * whatever it answers, and the slow peer's answer is processed before anything is signed.
 */
import { multiaddr } from '@multiformats/multiaddr'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Asked, FakePeer } from '../../gossip/stranger.js'
import { startFake } from '../../gossip/stranger.js'
import { testSigner } from '../../helpers/heart.js'
import { copyHome, scratchFolder, temporaryHome } from '../../helpers/home.js'
import { Link } from '../../helpers/link.js'
import type { RunningNode } from '../../helpers/node.js'
import { PushingLog } from '../../helpers/witness-client.js'
import {
  addressOf,
  elsewhere,
  expectSigned,
  guardIs,
  homeWithKey,
  idOf,
  isEvidence,
  outcomeOf,
  pushed,
  pushPatiently,
  pushTo,
  readiness,
  remembered,
  serve,
  snapshot,
  start,
  status,
  treeText,
  advancedTo,
} from './world.js'

const log = new PushingLog(testSigner('pushing.example', 2))
/** Long enough that a test sees each handshake begin before it is over. */
const LATENCY_MS = 200
const GUARD = ['--guard-wait', '600']

interface Homes {
  /** The homes of w, restored to size 10, and of the only peer that knows what w signed since. */
  readonly older: string
  readonly peerHome: string
}

/**
 * w has cosigned size 30, and its home is restored to size 10. Prepared once: each test has copies of the two homes.
 */
let prepared: Promise<Homes> | undefined
const kept = scratchFolder()
async function prepare(): Promise<Homes> {
  const peerHome = temporaryHome()
  const peer = await start(peerHome, { logs: [pushed(elsewhere)] })
  const { home, vkey } = await homeWithKey()
  const setup = { logs: [pushed(log)], bootstrap: [addressOf(peer)], args: GUARD }
  const first = await start(home, setup)
  await first.event(guardIs('guarded'))
  await expectSigned(first, log, 0, 10)
  await first.stop()
  const older = join(kept.dir, 'older')
  copyHome(home, older)
  const running = await start(home, setup)
  await running.event(guardIs('guarded'))
  await expectSigned(running, log, 10, 30)
  await running.stop()
  expect((await remembered(peer, vkey)).promises.get(idOf(log))).toBe(treeText(log.tree(30)))
  await peer.stop()
  copyHome(peerHome, join(kept.dir, 'peer'))
  return { older, peerHome: join(kept.dir, 'peer') }
}

/** w starts again at size 10 behind a link to its only peer, which is held. */
async function heldUp() {
  const homes = await (prepared ??= prepare())
  const peerHome = snapshot(homes.peerHome)
  const peer = await start(peerHome, { logs: [pushed(elsewhere)] })
  const link = await Link.to(addressOf(peer))
  const setup = { logs: [pushed(log)], bootstrap: [link.through(addressOf(peer))], args: GUARD }
  link.latency = LATENCY_MS
  const restored = await start(snapshot(homes.older), setup)
  // Connected, so no dial fails; later requests do not reach it yet.
  await restored.event((event) => event.event === 'peer' && event.connected)
  link.hold()
  return { peer, peerHome, link, restored }
}

async function expectWaiting(node: RunningNode, after = ''): Promise<void> {
  expect((await status(node)).guard.state, after).toBe('waiting')
  const answer = await pushTo(node, log.fork(10), 10, 20)
  expect(answer.status, answer.body).toBe(503)
  expect((await readiness(node)).failing).toContain('guard waiting')
}

async function expectGuarded(node: RunningNode): Promise<void> {
  await node.event(guardIs('guarded'))
  // What arrived while nothing could be signed is processed first.
  await pushPatiently(node, log, 10, 20)
  // Concurrently: hanging peers are also asked for proofs, and each may take ten seconds.
  const answers = await Promise.all([
    pushTo(node, log, 10, 20),
    pushTo(node, log.fork(10), 10, 20),
    pushTo(node, log.fork(10), 10, 45),
  ])
  expect(answers.map(({ status: code }) => code)).not.toContain(200)
  await expectSigned(node, log, 10, 30)
}

const HELLO = { type: 'hello', heads: [], evidence: [] }
const NOTHING = { type: 'signed', heads: [], promises: [] }

/** The answers of such a peer, by request; a promise that never resolves is no answer. */
type Says = (request: Asked) => unknown

const never = new Promise<never>(() => undefined)
const says: [string, Says][] = [
  ['answers nothing', () => never],
  ['answers that there is nothing', ({ type }) => (type === 'signed' ? NOTHING : HELLO)],
  ['breaks off', () => undefined],
  ['answers what is no answer', () => ({ type: 'signed', heads: 'all', promises: 7, next: -1 })],
  [
    'answers with a fork that our key never saw',
    ({ type, witness }) => {
      const head = Buffer.from(log.fork(5).head(40)).toString()
      const promise = {
        ...{ log: idOf(log), witness, seq: 9, time: Math.floor(Date.now() / 1000), head },
        signature: Buffer.alloc(64, 7).toString('base64'),
      }
      return type === 'signed' ? { type: 'signed', heads: [head], promises: [promise] } : { ...HELLO, heads: [] }
    },
  ],
]

/**
 * Strangers that connect to a node and each name another, which it will dial; resolves when it has queried all of
 * those.
 */
async function named(node: RunningNode, count: number, answer: Says): Promise<FakePeer[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      let asked: () => void = () => undefined
      const isAsked = new Promise<void>((resolve) => (asked = resolve))
      const accomplice = await startFake((request) => {
        asked()
        return answer(request)
      })
      const stranger = await startFake(({ type }) =>
        type === 'signed' ? NOTHING : { ...HELLO, peers: [accomplice.address] },
      )
      await stranger.host.dial(multiaddr(addressOf(node)))
      await isAsked
      return accomplice
    }),
  )
}

test('a stranger names a peer that answers wrongly or not at all, and many strangers name many others: the wait goes on, and then the chosen peer is heard', async () => {
  const { link, restored } = await heldUp()
  for (const [what, answer] of says) {
    const accomplices = await named(restored, 1, answer)
    await expectWaiting(restored, what)
    // They have answered. Each would also be asked for every proof, and delay it by ten seconds.
    await Promise.all(accomplices.map(async ({ host }) => host.stop()))
  }
  // As many as it dials; each answers immediately and completely that it has nothing.
  await named(restored, 3, ({ type }) => (type === 'signed' ? NOTHING : HELLO))
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      let asked: () => void = () => undefined
      const isAsked = new Promise<void>((resolve) => (asked = resolve))
      const stranger = await startFake(({ type }) => {
        if (type === 'hello') asked()
        return type === 'signed' ? NOTHING : HELLO
      })
      await stranger.host.dial(multiaddr(addressOf(restored)))
      await isAsked
    }),
  )
  await expectWaiting(restored, 'many strangers')
  link.latency = 0
  link.release()
  await expectGuarded(restored)
})

test('a connection that is cut in the middle of the answer is no answer', async () => {
  const { peer, peerHome, link, restored } = await heldUp()
  await peer.kill()
  link.cut()
  await restored.event((event) => event.event === 'peer' && !event.connected && event.peerId === peer.ready.peerId)
  link.release()
  await expectWaiting(restored)
  link.target(addressOf(await start(peerHome, { logs: [pushed(elsewhere)] })))
  link.latency = 0
  await expectGuarded(restored)
})

test('a polled log that shows a fork at once is not signed while the peer is 200 ms away', async () => {
  const honest = await serve(10)
  const peer = await start(temporaryHome(), { logs: [honest.setting] })
  const { home } = await homeWithKey()
  const link = await Link.to(addressOf(peer))
  const setup = { logs: [honest.setting], bootstrap: [link.through(addressOf(peer))] }
  const first = await start(home, setup)
  await first.event(advancedTo(10))
  await first.stop()
  const older = snapshot(home)
  const running = await start(home, setup)
  await running.event(guardIs('guarded'))
  await honest.append(10, 30)
  await running.event(advancedTo(30))
  await running.stop()

  link.latency = LATENCY_MS
  const fork = await serve(25, { salt: 'b', fork: 10 })
  const restored = await start(older, { ...setup, logs: [fork.setting] })
  await restored.event(isEvidence)
  expect(restored.all(outcomeOf(25)).filter((event) => 'outcome' in event && event.outcome === 'advanced')).toEqual([])
})
