/**
 * Deposits between processes: a peer has a promise before anyone has the signature, or the node reports that none has.
 */
import { expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../../../src/config/config.js'
import type { NodeEvent } from '../../../src/node/events.js'
import type { PeerView } from '../../../src/status/shapes.js'
import { createNode } from '../../../src/node/node.js'
import { startFake, type Asked } from '../../gossip/stranger.js'
import { gossum } from '../../helpers/cli.js'
import { testSigner } from '../../helpers/heart.js'
import { temporaryHome } from '../../helpers/home.js'
import { Link } from '../../helpers/link.js'
import type { RunningNode } from '../../helpers/node.js'
import { push, PushingLog } from '../../helpers/witness-client.js'
import {
  addressOf,
  depositIs,
  elsewhere,
  expectSigned,
  guardIs,
  homeWithKey,
  idOf,
  metric,
  pushed,
  pushTo,
  readiness,
  remembered,
  start,
  status,
  treeText,
} from './world.js'

const log = new PushingLog(testSigner('pushing.example', 2))
const ID = idOf(log)
const NOTHING = { type: 'signed', heads: [], promises: [] }
const HELLO = { type: 'hello', heads: [], evidence: [] }
const UNKNOWN = { type: 'error', code: 'unknown-request' }

/** w behind a link to its only peer, which follows other logs. */
async function withPeer(...args: string[]) {
  const peerHome = temporaryHome()
  const running = { logs: [pushed(elsewhere)] }
  const peer = await start(peerHome, running)
  const { home, vkey } = await homeWithKey()
  const link = await Link.to(addressOf(peer))
  const setup = { logs: [pushed(log)], bootstrap: [link.through(addressOf(peer))], args }
  const node = await start(home, setup)
  await node.event(guardIs('guarded'))
  /** Resolves when the peer is gone, and w has noticed. */
  const away = async (): Promise<void> => {
    const before = node.told
    await peer.kill()
    link.cut()
    await node.event((event) => event.event === 'peer' && !event.connected, before)
  }
  const back = async (): Promise<RunningNode> => {
    const again = await start(peerHome, running)
    link.target(addressOf(again))
    return again
  }
  return { home, vkey, setup, node, away, back }
}

test('a signature is not returned before the peer has confirmed the promise', async () => {
  const { home } = await homeWithKey()
  const order: string[] = []
  let keep: (answer: object) => void = () => undefined
  let asked: () => void = () => undefined
  const isAsked = new Promise<void>((resolve) => (asked = resolve))
  const peer = await startFake((request: Asked) => {
    if (request.type === 'signed') return NOTHING
    if (request.type === 'hello') return HELLO
    if (request.type !== 'promise') return UNKNOWN
    if ((request.promises?.length ?? 0) === 0) return { type: 'promise', kept: [] }
    asked()
    return new Promise((resolve) => (keep = resolve))
  })
  const args = ['--deposit-wait', '30']
  const node = await start(home, { logs: [pushed(log)], bootstrap: [peer.address], args })
  await node.event(guardIs('guarded'))
  const signing = pushTo(node, log, 0, 10).then(({ status: code }) => order.push(`answered ${code}`))
  await isAsked
  // None of it is shown elsewhere either.
  expect((await fetch(`${node.ready.http}/${ID}/checkpoint`)).status).toBe(404)
  order.push('kept')
  keep({ type: 'promise', kept: [true] })
  await signing
  expect(order).toEqual(['kept', 'answered 200'])
})

test('required: nothing is signed while the peer is away, which is reported everywhere; it recovers automatically', async () => {
  const { vkey, node, away, back } = await withPeer('--deposit', 'required')
  await expectSigned(node, log, 0, 10)
  await away()
  const refused = await pushTo(node, log, 10, 20)
  expect(refused.status, refused.body).toBe(503)
  expect(refused.body).toContain('--deposit requires them')
  expect(refused.headers['retry-after']).toBeDefined()
  const { deposit } = await status(node)
  expect(deposit).toMatchObject({ state: 'undeposited', need: 1, of: 1, connected: 0, undeposited: 1 })
  expect(deposit.text).toContain('nothing new of them is signed')
  const ready = await readiness(node)
  expect(ready.status).toBe(503)
  expect(ready.failing).toContain('undeposited')
  // It is not shown either: readers get what was signed.
  const shown = await (await fetch(`${node.ready.http}/${ID}/checkpoint`)).text()
  expect(shown.split('\n')[1]).toBe('10')

  const before = node.told
  const peer = await back()
  await node.event(depositIs('deposited'), before)
  expect((await remembered(peer, vkey)).promises.get(ID)).toBe(treeText(log.tree(20)))
  // The log retries, as it was told to.
  const { status: code, body } = await push(node.ready.http, log.body(20, 20))
  expect(code, body).toBe(200)
  await expectSigned(node, log, 20, 30)
})

test('by default: it is signed all the same, reported as undeposited though a stranger is connected, and deposited when the peer is back', async () => {
  const { vkey, node, away, back } = await withPeer()
  await expectSigned(node, log, 0, 10)
  await away()
  await expectSigned(node, log, 10, 20)
  // A connected stranger is no depositary.
  const stranger = await start(temporaryHome(), { logs: [pushed(elsewhere)], bootstrap: [addressOf(node)] })
  await node.event((event) => event.event === 'peer' && event.connected && event.peerId === stranger.ready.peerId)
  await expectSigned(node, log, 20, 30)
  expect((await remembered(stranger, vkey)).promises.size).toBe(0)
  const told = await node.event(depositIs('undeposited'))
  expect(told).toMatchObject({
    undeposited: 1,
    text: expect.stringContaining('signing continues without them') as string,
  })
  expect((await status(node)).deposit).toMatchObject({ state: 'undeposited', of: 1, connected: 0, undeposited: 1 })
  const ready = await readiness(node)
  expect(ready.status).toBe(503)
  expect(ready.failing).toContain('undeposited')
  expect(await metric(node, 'gossum_deposit_undeposited')).toBe(1)
  expect(await metric(node, 'gossum_deposit_state{state="undeposited"}')).toBe(1)

  const before = node.told
  const peer = await back()
  expect(await node.event(depositIs('deposited'), before)).toMatchObject({ undeposited: 0 })
  expect((await remembered(peer, vkey)).promises.get(ID)).toBe(treeText(log.tree(30)))
  expect((await readiness(node)).failing).toEqual([])
  expect(await metric(node, 'gossum_deposit_undeposited')).toBe(0)
})

test('what was signed undeposited is also deposited after a restart', async () => {
  const { home, vkey, setup, node, away, back } = await withPeer()
  await expectSigned(node, log, 0, 10)
  await away()
  await expectSigned(node, log, 10, 20)
  await node.kill()
  const peer = await back()
  const again = await start(home, setup)
  await again.event(guardIs('guarded'))
  // The log has nothing new, so no further signature is requested.
  await again.event(depositIs('deposited'))
  await expect.poll(async () => (await remembered(peer, vkey)).promises.get(ID)).toBe(treeText(log.tree(20)))
})

test('a peer of an earlier version keeps no promises: it is named, and what is signed is undeposited', async () => {
  const { home } = await homeWithKey()
  const old = await startFake(({ type }) =>
    type === 'signed' ? { type: 'signed', heads: [] } : type === 'hello' ? HELLO : UNKNOWN,
  )
  const node = await start(home, { logs: [pushed(log)], bootstrap: [old.address] })
  // It can report which of our lines it has seen, so it counts at start.
  await node.event(guardIs('guarded'))
  await expectSigned(node, log, 0, 10)
  await node.event(depositIs('undeposited'))
  const { deposit } = await status(node)
  expect(deposit).toMatchObject({ state: 'undeposited', connected: 1, undeposited: 1 })
  expect(deposit.text).toContain('1 of them runs a version that keeps no promises')
  const { peers } = (await node.json('/api/v1/peers')) as { peers: PeerView[] }
  expect(peers).toMatchObject([{ peerId: old.id, chosen: true, depositary: false }])
  const shown = await gossum(['status', '--node', node.ready.http], { home })
  expect(shown.stdout).toContain('keeps no promises')
  expect(shown.code).toBe(4)
  expect(old.count('promise')).toBe(1)
})

test.each([
  ['says that it keeps nothing', () => ({ type: 'promise', kept: [false] })],
  ['answers for more than it was asked', () => ({ type: 'promise', kept: [true, true, true] })],
  ['answers what is no answer', () => ({ type: 'promise', kept: 'all' })],
  ['breaks off', () => undefined],
])('required, and a peer that %s: nothing is signed', async (_, kept) => {
  const { home } = await homeWithKey()
  const peer = await startFake(({ type }) =>
    type === 'signed' ? NOTHING : type === 'hello' ? HELLO : type === 'promise' ? kept() : UNKNOWN,
  )
  const args = ['--deposit', 'required']
  const node = await start(home, { logs: [pushed(log)], bootstrap: [peer.address], args })
  await node.event(guardIs('guarded'))
  const answer = await pushTo(node, log, 0, 10)
  expect(answer.status, answer.body).toBe(503)
  expect((await status(node)).deposit.state).toBe('undeposited')
  expect((await fetch(`${node.ready.http}/${ID}/checkpoint`)).status).toBe(404)
})

test('required, without chosen peers: nothing is signed, and that is reported', async () => {
  const { home } = await homeWithKey()
  const node = await start(home, { logs: [pushed(log)], args: ['--deposit', 'required'] })
  const answer = await pushTo(node, log, 0, 10)
  expect(answer.status, answer.body).toBe(503)
  expect((await status(node)).deposit).toMatchObject({
    state: 'nobody',
    text: expect.stringContaining('nothing new') as string,
  })
})

test('a node without a mesh signs as usual', async () => {
  const events: NodeEvent[] = []
  const config = loadConfig(
    { home: temporaryHome(), log: [pushed(log)], listen: [], bootstrap: [], http: '127.0.0.1:0' },
    { env: {} },
  )
  const node = await createNode(config, (event) => void events.push(event))
  onTestFinished(() => node.stop())
  for (const [from, to] of [
    [0, 10],
    [10, 30],
  ] as const) {
    const answer = await push(node.http, log.body(from, to))
    expect(answer.status, answer.body).toBe(200)
  }
  expect(node.peerId).toBeUndefined()
  expect(await node.view.status()).toMatchObject({ guard: { state: 'fresh' }, deposit: { state: 'nobody', of: 0 } })
  expect((await fetch(`${node.http}/readyz`)).status).toBe(200)
  expect(events.filter(({ event }) => event === 'error')).toEqual([])
  await node.stop()

  const again = await createNode(config)
  onTestFinished(() => again.stop())
  expect(await again.view.status()).toMatchObject({ guard: { state: 'unguarded' } })
  const answer = await push(again.http, log.body(30, 40))
  expect(answer.status, answer.body).toBe(200)
})
