/**
 * `gossum reload`, and SIGHUP: a node takes up other settings while logs push to it, without refusing a connection,
 * forgetting what it signed, or losing its peers. Invalid settings change nothing.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NodeEvent } from '../../src/node/events.js'
import type { HeadView } from '../../src/status/shapes.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { logId } from '../../src/tlog/checkpoint.js'
import { verifyCosignature } from '../../src/tlog/cosignature.js'
import { parseNote, parseVerifierKey } from '../../src/tlog/note.js'
import { gossum, gossumProcess, jsonError } from '../helpers/cli.js'
import { testSigner } from '../helpers/heart.js'
import { scratchFolder, temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { push, pushBody, PushingLog } from '../helpers/witness-client.js'

const isReload = ({ event }: NodeEvent): boolean => event === 'reload'
const isError = ({ event }: NodeEvent): boolean => event === 'error'

/** A node with a settings file that the test changes. */
class Settled {
  readonly home: string
  readonly file: string
  node!: RunningNode

  constructor(home: string) {
    this.home = home
    this.file = join(home, 'settings.yaml')
  }

  static async start(settings: object, home = temporaryHome(), atEnd?: (end: () => void) => void): Promise<Settled> {
    const one = new Settled(home)
    one.write(settings)
    one.node = await RunningNode.start(join(home, 'node'), ['--config', one.file], {}, atEnd)
    return one
  }

  /** JSON is YAML. */
  write(settings: object): void {
    writeFileSync(this.file, JSON.stringify(settings))
  }

  async reload(
    settings: object,
  ): Promise<{ changed: string[]; restart: string[]; followed: string[]; left: string[] }> {
    this.write(settings)
    const { code, stdout, stderr } = await gossum(['reload', '--home', join(this.home, 'node'), '--json'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return JSON.parse(stdout) as { changed: string[]; restart: string[]; followed: string[]; left: string[] }
  }
}

const pushed = (...logs: PushingLog[]): string[] => logs.map(({ signer }) => `${signer.verifier.vkey} -`)
/** A log that no other test has. */
let made = 0
const newLog = (): PushingLog => new PushingLog(testSigner(`log.example/${++made}`, made))
const idOf = ({ signer, origin }: PushingLog): string => logId(signer.verifier.name, origin)

describe('a node that takes up the settings of one test after the other', () => {
  const kept = scratchFolder()
  let shared: Settled
  let end = (): void => undefined
  afterAll(() => end())
  beforeAll(async () => {
    shared = await Settled.start({ log: pushed(newLog()) }, kept.dir, (kill) => (end = kill))
  })

  async function settledTo(settings: object): Promise<Settled> {
    await shared.reload(settings)
    return shared
  }

  test('an added log is followed, and a removed one is not; what was signed of it stays known', async () => {
    const [one, two] = [newLog(), newLog()]
    const settled = await settledTo({ log: pushed(one) })
    const { http } = settled.node.ready
    expect((await push(http, one.body(0, 3))).status).toBe(200)
    expect((await push(http, two.body(0, 3))).status).toBe(404)

    expect(await settled.reload({ log: pushed(one, two) })).toEqual({
      changed: ['log'],
      restart: [],
      followed: [idOf(two)],
      left: [],
    })
    expect((await push(http, two.body(0, 3))).status).toBe(200)
    expect((await push(http, one.body(3, 4))).status).toBe(200)

    expect(await settled.reload({ log: pushed(two) })).toMatchObject({ followed: [], left: [idOf(one)] })
    expect((await push(http, one.body(4, 5))).status).toBe(404)
    expect((await push(http, two.body(3, 4))).status).toBe(200)

    // It returns in the state in which it was left: another history of it is refused.
    expect(await settled.reload({ log: pushed(one, two) })).toMatchObject({ followed: [idOf(one)] })
    const fork = new PushingLog(one.signer, { salt: 'b' })
    expect((await push(http, pushBody(4, fork.proof(4, 5), fork.head(5)))).status).toBe(422)
    expect((await push(http, one.body(4, 5))).status).toBe(200)
  })

  test('a publication folder is taken up, replaced by another one, and released', async () => {
    const log = newLog()
    const settled = await settledTo({ log: pushed(log) })
    const { http } = settled.node.ready
    const folders = ['one', 'two'].map((name) => join(settled.home, name)) as [string, string]
    const sizeIn = (folder: string): number | undefined => {
      const file = join(folder, 'api/v1/logs', idOf(log), 'head')
      return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as HeadView).size : undefined
    }
    const published = (folder: string, size: number) =>
      expect.poll(() => sizeIn(folder), { timeout: 20_000 }).toBe(size)
    expect((await push(http, log.body(0, 3))).status).toBe(200)

    expect(await settled.reload({ log: pushed(log), publish: folders[0] })).toMatchObject({
      changed: ['publish'],
      restart: [],
    })
    await published(folders[0], 3)
    expect(await settled.reload({ log: pushed(log), publish: folders[1] })).toMatchObject({ changed: ['publish'] })
    expect((await push(http, log.body(3, 4))).status).toBe(200)
    await published(folders[1], 4)
    // The folder that it released stays as it was, for others to read, and for another node to use.
    expect(sizeIn(folders[0])).toBe(3)

    expect(await settled.reload({ log: pushed(log) })).toMatchObject({ changed: ['publish'] })
    expect((await push(http, log.body(4, 5))).status).toBe(200)
    expect(await settled.reload({ log: pushed(log), publish: folders[0] })).toMatchObject({ changed: ['publish'] })
    await published(folders[0], 5)
    expect(sizeIn(folders[1])).toBe(4)
  })

  test('a log added with gossum log add is followed, and one that was disabled is dropped', async () => {
    const [one, two] = [newLog(), newLog()]
    const settled = await settledTo({ log: pushed(one) })
    const { http } = settled.node.ready
    const home = join(settled.home, 'node')
    expect((await gossum(['log', 'add', pushed(two)[0]!, '--home', home])).code).toBe(0)
    expect(await settled.reload({ log: pushed(one) })).toMatchObject({ changed: ['log'], followed: [idOf(two)] })
    expect((await push(http, two.body(0, 1))).status).toBe(200)
    expect((await gossum(['log', 'disable', two.signer.verifier.name, '--home', home])).code).toBe(0)
    expect(await settled.reload({ log: pushed(one) })).toMatchObject({ changed: ['log'], left: [idOf(two)] })
    expect((await push(http, two.body(1, 2))).status).not.toBe(200)
  })

  test('settings that need a restart are named, and wait for one', async () => {
    const log = newLog()
    const settled = await settledTo({ log: pushed(log) })
    const { http } = settled.node.ready
    const report = await settled.reload({
      log: pushed(log),
      contact: 'me',
      'guard-wait': 5,
      announce: ['/ip4/192.0.2.1/tcp/1'],
    })
    expect(report).toMatchObject({ changed: ['contact'], restart: ['announce', 'guard-wait'] })
    expect(await settled.node.json('/api/v1/witness')).toMatchObject({ contact: 'me' })
    expect((await push(http, log.body(0, 1))).status).toBe(200)
    const text = await gossum(['reload', '--home', join(settled.home, 'node')])
    expect(text.stdout).toBe('nothing to apply; after a restart: announce, guard-wait\n')
  })

  test('an invalid file changes nothing and is reported, and the node goes on', async () => {
    const log = newLog()
    const settled = await settledTo({ log: pushed(log), contact: 'first' })
    const { node, home } = settled
    const [before, errors] = [node.told, node.all(isError).length]
    settled.write({ log: pushed(log), contact: 'second', polcy: 'x' })
    const result = await gossum(['reload', '--home', join(home, 'node'), '--json'])
    expect(result.code).toBe(2)
    expect(jsonError(result)).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(jsonError(result).message).toContain('there is no setting "polcy"')
    const told = await node.event(isReload, before)
    expect(told).toMatchObject({ changed: [], error: expect.stringContaining('settings.yaml:1:') as string })
    expect(await node.json('/api/v1/witness')).toMatchObject({ contact: 'first' })
    // The same name as the witness: noticed only once the keys are known, and before anything ends.
    settled.write({ log: [`${testSigner(node.ready.witness.split('+')[0]!, 9).verifier.vkey} -`] })
    expect((await gossum(['reload', '--home', join(home, 'node')])).code).toBe(2)
    expect((await push(node.ready.http, log.body(0, 1))).status).toBe(200)
    expect(node.all(isError)).toHaveLength(errors)
  })

  test('settings that fail only after the old parts were stopped: the node starts again with the old ones', async () => {
    const log = newLog()
    const settled = await settledTo({ log: pushed(log), contact: 'first' })
    const { node, home } = settled
    const before = node.told
    expect((await push(node.ready.http, log.body(0, 1))).status).toBe(200)
    // A mirror is made last, and needs a log that can be queried.
    settled.write({ log: pushed(log), contact: 'second', mirror: ['http://127.0.0.1:9'] })
    const meanwhile = push(node.ready.http, log.body(1, 2))
    const result = await gossum(['reload', '--home', join(home, 'node'), '--json'])
    expect(jsonError(result)).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('mirror') as string,
    })
    expect(await node.event(isReload, before)).toMatchObject({
      changed: [],
      error: expect.stringContaining('mirror') as string,
    })
    expect((await meanwhile).status).toBe(200)
    expect(await node.json('/api/v1/witness')).toMatchObject({ contact: 'first' })
    expect((await push(node.ready.http, log.body(2, 3))).status).toBe(200)
    expect(await settled.reload({ log: pushed(log), contact: 'third' })).toMatchObject({ changed: ['contact'] })
    expect(await node.json('/api/v1/witness')).toMatchObject({ contact: 'third' })
    expect((await push(node.ready.http, log.body(3, 4))).status).toBe(200)
  })
})

test('a different policy makes a different quorum, with the existing peers', async () => {
  const log = new PushingLog(testSigner('log.example/1', 1))
  const other = await RunningNode.start(temporaryHome(), ['--log', pushed(log)[0]!])
  const settled = await Settled.start({ log: pushed(log), bootstrap: [other.ready.multiaddrs[0]!] })
  const { node } = settled
  await node.event((event) => event.event === 'peer' && event.connected)
  const policy = (threshold: number): string => {
    const path = join(settled.home, `policy-${threshold}`)
    const members = [node.ready.witness, other.ready.witness]
    const lines = members.map((vkey, i) => `witness w${i} ${vkey}`)
    writeFileSync(path, [...lines, `group g ${threshold} w0 w1`, 'quorum g', ''].join('\n'))
    return path
  }
  const settings = { log: pushed(log), bootstrap: [other.ready.multiaddrs[0]!] }
  expect((await push(node.ready.http, log.body(0, 2))).status).toBe(200)
  const peersBefore = node.all(({ event }) => event === 'peer').length

  expect(await settled.reload({ ...settings, policy: policy(2) })).toMatchObject({ changed: ['policy'], restart: [] })
  expect((await node.json('/api/v1/status')) as object).toMatchObject({ policy: { threshold: 2, witnesses: 2 } })
  // Pushed to one of them, cosigned by both: the mesh carries what the new policy counts.
  const after = node.told
  expect((await push(node.ready.http, log.body(2, 5))).status).toBe(200)
  expect((await push(other.ready.http, log.body(0, 5))).status).toBe(200)
  const quorum = await node.event((event) => event.event === 'quorum' && event.size === 5, after)
  expect(quorum).toMatchObject({ cosignatures: [{}, {}] })
  // No peer had to reconnect.
  expect(node.all(({ event }) => event === 'peer')).toHaveLength(peersBefore)
})

test('SIGHUP does the same, and two at once follow one another', async () => {
  const log = new PushingLog(testSigner('log.example/1', 1))
  const settled = await Settled.start({ log: pushed(log), contact: 'a' })
  const { node, home } = settled
  settled.write({ log: pushed(log), contact: 'b' })
  node.child.kill('SIGHUP')
  expect(await node.event(isReload)).toMatchObject({ changed: ['contact'], error: null })
  settled.write({ log: pushed(log), contact: 'c' })
  const both = await Promise.all([1, 2].map(() => gossumProcess(['reload', '--home', join(home, 'node'), '--json'])))
  const changed = both.map(({ stdout }) => (JSON.parse(stdout) as { changed: string[] }).changed)
  expect(changed.toSorted()).toEqual([[], ['contact']])
  expect(await node.json('/api/v1/witness')).toMatchObject({ contact: 'c' })
  expect(await node.stop()).toBe(0)
})

const RELOADS = 50

test(`${RELOADS} reloads while logs push: each push is answered, every log has one history, and nothing leaks`, async () => {
  const logs = Array.from({ length: 8 }, (_, i) => new PushingLog(testSigner(`log.example/${i}`, 1 + i)))
  const settings = (i: number): object => ({ log: pushed(...logs), contact: `version ${i}` })
  const settled = await Settled.start(settings(0))
  const { node } = settled
  const witness = parseVerifierKey(node.ready.witness)
  const agent = new Agent({ keepAlive: true, maxSockets: logs.length })
  const descriptors = (): number => readdirSync(`/proc/${node.child.pid!}/fd`).length
  let isOver = false
  let answers = 0
  const pushing = logs.map(async (log) => {
    for (let size = 0; !isOver; size++) {
      const answer = await push(node.ready.http, log.body(size, size + 1), { agent })
      expect(answer.status, answer.body).toBe(200)
      const line = parseNote(utf8(`${log.text(size + 1)}\n${answer.body}`)).signatures[0]!
      verifyCosignature(log.text(size + 1), line, witness)
      answers++
    }
  })
  const reloading = (async () => {
    let early = 0
    for (let i = 1; i <= RELOADS; i++) {
      settled.write(settings(i))
      const before = node.told
      node.child.kill('SIGHUP')
      expect(await node.event(isReload, before)).toMatchObject({ changed: ['contact'], error: null })
      if (i === 5) early = descriptors()
    }
    return early
  })()
  const early = await reloading.finally(() => (isOver = true))
  await Promise.all(pushing)
  agent.destroy()
  expect(answers).toBeGreaterThan(RELOADS)
  expect(descriptors()).toBeLessThanOrEqual(early + 4)
  expect(node.all(isError)).toEqual([])
  expect(await node.json('/api/v1/witness')).toMatchObject({ contact: `version ${RELOADS}` })
  expect(await node.stop()).toBe(0)
})

test('how much is logged changes live, and secrets are not', async () => {
  const log = new PushingLog(testSigner('log.example/1', 1))
  const settled = await Settled.start({
    ...{ log: pushed(log), 'log-format': 'json', 'log-level': 'warn', 'guard-wait': 0 },
    distributor: ['http://somebody:hunter2@127.0.0.1:9'],
    poll: 0.1,
  })
  const { node, home } = settled
  const lines: Record<string, unknown>[] = []
  let all = ''
  const seen = (is: (line: Record<string, unknown>) => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (lines.some(is)) resolve()
        else setImmediate(() => setTimeout(look, 10))
      }
      look()
    })
  let rest = ''
  node.child.stderr!.on('data', (chunk: string) => {
    all += chunk
    const parts = (rest + chunk).split('\n')
    rest = parts.pop()!
    for (const line of parts) lines.push(JSON.parse(line) as Record<string, unknown>)
  })
  await push(node.ready.http, log.body(0, 1))
  await seen(({ event, level }) => event === 'exchange' && level === 'warn')
  expect(lines.filter(({ level }) => level === 'info' || level === 'debug')).toEqual([])
  const home2 = join(home, 'node')
  expect((await gossum(['log-level', 'debug', '--home', home2])).stdout).toBe('warn -> debug\n')
  expect((await push(node.ready.http, log.body(1, 2))).status).toBe(200)
  await seen(({ event, route }) => event === 'request' && route === '/add-checkpoint')
  await seen(({ event, level, size }) => event === 'outcome' && level === 'info' && size === 2)
  expect((await gossum(['log-level', '--home', home2])).stdout).toBe('debug\n')
  expect((await gossum(['log-level', 'loud', '--home', home2])).code).toBe(2)
  expect(all).not.toContain('hunter2')
})
