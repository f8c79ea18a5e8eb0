/** A home restored to a time before it convicted a log; its peer has the evidence, over a slow connection. */
import { expect, test } from 'vitest'
import { startFake } from '../../gossip/stranger.js'
import { testSigner } from '../../helpers/heart.js'
import { temporaryHome } from '../../helpers/home.js'
import { Link } from '../../helpers/link.js'
import { PushingLog } from '../../helpers/witness-client.js'
import {
  addressOf,
  advancedTo,
  expectSigned,
  guardIs,
  homeWithKey,
  idOf,
  isEvidence,
  pushed,
  pushPatiently,
  pushTo,
  readiness,
  serve,
  snapshot,
  start,
  status,
} from './world.js'

const LATENCY_MS = 200
const log = new PushingLog(testSigner('pushing.example', 2))

/** w convicted a log that both follow, and its home is restored to an earlier state; the peer has the evidence. */
async function convictedPast(setting: string) {
  const peer = await start(temporaryHome(), { logs: [setting] })
  const { home } = await homeWithKey()
  const link = await Link.to(addressOf(peer))
  const setup = { logs: [setting], bootstrap: [link.through(addressOf(peer))] }
  const running = await start(home, setup)
  await running.event(guardIs('guarded'))
  return { peer, home, link, setup, running }
}

test('a log that pushes: it is frozen before anything is signed', async () => {
  const { peer, home, link, setup, running } = await convictedPast(pushed(log))
  await expectSigned(running, log, 0, 10)
  await running.stop()
  const older = snapshot(home)
  const again = await start(home, setup)
  await again.event(guardIs('guarded'))
  expect((await pushTo(again, log.fork(5), 10, 10)).status).toBe(422)
  await peer.event(isEvidence)
  await again.stop()

  link.latency = LATENCY_MS
  const restored = await start(older, setup)
  // The log pushes without pause: the first answer that does not ask it to wait is the one about the freeze.
  const answer = await pushPatiently(restored, log, 10, 20)
  expect(answer.status, answer.body).not.toBe(200)
  expect(answer.body).toContain('frozen')
  expect((await status(restored)).logs).toMatchObject([{ frozen: true, size: 10 }])
  expect((await readiness(restored)).status).toBe(503)
})

test('a log that is polled: it is frozen before anything is signed', async () => {
  const honest = await serve(10)
  const { peer, home, link, setup, running } = await convictedPast(honest.setting)
  await running.event(advancedTo(10))
  await running.stop()
  const older = snapshot(home)
  const fork = await serve(10, { salt: 'b', fork: 5 })
  const again = await start(home, { ...setup, logs: [fork.setting] })
  await again.event(isEvidence)
  await peer.event(isEvidence)
  await again.stop()

  link.latency = LATENCY_MS
  await honest.append(10, 20)
  const restored = await start(older, setup)
  await restored.event(guardIs('guarded'))
  expect((await status(restored)).logs).toMatchObject([{ frozen: true, size: 10 }])
  await restored.event((event) => event.event === 'outcome' && event.size === 20 && event.code === 'LOG_FROZEN')
  expect(restored.all(advancedTo(20))).toEqual([])
})

test('a peer that lists evidence and does not send it has not answered', async () => {
  const evidence = [{ log: idOf(log), id: '0123456789abcdef' }]
  let asked: () => void = () => undefined
  const isAsked = new Promise<void>((resolve) => (asked = resolve))
  const { home } = await homeWithKey()
  const miser = await startFake(({ type }) => {
    if (type === 'signed') return { type, heads: [], promises: [] }
    if (type === 'hello') return { type, heads: [], evidence }
    asked()
    return { type: 'error', code: 'internal' }
  })
  const node = await start(home, { logs: [pushed(log)], bootstrap: [miser.address], args: ['--guard-wait', '600'] })
  await isAsked
  const answer = await pushTo(node, log, 0, 10)
  expect(answer.status, answer.body).toBe(503)
  expect((await status(node)).guard.state).toBe('waiting')
})
