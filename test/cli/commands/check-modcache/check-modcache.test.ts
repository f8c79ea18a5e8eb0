/** `gossum check modcache` as a process, on a cache filled by the real go command. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { makeSignerKey, SIGNATURE_TYPES } from '../../../../src/tlog/note.js'
import { madeUpRecords, memoryLog } from '../../../fakes/lying-log.js'
import { cosigned, QuorumDoor } from '../../../fakes/quorum-door.js'
import { gossum, jsonError, type CliOptions, type CliResult } from '../../../helpers/cli.js'
import { downloadedCache, GoUser, newestGo, publish, required } from '../../../helpers/go.js'
import { scratchFolder } from '../../../helpers/home.js'

const { dir, file } = scratchFolder()
const signer = makeSignerKey('log.example', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(7))
const vkey = signer.verifier.vkey
const witness = makeSignerKey('w.example', SIGNATURE_TYPES.cosignature, new Uint8Array(32).fill(1))
const policy = file('policy', `log ${vkey}\nwitness w ${witness.verifier.vkey}\nquorum w\n`)

const proxy = join(dir, 'proxy')
const records = [
  await publish(proxy, 'example.com/a', 'v1.0.0', 'const A = 1'),
  await publish(proxy, 'example.com/a', 'v1.1.0', 'const A = 2'),
  await publish(proxy, 'example.com/b', 'v0.1.0', 'const B = 1'),
  await publish(proxy, 'private.example/c', 'v0.1.0', 'const C = 1'),
]
const log = await memoryLog(signer, [...madeUpRecords(0, 300), ...records.slice(0, 3)])
const quorumHead = cosigned(await log.head(), [witness])

const go = newestGo()
const original = await downloadedCache(go, { root: dir, proxy }, records)

test.runIf(required)('go is here, as REQUIRE_PEERS asks', () => {
  expect(original).toBeDefined()
})

let door: QuorumDoor
beforeAll(async () => {
  door = await QuorumDoor.start(log, 'log.example', quorumHead)
})
afterAll(() => door.close())
let copies = 0
let root: string
let xdg: string
beforeEach(() => {
  door.instead = () => undefined
  door.requests.length = 0
  root = join(dir, `copy${++copies}`)
  xdg = join(dir, `xdg${copies}`)
  if (original !== undefined) cpSync(original, root, { recursive: true })
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
})

const check = (args: readonly string[] = [], options: CliOptions = {}): Promise<CliResult> =>
  gossum(['check', 'modcache', root, '--node', door.url, '--log', vkey, '--policy', policy, ...args], {
    ...options,
    env: { GOENV: 'off', GOPRIVATE: 'private.example', XDG_CACHE_HOME: xdg, ...options.env },
  })
const json = async (
  args: readonly string[] = [],
): Promise<[number | null, { findings: unknown[]; [field: string]: unknown }]> => {
  const result = await check([...args, '--json'])
  return [result.code, JSON.parse(result.stdout) as { findings: unknown[] }]
}
const lookups = (): string[] => door.requests.filter((path) => path.startsWith('lookup/'))

describe.skipIf(original === undefined)('a module cache', () => {
  test('is checked in silence if all of it is in the log, without private lookups or repeated ones', async () => {
    expect(await check()).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(lookups().toSorted()).toEqual([
      'lookup/example.com/a@v1.0.0',
      'lookup/example.com/a@v1.1.0',
      'lookup/example.com/b@v0.1.0',
    ])
    door.requests.length = 0
    expect(await json()).toEqual([
      0,
      {
        cache: root,
        verdict: 'ok',
        modules: 4,
        private: 1,
        cached: 3,
        undecided: 0,
        head: null,
        evidence: null,
        findings: [],
      },
    ])
    expect(door.requests).toEqual([])
    expect(await json(['--no-cache'])).toMatchObject([0, { cached: 0, head: { size: 303 } }])
  })

  test('with a changed byte in an extracted file is caught despite the cached results, and the file is named', async () => {
    expect((await check()).code).toBe(0)
    const path = join(root, 'example.com/a@v1.0.0/lib.go')
    writeFileSync(path, readFileSync(path, 'utf8').replace('1', '7'))
    const human = await check()
    expect(human.code).toBe(2)
    expect(human.stdout).toMatch(/^repacked zip {2}example\.com\/a v1\.0\.0: /)
    expect(human.stdout).toContain(': lib.go changed')
    expect(human.stderr).toBe(
      `${root}: 4 module versions, 1 wrong, 0 undecided  (2 known from an earlier run, 1 private and not looked up)\n`,
    )
    expect(await json()).toMatchObject([
      2,
      {
        verdict: 'differs',
        findings: [{ module: 'example.com/a', version: 'v1.0.0', class: 'repacked zip', differing: ['folder'] }],
      },
    ])
  })

  test('with a zip, hash file and folder that agree with each other but not with the log is caught', async () => {
    const evil = join(dir, 'evil')
    await publish(evil, 'example.com/a', 'v1.0.0', 'const A = 666')
    const user = await GoUser.create(go!, dir)
    const settings = { GOPROXY: pathToFileURL(evil).href, GOSUMDB: 'off' }
    expect((await user.run(['mod', 'download', '-modcacherw', 'example.com/a@v1.0.0'], settings)).exit).toBe(0)
    rmSync(root, { recursive: true })
    cpSync(join(user.home, 'gp/pkg/mod'), root, { recursive: true })
    expect(await json()).toMatchObject([
      2,
      { modules: 1, findings: [{ class: 'repacked zip', differing: ['cache', 'ziphash', 'folder'] }] },
    ])
  })

  test('with a private module that contradicts itself is caught without the log', async () => {
    writeFileSync(join(root, 'private.example/c@v0.1.0/more.go'), 'package lib\n')
    expect(await json()).toMatchObject([
      2,
      { findings: [{ module: 'private.example/c', class: 'repacked zip', differing: ['folder'] }] },
    ])
    expect(lookups().filter((path) => path.includes('private'))).toEqual([])
  })

  test('with a module that is not in the log is caught', async () => {
    const result = await check(['--json'], { env: { GOPRIVATE: 'nothing' } })
    expect([result.code, JSON.parse(result.stdout)]).toMatchObject([
      2,
      { findings: [{ module: 'private.example/c', class: 'mirror only' }] },
    ])
  })

  test('is reported in one SARIF document, with a rule for each class', async () => {
    writeFileSync(join(root, 'example.com/a@v1.0.0/lib.go'), '')
    const result = await check(['--sarif'])
    expect(result.code).toBe(2)
    const { runs } = JSON.parse(result.stdout) as { runs: { results: unknown[] }[] }
    expect(runs[0]!.results).toMatchObject([
      {
        ruleId: 'repacked-zip',
        level: 'error',
        message: { text: expect.stringContaining('lib.go changed') as string },
        locations: [
          {
            physicalLocation: { artifactLocation: { uri: `file://${root}/example.com/a@v1.0.0`.replace('@', '%40') } },
          },
        ],
      },
    ])
  })

  test('without a node to ask is left undecided, except where it contradicts itself', async () => {
    writeFileSync(join(root, 'example.com/a@v1.0.0/lib.go'), '')
    const result = await check(['--node', 'http://127.0.0.1:1', '--json'])
    expect([result.code, jsonError(result).code]).toEqual([1, 'NODE_UNREACHABLE'])
    expect(JSON.parse(result.stdout)).toMatchObject({
      undecided: 3,
      findings: [{ module: 'example.com/a', version: 'v1.0.0', class: null }],
    })
  })

  test('is not judged by a lookup that returns another record', async () => {
    door.instead = (asked) =>
      asked === 'lookup/example.com/b@v0.1.0'
        ? { status: 200, body: Buffer.concat([Buffer.from(`5\n${records[2]!.text}\n`), quorumHead]) }
        : undefined
    expect(await json()).toMatchObject([
      4,
      { verdict: 'undecided', findings: [{ module: 'example.com/b', class: null, log: { kind: 'unproven' } }] },
    ])
    door.instead = () => undefined
    // And was not cached.
    expect(await json()).toMatchObject([0, { cached: 2 }])
  })
})

test('a missing folder is an error', async () => {
  rmSync(root, { recursive: true, force: true })
  const result = await check(['--json'])
  expect([result.code, jsonError(result).code]).toEqual([1, 'FILE_UNREADABLE'])
})

test('GOMODCACHE sets its location', async () => {
  const result = await gossum(['check', 'modcache', '--node', door.url, '--log', vkey, '--json'], {
    env: { GOENV: 'off', GOMODCACHE: join(dir, 'nowhere') },
  })
  expect([result.code, jsonError(result).message]).toEqual([1, expect.stringContaining('nowhere')])
})
