import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Supervisor } from '../../src/cli/supervisor.js'

/** The notifications to systemd, with a watchdog of 40 ms; ten are received before `ends`. */
function listener(env: NodeJS.ProcessEnv = { NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '40000' }) {
  const heard: string[] = []
  const talk: string[] = []
  const notify = (state: string): Promise<void> => {
    heard.push(state)
    return Promise.resolve()
  }
  const supervisor = Supervisor.of({ env, talk: (text) => void talk.push(text), notify })
  const until = async (is: () => boolean): Promise<void> => {
    while (!is()) await setTimeout(1)
  }
  return { heard, talk, supervisor: supervisor!, until }
}

test('there is no supervisor without a notify socket', () => {
  expect(Supervisor.of({ env: {}, talk: () => undefined })).toBeUndefined()
})

test('reports that the node is ready, alive, reloading and stopping, in this order', async () => {
  const { heard, supervisor, until } = listener()
  supervisor.ready(() => Promise.resolve())
  await until(() => heard.length > 3)
  supervisor.reloading()
  supervisor.ready(() => Promise.resolve())
  await until(() => heard.includes('RELOADING=1') && heard.at(-1) === 'WATCHDOG=1')
  await supervisor.stopping()
  const said = [...heard]
  expect(said.filter((state, i) => state !== said[i - 1])).toEqual([
    ...['READY=1', 'WATCHDOG=1', 'RELOADING=1', 'READY=1', 'WATCHDOG=1', 'STOPPING=1'],
  ])
})

test.each([
  ['fails', () => Promise.reject(new Error('stuck'))],
  ['hangs', () => new Promise<never>(() => undefined)],
])('a node whose pulse %s is not reported as alive, and the operator is told once', async (_how, pulse) => {
  const { heard, talk, supervisor, until } = listener()
  let asked = 0
  supervisor.ready(() => {
    asked++
    return pulse()
  })
  await until(() => asked > 3)
  expect(heard).toEqual(['READY=1'])
  expect(talk).toHaveLength(1)
  expect(talk[0]).toContain('not told that this node is alive')
  await supervisor.stopping()
})

test('without a watchdog for this process, no pulse is requested', async () => {
  for (const env of [{}, { WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' }, { WATCHDOG_USEC: 'soon' }]) {
    const { heard, supervisor } = listener({ NOTIFY_SOCKET: '/run/x', ...env })
    supervisor.ready(() => expect.unreachable())
    await setTimeout(5)
    await supervisor.stopping()
    expect(heard).toEqual(['READY=1', 'STOPPING=1'])
  }
})

test('failure to notify systemd is reported and does not stop the node', async () => {
  const talk: string[] = []
  const supervisor = Supervisor.of({
    env: { NOTIFY_SOCKET: '/run/x' },
    talk: (text) => void talk.push(text),
    notify: () => Promise.reject(new Error('no systemd-notify')),
  })!
  supervisor.ready(() => Promise.resolve())
  await supervisor.stopping()
  expect(talk).toEqual([
    'systemd could not be told READY=1: no systemd-notify',
    'systemd could not be told STOPPING=1: no systemd-notify',
  ])
})
