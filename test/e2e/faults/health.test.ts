/**
 * Health means that cosignatures come out. Whole nodes, each with something wrong that leaves the process running and the
 * address answering: /readyz, `gossum status`, its exit code and the metrics say so, and name the same conditions.
 */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { NodeEvent } from '../../../src/events.js'
import { SIGNATURE_TYPES } from '../../../src/tlog/note.js'
import { gossum } from '../../helpers/cli.js'
import { testClock } from '../../helpers/clock.js'
import { testSigner } from '../../helpers/heart.js'
import { smallDisk, temporaryHome } from '../../helpers/home.js'
import { RunningNode } from '../../helpers/node.js'
import { addressOf, advancedTo, isPoll, metric, outcomeOf, serve, settingOf, signer, start, status } from './world.js'

interface Health {
  /** Status of /readyz. */
  readonly ready: number
  /** Exit code of `gossum status`. */
  readonly exit: number | null
  /** Names of what holds, but for what somebody chose. */
  readonly names: string[]
}

/** How a node is, as all say that can be asked; it is an error when they do not agree. */
async function healthOf(node: RunningNode): Promise<Health> {
  const [response, told, { conditions, ready }, isReady] = [
    await fetch(`${node.ready.http}/readyz?verbose`),
    await gossum(['status', '--node', node.ready.http]),
    await status(node),
    await metric(node, 'gossum_ready'),
  ]
  const names = conditions.flatMap(({ name, severity }) => (severity === 'notice' ? [] : name))
  expect([response.status, isReady]).toEqual(ready ? [200, 1] : [503, 0])
  const body = await response.text()
  for (const { name, text } of conditions) {
    expect(body).toContain(`] ${name}: ${text}\n`)
    expect(await metric(node, `gossum_condition{name="${name}"}`)).toBeGreaterThan(0)
  }
  for (const name of names) expect(told.stdout).toContain(`${name}: `)
  return { ready: response.status, exit: told.code, names }
}

/** A server that answers everything so, until the test ends. */
async function answering(status: number, body: string, headers = {}): Promise<string> {
  const server = createServer((_request, response) => response.writeHead(status, headers).end(body))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A node whose log was polled once. */
async function polled(log: string, { home = temporaryHome(), args = [] as string[], env = {} } = {}) {
  const node = await RunningNode.start(home, ['--log', log, '--poll', '0.2', ...args], env)
  await node.event(isPoll)
  return node
}

test("a log's address that answers 200 with a sign-in page", async () => {
  const url = await answering(200, '<html>Please sign in to the network</html>', { 'content-type': 'text/html' })
  const node = await polled(settingOf(signer, url))
  expect(await healthOf(node)).toEqual({ ready: 503, exit: 4, names: ['bad answer', 'unverified'] })
  const [log] = (await status(node)).logs
  expect(log).toMatchObject({ reachable: false, verifiedAt: null })
  expect(log!.error).toContain('this is not a signed note')
  expect((await gossum(['status', '--node', node.ready.http])).stdout).toContain('shows no head of this log')
})

test.each([
  ['a redirect to one', 302, ['bad answer', 'unverified']],
  ['nothing but errors', 503, ['unreachable', 'unverified']],
] as const)(
  'a log that gives %s',
  async (_what, code, names) => {
    const node = await polled(settingOf(signer, await answering(code, 'no', { location: 'http://127.0.0.1:9/' })))
    expect(await healthOf(node)).toEqual({ ready: 503, exit: 4, names })
  },
  60_000,
)

test('a wrong key of the log', async () => {
  const { url } = await serve(5)
  const node = await polled(settingOf(testSigner('log.example', 2), url))
  expect(await healthOf(node)).toEqual({ ready: 503, exit: 4, names: ['bad answer', 'unverified'] })
  expect((await status(node)).logs[0]!.error).toContain('no signature by the expected key')
})

test('a log that was well and is a sign-in page now', async () => {
  const log = await serve(5)
  const node = await polled(log.setting)
  await node.event(advancedTo(5))
  expect(await healthOf(node)).toEqual({ ready: 200, exit: 0, names: [] })
  await log.close()
  // Another one takes its port.
  const server = createServer((_request, response) => response.end('<html>'))
  await new Promise<void>((resolve) => server.listen(Number(new URL(log.url).port), '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  await node.event((event) => event.event === 'log' && /cannot be used/.test(event.error ?? ''))
  const health = await healthOf(node)
  // It was proven a moment ago: the node goes on, and says that something is wrong.
  expect(health).toEqual({ ready: 200, exit: 4, names: ['bad answer'] })
}, 60_000)

test('a policy of three of three with one node up', async () => {
  const { setting } = await serve(5)
  const home = temporaryHome()
  const made = await gossum(['key', 'new', '--name', 'me.example', '--json'], { home })
  const { witness } = JSON.parse(made.stdout) as { witness: string }
  const others = [21, 22].map((seed) => testSigner(`w${seed}.example`, seed, SIGNATURE_TYPES.cosignature).verifier.vkey)
  const lines = [witness, ...others].map((vkey, i) => `witness w${i} ${vkey}`)
  const policy = join(temporaryHome(), 'policy')
  writeFileSync(policy, [...lines, 'group g 3 w0 w1 w2', 'quorum g', ''].join('\n'))
  const node = await polled(setting, { home, args: ['--policy', policy] })
  await node.event(advancedTo(5))
  expect(await healthOf(node)).toEqual({ ready: 503, exit: 4, names: ['no quorum'] })
})

test('a full disk', async ({ skip }) => {
  const disk = smallDisk(1500)
  if (disk === undefined) return skip('mounting a small file system needs root on Linux')
  const log = await serve(5)
  const node = await polled(log.setting, { home: join(disk.path, 'home') })
  await node.event(advancedTo(5))
  expect((await healthOf(node)).names).toEqual([])
  disk.fill()
  // What is left of the last page of each file takes a few more.
  const isFull = (event: NodeEvent): boolean => event.event === 'error' && event.code === 'STORE_WRITE_FAILED'
  let size = 5
  while (node.all(isFull).length === 0) {
    await log.append(size, ++size)
    await node.event((event) => isFull(event) || advancedTo(size)(event))
  }
  expect(await healthOf(node)).toEqual({ ready: 503, exit: 4, names: ['disk failing'] })
  disk.free()
  await node.event(advancedTo(size))
  for (;;) if ((await healthOf(node)).names.length === 0) break
}, 60_000)

test.each([
  ['ahead', 3],
  ['behind', -3],
])('a clock that is days %s', async (side, days) => {
  const log = await serve(5)
  // What was released later than the clock says signs nothing, and says that.
  const clock = testClock(days * 86_400_000)
  const node = await polled(log.setting, { env: clock.env })
  await node.event(outcomeOf(5))
  const { ready, exit, names } = await healthOf(node)
  expect([ready, exit]).toEqual([503, 4])
  expect(names).toContain(`clock ${side}`)
})

test('deposits that are required, and nobody to keep them', async () => {
  const log = await serve(5)
  const node = await polled(log.setting, { args: ['--deposit', 'required'] })
  const { ready, exit, names } = await healthOf(node)
  expect([ready, exit]).toEqual([503, 4])
  expect(names).toContain('deposits impossible')
})

test('a newcomer: everything at its default, no policy, one peer; then that peer goes', async () => {
  const log = await serve(5)
  const peer = await start(temporaryHome(), { logs: [log.setting] })
  const node = await start(temporaryHome(), { logs: [log.setting], bootstrap: [addressOf(peer)] })
  await node.event(advancedTo(5))
  await node.event((event) => event.event === 'deposit' && event.state === 'deposited')
  for (const each of [peer, node]) expect(await healthOf(each)).toEqual({ ready: 200, exit: 0, names: [] })
  const chosen = (await status(node)).conditions
  expect(chosen.map(({ name, severity }) => [name, severity])).toEqual([['no policy', 'notice']])
  expect((await status(peer)).conditions.map(({ name }) => name)).toEqual(['nobody chosen', 'no policy'])

  await peer.stop()
  await node.event((event) => event.event === 'peer' && !event.connected)
  expect(await healthOf(node)).toEqual({ ready: 200, exit: 4, names: ['peers down'] })
  await log.append(5, 9)
  await node.event(advancedTo(9))
  // From now on nobody would know what this key has signed.
  expect(await healthOf(node)).toEqual({ ready: 503, exit: 4, names: ['undeposited', 'peers down'] })
}, 60_000)
