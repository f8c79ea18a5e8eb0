/** Logs that accept every connection and answer nothing do not block the guard for other logs. */
import { expect, onTestFinished, test } from 'vitest'
import { LyingLog, madeUpRecords, memoryLog, stall, stallInBody, type Behaviour } from '../../fakes/lying-log.js'
import { testSigner } from '../../helpers/heart.js'
import { temporaryHome } from '../../helpers/home.js'
import { PushingLog } from '../../helpers/witness-client.js'
import {
  addressOf,
  advancedTo,
  expectSigned,
  guardIs,
  homeWithKey,
  isEvidence,
  LOG,
  pushed,
  pushTo,
  serve,
  settingOf,
  signer,
  snapshot,
  start,
  status,
} from './world.js'

/** How each will hang. It has an origin of its own, so that one key may cosign all. */
const hanging: readonly (readonly [PushingLog, Behaviour])[] = [
  [new PushingLog(testSigner('silent.example', 3)), stall],
  [new PushingLog(testSigner('begins.example', 4)), stallInBody],
]
const pushing = new PushingLog(testSigner('pushing.example', 2))
/** All are pushed until then. */
const pushes = [...hanging.map(([log]) => log), pushing]

/** The logs that will hang, one polled and one pushing log: all cosigned at 30 and restored to 10. */
async function past() {
  const honest = await serve(10)
  const peer = await start(temporaryHome(), { logs: [honest.setting, ...pushes.map(pushed)] })
  const { home } = await homeWithKey()
  const bootstrap = [addressOf(peer)]
  const setup = { logs: [honest.setting, ...pushes.map(pushed)], bootstrap }
  const first = await start(home, setup)
  await first.event(advancedTo(10))
  for (const log of pushes) await expectSigned(first, log, 0, 10)
  await first.stop()
  const older = snapshot(home)
  const running = await start(home, setup)
  await running.event(guardIs('guarded'))
  await honest.append(10, 30)
  await running.event(advancedTo(30))
  for (const log of pushes) {
    await expectSigned(running, log, 10, 30)
    // The peer has it too, so its hello is full of heads that cannot be proven.
    await expectSigned(peer, log, 0, 30)
  }
  await running.stop()
  return { older, bootstrap }
}

/** The setting of a log that misbehaves like this for every request. */
async function misbehaving(log: PushingLog, behaviour: Behaviour): Promise<string> {
  const served = await LyingLog.start(await memoryLog(log.signer, madeUpRecords(0, 10)))
  served.lie = () => behaviour
  onTestFinished(() => served.close())
  return `${settingOf(log.signer, served.url)} ${log.origin}`
}

test('one log never answers, one begins to: forks of the others are not signed, and the guard is not given up', async () => {
  const { older, bootstrap } = await past()
  const hung = await Promise.all(hanging.map(([log, behaviour]) => misbehaving(log, behaviour)))
  const fork = await serve(25, { salt: 'b', fork: 10 })
  const logs = [...hung, fork.setting, pushed(pushing)]
  const restored = await start(older, { logs, bootstrap })
  await restored.event(guardIs('guarded'))
  expect(restored.all(guardIs('unanswered'))).toEqual([])

  for (const [from, to] of [
    [10, 20],
    [10, 45],
  ] as const) {
    const answer = await pushTo(restored, pushing.fork(10), from, to)
    expect(answer.status, answer.body).not.toBe(200)
  }
  // The polled log has contradicted what was signed; the pushing one goes on.
  expect(await restored.event(isEvidence)).toMatchObject({ log: LOG })
  await expectSigned(restored, pushing, 10, 30)
  await expectSigned(restored, pushing, 30, 40)
  expect(restored.all(advancedTo(25))).toEqual([])
  const { logs: shown } = await status(restored)
  expect(shown.map(({ name, frozen }) => [name, frozen])).toEqual([
    ...hanging.map(([{ signer: by }]) => [by.verifier.name, false]),
    [signer.verifier.name, true],
    [pushing.signer.verifier.name, false],
  ])
  // They may hang and still push.
  for (const [log] of hanging) {
    const answer = await pushTo(restored, log.fork(10), 10, 30)
    expect(answer.status, answer.body).toBe(422)
  }
})
