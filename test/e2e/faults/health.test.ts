/**
 * Healthy means that cosignatures are made. Whole nodes, each with a fault that leaves the process running and the
 * address answering: /readyz, `gossum status`, its exit code and the metrics report it, and name the same conditions.
 */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { NodeEvent } from '../../../src/node/events.js'
import { SIGNATURE_TYPES } from '../../../src/tlog/note.js'
import { gossum } from '../../helpers/cli.js'
import { testClock } from '../../helpers/clock.js'
import { testSigner } from '../../helpers/heart.js'
import { smallDisk, temporaryHome } from '../../helpers/home.js'
import { RunningNode } from '../../helpers/node.js'
import { addressOf, advancedTo, isPoll, metric, outcomeOf, serve, settingOf, start, status } from './world.js'

interface Health {
  /** Status of /readyz. */
  readonly ready: number
  /** Exit code of `gossum status`. */
  readonly exit: number | null
  /** Names of the conditions that hold, except deliberate choices. */
  readonly names: string[]
}

/** The health of a node from all its interfaces; throws if they disagree. */
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
  for (const { name } of conditions) {
    // The text may contain a duration, or the last error of the disk.
    expect(body).toMatch(new RegExp(`^\\[.\\] ${name}: (?!no$)`, 'm'))
    expect(await metric(node, `gossum_condition{name="${name}"}`)).toBeGreaterThan(0)
  }
  for (const name of names) expect(told.stdout).toContain(`${name}: `)
  return { ready: response.status, exit: told.code, names }
}

/** A server that gives this answer to every request, until the test ends. */
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

test('addresses that answer, and show no head of their log: sign-in pages, redirects, errors, the head of another key', async () => {
  const page = { 'content-type': 'text/html' }
  const cases = [
    [
      'page.example',
      await answering(200, '<html>Please sign in to the network</html>', page),
      'this is not a signed note',
    ],
    ['moved.example', await answering(302, '', { location: 'http://127.0.0.1:9/' }), 'status 302'],
    ['down.example', await answering(503, 'no'), 'status 503'],
    ['log.example', (await serve(5)).url, 'no signature by the expected key'],
  ] as const
  // The key has the log's name, but is another key.
  const logs = cases.map(([name, url], i) => {
    const setting = settingOf(testSigner(name, 40 + i), url)
    return name === 'log.example' ? setting : `${setting} ${name}`
  })
  const node = await start(temporaryHome(), { logs })
  for (const { id } of node.ready.logs) await node.event((event) => event.event === 'log' && event.log === id)
  const { ready, exit } = await healthOf(node)
  expect([ready, exit]).toEqual([503, 4])
  const { logs: shown, conditions } = await status(node)
  const told = (await gossum(['status', '--node', node.ready.http])).stdout
  for (const [i, [name, , why]] of cases.entries()) {
    const { id, ...log } = shown[i]!
    expect(log).toMatchObject({
      name,
      reachable: false,
      verifiedAt: null,
      error: expect.stringContaining(why) as string,
    })
    const names = conditions.filter((condition) => condition.log === id).map((condition) => condition.name)
    const isDown = name === 'down.example'
    expect(names, name).toEqual([isDown ? 'unreachable' : 'bad answer', 'unverified'])
    expect(told).toContain(isDown ? 'not reachable: ' : 'shows no head of this log: ')
    expect(await metric(node, `gossum_log_reachable{log="${name}",log_id="${id}"}`)).toBe(0)
  }
}, 60_000)

test('a log that was healthy and is a sign-in page now', async () => {
  const log = await serve(5)
  const node = await polled(log.setting)
  await node.event(advancedTo(5))
  expect(await healthOf(node)).toEqual({ ready: 200, exit: 0, names: [] })
  await log.close()
  // Another server takes its port.
  const server = createServer((_request, response) => response.end('<html>'))
  await new Promise<void>((resolve) => server.listen(Number(new URL(log.url).port), '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  await node.event((event) => event.event === 'log' && /unusable answer/.test(event.error ?? ''))
  const health = await healthOf(node)
  // It was proven a moment ago: the node goes on, and reports that something is wrong.
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
  // The rest of each file's last page takes a few more writes, and the journal has space of its own.
  const isFull = (event: NodeEvent): boolean => event.event === 'error' && event.code === 'STORE_WRITE_FAILED'
  let size = 5
  const grow = async (): Promise<readonly string[]> => {
    await log.append(size, ++size)
    await node.event((event) => isFull(event) || advancedTo(size)(event))
    return (await status(node)).conditions.map(({ name }) => name)
  }
  while (!(await grow()).includes('disk failing'));
  expect(await healthOf(node)).toEqual({ ready: 503, exit: 4, names: ['disk failing'] })
  expect(JSON.stringify((await status(node)).conditions), 'anybody may read it').not.toContain(disk.path)
  disk.free()
  while ((await grow()).includes('disk failing'));
  expect((await healthOf(node)).names).toEqual([])
}, 60_000)

test('a clock that is days ahead', async () => {
  const log = await serve(5)
  const node = await polled(log.setting, { env: testClock(3 * 86_400_000).env })
  await node.event(outcomeOf(5))
  expect(await healthOf(node)).toEqual({ ready: 503, exit: 4, names: ['clock ahead'] })
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
  // From now on nothing would record what this key has signed.
  expect(await healthOf(node)).toEqual({ ready: 503, exit: 4, names: ['undeposited', 'peers down'] })
}, 60_000)
