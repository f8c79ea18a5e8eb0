/** `gossum doctor`: a healthy node, and deliberate faults, each of which is found by its name, with an exit code. */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { createServer as createHttp } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { createServer, type AddressInfo } from 'node:net'
import { delimiter, dirname, join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { SUM_GOLANG_ORG } from '../../../src/config/config.js'
import { utf8 } from '../../../src/tlog/bytes.js'
import { readFiles, ReplayLog } from '../../fakes/replay-log.js'
import { gossum } from '../../helpers/cli.js'
import { FakeAgent, honestly } from '../../fakes/ssh-agent.js'
import { newestGo, required } from '../../helpers/go.js'
import { testSigner, testWitness } from '../../helpers/heart.js'
import { copyHome, ON_DISK, scratchFolder, smallDisk, temporaryHome } from '../../helpers/home.js'
import { RunningNode } from '../../helpers/node.js'
import { findPeer } from '../../helpers/peers.js'
import { push, PushingLog } from '../../helpers/witness-client.js'
import { readJsonLines, SMALL } from '../../sumdb/genuine.js'

const go = newestGo()
const openssl = findPeer('openssl')
test.runIf(required)('go and openssl are here, as REQUIRE_PEERS asks', () => {
  expect(go).toBeDefined()
  expect(openssl).toBeDefined()
})

interface Line {
  readonly check: string
  readonly state: 'ok' | 'warn' | 'fail'
  readonly text: string
  readonly hint: string | null
}

let files: ReplayLog
beforeAll(async () => {
  files = await ReplayLog.start(readFiles(new URL('genuine/', SMALL)))
  files.latest = utf8(readJsonLines<{ note: string }>(new URL('heads.jsonl', SMALL))[0]!.note)
  return () => files.close()
})

/** What the doctor checks: each part can be made faulty. */
interface Patient {
  readonly home: string
  readonly file: string
  readonly env: Record<string, string>
  settings: Record<string, unknown>
}

function patient(dir = temporaryHome(ON_DISK)): Patient {
  const home = join(dir, 'node')
  mkdirSync(home, { mode: 0o700 })
  const env = {
    ...{ HOME: dir, GOENV: 'off', GOPATH: join(dir, 'go'), GOFLAGS: '', GOTOOLCHAIN: 'local' },
    PATH: [...(go === undefined ? [] : [dirname(go.path)]), process.env['PATH'] ?? ''].join(delimiter),
  }
  const log = [`${SUM_GOLANG_ORG} ${files.url}`]
  const settings = { log, http: '127.0.0.1:0', listen: ['/ip4/127.0.0.1/tcp/0'], mdns: false }
  return { home, file: join(dir, 'gossum.yaml'), env, settings }
}

async function examine({ home, file, env, settings }: Patient): Promise<{ code: number | null; lines: Line[] }> {
  writeFileSync(file, JSON.stringify(settings), { mode: 0o600 })
  const result = await gossum(['doctor', '--home', home, '--config', file, '--json'], { env })
  expect(result.stderr).toBe('')
  const all = result.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  const last = all.pop() as unknown as { checked: number; exit: number }
  expect(last).toMatchObject({ checked: all.length, exit: result.code })
  return { code: result.code, lines: all }
}

async function run({ home, file, settings }: Patient): Promise<RunningNode> {
  writeFileSync(file, JSON.stringify(settings), { mode: 0o600 })
  return RunningNode.start(home, ['--config', file])
}

test('a healthy node has only OK lines, and the exit code is 0', async () => {
  const one = patient()
  const node = await run(one)
  await node.event(({ event }) => event === 'quorum')
  const { code, lines } = await examine(one)
  expect(lines.filter(({ state }) => state !== 'ok')).toEqual([])
  expect(code).toBe(0)
  const checks = lines.map(({ check }) => check)
  for (const check of [
    'Node.js',
    'configuration',
    'home',
    'keys',
    'disk space',
    'disk writes',
    'node',
    'clock',
    'peers',
    'held by others',
    'log sum.golang.org',
    'quorum of sum.golang.org',
    'go command',
  ])
    expect(checks).toContain(check)
  const text = await gossum(['doctor', '--home', one.home, '--config', one.file], { env: one.env })
  expect(text.stdout).toMatch(/^OK {4}keys {14}/m)
  expect(text.stdout).toMatch(/checks: \d+ ok, 0 warnings, 0 failures\n$/)
})

/** A server that accepts every connection, on a free port. */
async function occupied(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** A log whose clock is off, or with other content. */
async function oddLog(date: Date, body: string | Uint8Array): Promise<string> {
  const server = createHttp((_request, response) => {
    response.sendDate = false
    response.setHeader('date', date.toUTCString()).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const { dir: beforehand } = scratchFolder()
let usedHome: Promise<string> | undefined

/** A home in which a node has run: a copy of one. */
async function used({ home }: Patient): Promise<void> {
  copyHome(await (usedHome ??= use(patient(beforehand))), home)
}

async function use(one: Patient): Promise<string> {
  const node = await run(one)
  await node.event(({ event }) => event === 'quorum')
  await node.stop()
  return one.home
}

type Fault = [
  what: string,
  make: (one: Patient) => void | Promise<void>,
  check: string,
  state: 'warn' | 'fail',
  code: number,
]

const FAULTS: Fault[] = [
  ['an unknown setting', (one) => void (one.settings['polcy'] = 'x'), 'configuration', 'fail', 2],
  ['a setting of the wrong type', (one) => void (one.settings['poll'] = 'often'), 'configuration', 'fail', 2],
  ['a missing policy file', (one) => void (one.settings['policy'] = '/nonexistent'), 'configuration', 'fail', 2],
  ['no home yet', (one) => rmSync(one.home, { recursive: true }), 'home', 'warn', 4],
  [
    'a file in place of the home',
    (one) => (rmSync(one.home, { recursive: true }), writeFileSync(one.home, '')),
    'home',
    'fail',
    1,
  ],
  ['a home that others may read', (one) => chmodSync(one.home, 0o755), 'home', 'warn', 4],
  ['a home that others may write to', (one) => chmodSync(one.home, 0o777), 'home', 'fail', 1],
  ['a home in memory', (one) => inMemory(one), 'disk writes', 'fail', 1],
  [
    'a key that others may read',
    async (one) => (await used(one), chmodSync(join(one.home, 'witness.key'), 0o644)),
    'keys',
    'fail',
    1,
  ],
  ['a missing key', async (one) => (await used(one), rmSync(join(one.home, 'witness.key'))), 'keys', 'fail', 1],
  [
    'a file that is not a key',
    async (one) => (await used(one), writeFileSync(join(one.home, 'witness.key'), 'x\n')),
    'keys',
    'fail',
    1,
  ],
  ['an ssh-agent that has ended', (one) => goneAgent(one), 'keys', 'fail', 1],
  ['no key yet', () => undefined, 'keys', 'warn', 4],
  ['a modified journal', async (one) => (await used(one), spoil(join(one.home, 'journal'))), 'journal', 'fail', 1],
  ['a missing journal', async (one) => (await used(one), rmSync(join(one.home, 'journal'))), 'journal', 'fail', 1],
  ['a node that does not run', () => undefined, 'node', 'warn', 4],
  [
    'a log that does not answer',
    (one) => void (one.settings['log'] = [`${SUM_GOLANG_ORG} http://127.0.0.1:9`]),
    'log sum.golang.org',
    'fail',
    1,
  ],
  [
    'another service in place of the log',
    async (one) => void (one.settings['log'] = [`${SUM_GOLANG_ORG} ${await oddLog(new Date(), '<html>sign in')}`]),
    'log sum.golang.org',
    'fail',
    1,
  ],
  [
    'a clock that is an hour off',
    async (one) =>
      void (one.settings['log'] = [
        `${SUM_GOLANG_ORG} ${await oddLog(new Date(Date.now() - 3_600_000), files.latest!)}`,
      ]),
    'clock',
    'fail',
    1,
  ],
  [
    'an API port in use',
    async (one) => void (one.settings['http'] = `127.0.0.1:${await occupied()}`),
    'API port',
    'fail',
    1,
  ],
  [
    'a mesh port in use',
    async (one) => void (one.settings['listen'] = [`/ip4/127.0.0.1/tcp/${await occupied()}`]),
    'mesh port',
    'fail',
    1,
  ],
  ['an API open to everyone', (one) => void (one.settings['http'] = '0.0.0.0:0'), 'API address', 'warn', 4],
  ['a policy that one liar breaks', (one) => weakPolicy(one), 'policy', 'warn', 4],
  ['a hook that is not executable', (one) => hook(one, 0o600), 'hooks', 'warn', 4],
  ['a hook that others may change', (one) => hook(one, 0o777), 'hooks', 'fail', 1],
]

const TLS_FAULTS: Fault[] = [
  ['a certificate that ends in three days', (one) => tlsLog(one, 3), 'certificate', 'warn', 4],
  ['an untrusted certificate', (one) => tlsLog(one, 300, false), 'log sum.golang.org', 'fail', 1],
]

const GO_FAULTS: Fault[] = [
  ['GOSUMDB off', (one) => void (one.env['GOSUMDB'] = 'off'), 'GOSUMDB', 'fail', 1],
  ['GONOSUMDB for everything', (one) => void (one.env['GONOSUMDB'] = '*'), 'GONOSUMDB', 'fail', 1],
  ['GOPRIVATE for everything', (one) => void (one.env['GOPRIVATE'] = 'corp.example,*'), 'GOPRIVATE', 'fail', 1],
  ['GONOSUMCHECK', (one) => void (one.env['GONOSUMCHECK'] = '1'), 'GONOSUMCHECK', 'fail', 1],
  ['GOFLAGS=-insecure', (one) => void (one.env['GOFLAGS'] = '-insecure'), 'GOFLAGS', 'fail', 1],
  ['GOINSECURE for everything', (one) => void (one.env['GOINSECURE'] = '*'), 'GOINSECURE', 'fail', 1],
  ['GOINSECURE', (one) => void (one.env['GOINSECURE'] = 'corp.example'), 'GOINSECURE', 'warn', 4],
  ['a proxy without TLS', (one) => void (one.env['GOPROXY'] = 'http://proxy.example'), 'GOPROXY', 'warn', 4],
  ['a go command cache without a valid head', (one) => goMemory(one, 'x'), 'go memory', 'fail', 1],
  [
    'a go command cache with a head signed by another key',
    (one) =>
      goMemory(
        one,
        Buffer.from(files.latest!)
          .toString()
          .replace(/\n\d+\n/, '\n7\n'),
      ),
    'go memory',
    'fail',
    1,
  ],
]

describe('reports under the right check', () => {
  test.each(FAULTS)('%s', async (_what, make, check, state, code) => {
    const one = patient()
    await make(one)
    await expectFound(one, check, state, code)
  })

  test.skipIf(openssl === undefined).each(TLS_FAULTS)('%s', async (_what, make, check, state, code) => {
    const one = patient()
    await make(one)
    await expectFound(one, check, state, code)
  })

  test('a full disk', async ({ skip }) => {
    const disk = smallDisk(32 * 1024)
    if (disk === undefined) return skip('a file system cannot be mounted here')
    const one = patient()
    rmSync(one.home, { recursive: true })
    chmodSync(disk.path, 0o700)
    symlinkSync(disk.path, one.home)
    await expectFound(one, 'disk space', 'fail', 1)
  })

  test('a log that has shown two histories, with the gravest exit code', async () => {
    const one = patient()
    const log = new PushingLog(testSigner('log.example', 1))
    one.settings['log'] = [`${log.signer.verifier.vkey} -`]
    const node = await run(one)
    expect(await push(node.ready.http, log.body(0, 5))).toMatchObject({ status: 200 })
    await push(node.ready.http, log.fork(2).body(0, 5))
    await node.event(({ event }) => event === 'evidence')
    await expectFound(one, 'condition: frozen', 'fail', 3)
  })

  test.skipIf(go === undefined).each(GO_FAULTS)('%s', async (_what, make, check, state, code) => {
    const one = patient()
    await make(one)
    await expectFound(one, check, state, code)
  })

  test('the conditions of a running node', async () => {
    const one = patient()
    one.settings['log'] = [`${SUM_GOLANG_ORG} http://127.0.0.1:9`]
    one.settings['bootstrap'] = ['/ip4/127.0.0.1/tcp/9']
    const node = await run(one)
    await node.event((event) => event.event === 'log' && !event.reachable)
    const { code, lines } = await examine(one)
    const bad = lines.filter(({ state }) => state !== 'ok').map(({ check, state }) => `${state} ${check}`)
    expect(bad).toContain('fail peers')
    expect(bad.some((line) => line.includes('condition: '))).toBe(true)
    expect(code).toBe(1)
  })
})

async function expectFound(one: Patient, check: string, state: string, code: number): Promise<void> {
  const result = await examine(one)
  const found = result.lines.find((line) => line.check === check && line.state === state)
  expect(found, JSON.stringify(result.lines.filter((line) => line.state !== 'ok'))).toBeDefined()
  expect(found!.hint).toMatch(/\w/)
  // What else is wrong with a node that does not run is less severe than that.
  expect(result.code).toBe(code)
}

/** The log with TLS, with a certificate that is valid for this many days. */
async function tlsLog(one: Patient, days: number, isTrusted = true): Promise<void> {
  const dir = dirname(one.home)
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', String(days)]
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  execFileSync(openssl!, ['req', '-x509', ...kind, ...name, '-keyout', key, '-out', cert], { stdio: 'pipe' })
  const server = createHttps({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    void fetch(new URL(request.url!, files.url))
      .then(async (answer) => response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer())))
      .catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  onTestFinished(() => void server.close())
  if (isTrusted) one.env['NODE_EXTRA_CA_CERTS'] = cert
  one.settings['log'] = [`${SUM_GOLANG_ORG} https://localhost:${(server.address() as AddressInfo).port}`]
}

async function goneAgent(one: Patient): Promise<void> {
  const agent = await FakeAgent.start(honestly(testWitness))
  one.env['SSH_AUTH_SOCK'] = agent.socket
  const named = ['key', 'import', '--ssh-agent', '--name', testWitness.verifier.name]
  expect(await gossum(named, { home: one.home, env: one.env })).toMatchObject({ code: 0 })
  await agent.stop()
}

function inMemory(one: Patient): void {
  const dir = mkdtempSync('/dev/shm/gossum-doctor-')
  onTestFinished(() => rmSync(dir, { recursive: true }))
  cpSync(one.home, dir, { recursive: true })
  rmSync(one.home, { recursive: true })
  symlinkSync(dir, one.home)
}

function spoil(path: string): void {
  writeFileSync(path, 'gossum-journal/1 changed\n')
}

function weakPolicy(one: Patient): void {
  const path = join(dirname(one.home), 'policy')
  writeFileSync(path, `witness w ${testWitness.verifier.vkey}\nquorum w\n`)
  one.settings['policy'] = path
}

function hook({ home }: Patient, mode: number): void {
  mkdirSync(join(home, 'hooks.d'), { mode: 0o700 })
  const path = join(home, 'hooks.d', '10-mail')
  writeFileSync(path, '#!/bin/sh\n')
  chmodSync(path, mode)
}

function goMemory({ env }: Patient, text: string): void {
  const dir = join(env['GOPATH']!, 'pkg', 'sumdb', 'sum.golang.org')
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'latest'), text)
}
