/** A home restored to a time before it convicted a log; its peer has the evidence, over a slow connection. */
import { expect, test } from 'vitest'
import type { NodeEvent } from '../../../src/node/events.js'
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
  LOG,
  outcomeOf,
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

const isEvidenceOf = (of: string) => (event: NodeEvent) => event.event === 'evidence' && event.log === of

/** The peer has the evidence about a log that pushes and one that is polled, which w convicted, too, and has forgotten. */
test('a log that pushes, and one that is polled: each is frozen before anything is signed', async () => {
  const honest = await serve(10)
  const logs = [pushed(log), honest.setting]
  const peer = await start(temporaryHome(), { logs })
  const { home } = await homeWithKey()
  const link = await Link.to(addressOf(peer))
  const bootstrap = [link.through(addressOf(peer))]
  const running = await start(home, { logs, bootstrap })
  await running.event(guardIs('guarded'))
  await expectSigned(running, log, 0, 10)
  await running.event(advancedTo(10))
  await running.stop()
  const older = snapshot(home)
  const fork = await serve(10, { salt: 'b', fork: 5 })
  const again = await start(home, { logs: [pushed(log), fork.setting], bootstrap })
  await again.event(guardIs('guarded'))
  expect((await pushTo(again, log.fork(5), 10, 10)).status).toBe(422)
  await again.event(isEvidenceOf(LOG))
  for (const each of [idOf(log), LOG]) await peer.event(isEvidenceOf(each))
  await again.stop()

  link.latency = LATENCY_MS
  await honest.append(10, 20)
  const restored = await start(older, { logs, bootstrap })
  const [answer, guarded] = await Promise.all([
    // It pushes without pause: the first answer that does not ask it to wait is the one about the freeze.
    pushPatiently(restored, log, 10, 20),
    restored.event(guardIs('guarded')).then(() => status(restored)),
  ])
  expect(answer.status, answer.body).not.toBe(200)
  expect(answer.body).toContain('frozen')
  const bothFrozen = [
    { frozen: true, size: 10 },
    { frozen: true, size: 10 },
  ]
  expect(guarded.logs).toMatchObject(bothFrozen)
  expect((await readiness(restored)).status).toBe(503)
  const isRefused = outcomeOf(20, 'LOG_FROZEN')
  await restored.event((event) => isRefused(event) && 'log' in event && event.log === LOG)
  for (const each of [idOf(log), LOG]) expect(restored.all(advancedTo(20, each))).toEqual([])
  expect((await status(restored)).logs).toMatchObject(bothFrozen)
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
