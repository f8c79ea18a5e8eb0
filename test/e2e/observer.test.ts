/**
 * An observer without access to the log: three witnesses, a log, and a fourth process without a key that learns
 * everything by gossip.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { AboutWitnessView, HeadView, LogView, PeerView, WitnessView } from '../../src/status/shapes.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { ViewsLog } from '../fakes/views-log.js'
import { gossum, gossumRefused } from '../helpers/cli.js'
import { Fleet } from '../helpers/fleet.js'
import { isAdvanced, isEvidence, isQuorum, FleetNode } from '../helpers/fleet-node.js'
import { temporaryHome } from '../helpers/home.js'
import type { NodeEvent } from '../../src/node/events.js'

const OBSERVER = 3
/** Nothing listens there. */
const NOWHERE = 'http://127.0.0.1:9'
const TWO_VIEWS = ['127.0.0.1', '127.0.0.1'] as const

interface Stage {
  readonly log: ViewsLog
  readonly fleet: Fleet
  readonly observer: FleetNode
}

/** Three witnesses, of which the last sees the second view of the log, and an observer. */
async function startAll(): Promise<Stage> {
  const log = await ViewsLog.start('observed.log.example', 100, TWO_VIEWS)
  onTestFinished(() => log.close())
  const fleet = await Fleet.start({
    nodes: 3,
    need: 2,
    poll: 0.5,
    logs: (i) => [i === OBSERVER ? blindTo(log) : log.setting(i === 2 ? 1 : 0)],
    args: (i) => (i === OBSERVER ? ['--observer'] : []),
  })
  onTestFinished(() => fleet.end())
  return { log, fleet, observer: await fleet.add() }
}

const blindTo = (log: ViewsLog): string => `${log.signer.verifier.vkey} ${NOWHERE}`
const logIn = async (node: FleetNode): Promise<LogView> =>
  ((await node.json('/api/v1/logs')) as { logs: LogView[] }).logs[0]!

/** The names on all signature lines in everything that a node serves to anyone. */
async function namesOnLines(node: FleetNode, log: string): Promise<Set<string>> {
  const paths = [
    '/',
    '/api/v1/status',
    '/api/v1/logs',
    `/api/v1/logs/${log}/head`,
    `/api/v1/logs/${log}/heads?limit=100`,
  ]
  const more = ['/api/v1/witnesses', '/api/v1/peers', '/api/v1/evidence', '/api/v1/suspects', '/feed.atom', '/metrics']
  const bodies = await Promise.all([...paths, ...more].map((path) => node.ask(path)))
  const said = Buffer.concat(bodies).toString()
  return new Set([...said.matchAll(/(?:\n|\\n)— (\S+) /g)].map(([, name]) => name!))
}

async function post(node: FleetNode, path: string, body: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${node.ready.http}${path}`, { method: 'POST', body })
  return { status: response.status, text: await response.text() }
}

test('serves what the witnesses cosign, signs nothing, and keeps what it had', { timeout: 120_000 }, async () => {
  const { log, fleet, observer } = await startAll()
  const home = join(fleet.directory, `node-${OBSERVER}`)
  expect(observer.ready).toMatchObject({ ready: true, witness: null, observer: true })
  await observer.when('first quorum head', isQuorum(log.id, 100))
  const size = await log.grow(20)
  await observer.when('next quorum head', isQuorum(log.id, size))
  expect(await logIn(observer)).toMatchObject({ size, witness: null, time: null, quorum: { size }, suspectCount: 0 })
  expect(await observer.status()).toMatchObject({ ready: true, observer: true, witness: null, conditions: [] })
  expect(Buffer.from(await observer.ask('/readyz')).toString()).toMatch(/^ok|^ready/)

  // No key and no line of its own in anything it serves; and nobody counts it as a witness.
  const [own] = fleet.keys.slice(OBSERVER)
  expect(own).toBeUndefined()
  expect(readdirSync(home).sort()).toEqual(['db', 'journal', 'observer', 'operator.sock', 'peer.key'])
  const names = ['observed.log.example', ...fleet.keys.map(({ name }) => name)]
  for (const name of await namesOnLines(observer, log.id)) expect(names).toContain(name)
  expect(readFileSync(join(home, 'journal'), 'utf8')).not.toMatch(/"signed"|"audited"/)
  const { peers } = (await fleet.nodes[0]!.json('/api/v1/peers')) as { peers: PeerView[] }
  expect(peers.find(({ peerId }) => peerId === observer.ready.peerId)).toMatchObject({ witness: null })
  const { witnesses } = (await observer.json('/api/v1/witnesses')) as { witnesses: WitnessView[] }
  expect(witnesses.map(({ name, own }) => [name, own])).toEqual(fleet.keys.map(({ name }) => [name, false]))

  // For a log it answers like a witness that does not know the log.
  const headOf = async (node: FleetNode): Promise<HeadView> =>
    (await node.json(`/api/v1/logs/${log.id}/head`)) as HeadView
  // All have signed: no more lines will follow, and those that the observer keeps count, and so are on disk.
  await expect.poll(async () => (await headOf(observer)).cosignatures.length, { timeout: 20_000 }).toBe(OBSERVER)
  const head = await headOf(observer)
  const pushed = await post(observer, '/add-checkpoint', `old ${size}\n\n${head.note}`)
  expect(pushed).toMatchObject({ status: 404, text: expect.stringContaining('this is an observer') as string })
  const about = await fetch(`${observer.ready.http}/api/v1/witness`)
  expect([about.status, ((await about.json()) as AboutWitnessView & { code: string }).code]).toEqual([
    404,
    'NO_WITNESS',
  ])

  // A power failure, and the witnesses are gone: it serves what it had.
  await observer.kill()
  await Promise.all(fleet.nodes.slice(0, OBSERVER).map((node) => node.kill()))
  const again = await fleet.restart(OBSERVER)
  expect(await headOf(again)).toEqual(head)
  expect(await logIn(again)).toMatchObject({ size, quorum: { size } })
})

test('holds the evidence of a fork that two witnesses were shown, and stays frozen', { timeout: 120_000 }, async () => {
  const { log, fleet, observer } = await startAll()
  await observer.when('quorum head', isQuorum(log.id, 100))
  const fork = await log.fork(1)
  await Promise.all([log.grow(10), fork.grow(14)])
  const { id } = await observer.when('evidence', isEvidence(log.id), 50_000)
  await observer.kill()
  const again = await fleet.restart(OBSERVER)
  expect(await logIn(again)).toMatchObject({ frozen: true, quorum: { size: expect.any(Number) as number } })
  const file = join(fleet.directory, 'evidence.json')
  writeFileSync(file, await again.ask(`/api/v1/evidence/${id}`))
  const verdict = await gossum(['verify', '--json', '--log', log.signer.verifier.vkey, file])
  expect(JSON.parse(verdict.stdout)).toMatchObject({ verdict: 'valid', id })
  const { conditions } = await again.status()
  expect(conditions.find(({ name }) => name === 'frozen')?.text).toMatch(/nothing more of it is accepted$/)
  const status = await gossum(['status', '--node', again.ready.http])
  expect(status.code).toBe(3)
  expect(status.stdout).not.toMatch(/is signed|cosigned/)
})

test(
  'a fork that a lone peer shows first is not believed, and convicts the log later',
  { timeout: 120_000 },
  async () => {
    const log = await ViewsLog.start('observed.log.example', 100, TWO_VIEWS)
    onTestFinished(() => log.close())
    const fork = await log.fork(1)
    const shown = await fork.grow(30)
    const size = await log.grow(40)
    const fleet = await Fleet.start({ nodes: 3, need: 2, poll: 0.5, logs: () => [log.setting(0)] })
    onTestFinished(() => fleet.end())
    const policy = join(fleet.directory, 'policy')
    const common = ['--http', '127.0.0.1:0', '--listen', '/ip4/127.0.0.1/tcp/0', '--poll', '0.5', '--policy', policy]
    const liar = await FleetNode.start([...common, '--home', temporaryHome(), '--log', log.setting(1)])
    onTestFinished(() => liar.kill())
    await liar.when('head of the fork', isAdvanced(log.id, shown))

    const home = temporaryHome()
    const toLiar = liar.ready.multiaddrs[0]!
    // It is not even configured with the log's address: all proofs are by peers.
    const args = [...common, '--observer', '--home', home, '--log', `${log.signer.verifier.vkey} - ${SUMDB_ORIGIN}`]
    const alone = await FleetNode.start([...args, '--bootstrap', toLiar])
    onTestFinished(() => alone.kill())
    const isPending = (event: NodeEvent): event is Extract<NodeEvent, { event: 'outcome' }> =>
      event.event === 'outcome' && event.outcome === 'pending' && event.size === shown
    expect(await alone.when('suspect', isPending)).toMatchObject({ code: 'HISTORY_MISSING' })
    expect(await logIn(alone)).toMatchObject({ size: 0, root: null, quorum: null, suspectCount: 1 })
    expect((await fetch(`${alone.ready.http}/readyz`)).status).toBe(503)
    await alone.kill()

    const honest = fleet.nodes[1]!.ready.multiaddrs[0]!
    const among = await FleetNode.start([...args, '--bootstrap', toLiar, '--bootstrap', honest])
    onTestFinished(() => among.kill())
    await among.when('quorum head', isQuorum(log.id, size))
    const { id } = await among.when('evidence', isEvidence(log.id))
    expect(await logIn(among)).toMatchObject({ size, frozen: true, holds: [{ id, acked: false }] })
  },
)

describe('a home', () => {
  const start = (home: string, ...more: string[]) =>
    gossumRefused(['run', '--observer', '--home', home, '--http', '127.0.0.1:0', '--json', ...more])
  test('of a witness cannot be used by an observer, and vice versa', async () => {
    const home = temporaryHome()
    await gossum(['key', 'new', '--home', home])
    const before = readdirSync(home)
    const run = await start(home, '--policy', 'public')
    expect([run.code, run.stderr]).toEqual([
      1,
      expect.stringMatching(/witness\.key belongs to a witness, but an observer has no key/),
    ])
    expect(readdirSync(home)).toEqual(before)

    const observers = join(temporaryHome(), 'home')
    mkdirSync(observers)
    writeFileSync(join(observers, 'observer'), '')
    for (const args of [
      ['key', 'new'],
      ['key', 'new', '--auditor'],
      ['key', 'show'],
      ['run', '--http', '127.0.0.1:0'],
    ]) {
      const { code, stderr } = await gossumRefused([...args, '--home', observers])
      expect([code, stderr]).toEqual([1, expect.stringMatching(/is the home of an observer[^]*run it with --observer/)])
    }
    expect(readdirSync(observers)).toEqual(['observer'])
  })

  test.each([
    [[], /observer: a policy must say whose cosignatures count/],
    [['--policy', 'public', '--name', 'w.example'], /name: an observer has no witness key/],
    [['--policy', 'public', '--deposit', '2'], /deposit: an observer has no witness key/],
    [['--policy', 'public', '--feed', 'https://w.example'], /feed: an observer has no cosignature/],
  ])('is not made with %j', async (more, why) => {
    const home = join(temporaryHome(), 'home')
    const { code, stderr } = await start(home, ...more)
    expect([code, stderr]).toEqual([2, expect.stringMatching(why)])
    expect(() => readdirSync(home)).toThrow('ENOENT')
  })
})
