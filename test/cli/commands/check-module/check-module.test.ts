/** `gossum check module` as a process: a log behind a node, a proxy, a repository and a module cache, on loopback. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parseProofFile } from '../../../../src/tlog/proof-file.js'
import { concatBytes, fromUtf8, utf8 } from '../../../../src/tlog/bytes.js'
import { makeSignerKey, SIGNATURE_TYPES } from '../../../../src/tlog/note.js'
import { madeUpRecords, memoryLog } from '../../../fakes/lying-log.js'
import { cosigned, QuorumDoor } from '../../../fakes/quorum-door.js'
import { gossum, jsonError, type CliOptions, type CliResult } from '../../../helpers/cli.js'
import { publish, repack } from '../../../helpers/go.js'
import { scratchFolder } from '../../../helpers/home.js'
import { MadeRepository } from '../../../helpers/repositories.js'
import { goSays, modrules } from '../../../module/modrules.js'

const { dir, file } = scratchFolder()
const signer = makeSignerKey('log.example', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(7))
const vkey = signer.verifier.vkey
const witnesses = [1, 2, 3].map((byte) =>
  makeSignerKey(`w${byte}.example`, SIGNATURE_TYPES.cosignature, new Uint8Array(32).fill(byte)),
)
const policy = file(
  'policy',
  [
    `log ${vkey}`,
    ...witnesses.map(({ verifier }, i) => `witness w${i} ${verifier.vkey}`),
    'group g 2 w0 w1 w2',
    'quorum g',
    '',
  ].join('\n'),
)

const PATH = 'example.com/m'
const proxy = join(dir, 'proxy')
const proxyUrl = pathToFileURL(proxy).href
const record = await publish(proxy, PATH, 'v1.0.0', 'const A = 1')
await publish(proxy, PATH, 'v1.0.1', 'const A = 1')
const late = await publish(proxy, PATH, 'v1.0.2', 'const A = 1')
const withdrawn = await publish(proxy, PATH, 'v1.0.3', 'const A = 1')
rmSync(join(proxy, PATH, '@v/v1.0.3.zip'))

const repository = new MadeRepository(join(dir, 'repository'))
repository.commit(
  { 'go.mod': `module ${PATH}\n\ngo 1.19\n`, 'lib.go': 'package lib\n\nconst A = 1\n' },
  'v1.0.0',
  'v1.0.1',
  'v1.0.2',
  'v1.0.4',
)
const moved = new MadeRepository(join(dir, 'moved'))
moved.commit({ 'go.mod': `module ${PATH}\n\ngo 1.19\n`, 'lib.go': 'package lib\n\nconst A = 2\n' }, 'v1.0.0')

const log = await memoryLog(signer, [...madeUpRecords(0, 300), record, withdrawn])
const quorumHead = cosigned(await log.head(), witnesses.slice(0, 2))
await log.append([late])

let door: QuorumDoor
beforeAll(async () => {
  door = await QuorumDoor.start(log, 'log.example', quorumHead)
})
afterAll(() => door.close())
let cwd: string
beforeEach(() => {
  door.instead = () => undefined
  door.requests.length = 0
  cwd = mkdtempSync(join(dir, 'cwd-'))
})

const check = (version: string, args: readonly string[] = [], options: CliOptions = {}): Promise<CliResult> =>
  gossum(['check', 'module', `${PATH}@${version}`, '--node', door.url, '--log', vkey, '--policy', policy, ...args], {
    cwd,
    ...options,
    env: { GOENV: 'off', GOPROXY: proxyUrl, GOMODCACHE: join(dir, 'no-cache'), ...options.env },
  })
interface Report {
  readonly class: string | null
  readonly [field: string]: unknown
}
const json = async (
  version: string,
  args: readonly string[] = [],
  options?: CliOptions,
): Promise<[number | null, Report]> => {
  const result = await check(version, [...args, '--json'], options)
  return [result.code, JSON.parse(result.stdout) as Report]
}
const [ZIP, MOD] = record.text
  .trim()
  .split('\n')
  .map((line) => line.split(' ')[2]!) as [string, string]

test('if all agree, each holder is listed with its hashes', async () => {
  writeFileSync(join(cwd, 'go.sum'), record.text)
  const [code, report] = await json('v1.0.0', ['--git', repository.dir])
  expect(code).toBe(0)
  expect(report).toMatchObject({
    module: PATH,
    version: 'v1.0.0',
    class: 'agree',
    verdict: 'ok',
    differing: [],
    silent: [],
    reason: null,
    log: { kind: 'record', record: 300, zip: ZIP, mod: MOD, reason: null },
    holders: {
      proxy: { kind: 'has', zip: ZIP, mod: MOD, from: proxyUrl },
      git: { kind: 'has', zip: ZIP, mod: MOD },
      'go.sum': { kind: 'has', zip: ZIP, mod: MOD },
      cache: { kind: 'absent' },
    },
    head: { size: 302 },
    evidence: null,
    proof: null,
  })
  const human = await check('v1.0.0', ['--git', repository.dir])
  expect([human.code, human.stderr]).toEqual([0, ''])
  expect(human.stdout).toMatch(/^agree  example\.com\/m v1\.0\.0: /)
  expect(human.stdout).toMatch(/^ {2}git {6}the same /m)
})

test('finds a moved tag', async () => {
  const [code, report] = await json('v1.0.0', ['--git', moved.dir])
  expect([code, report]).toEqual([2, expect.objectContaining({ class: 'moved tag', differing: ['git'] })])
  const human = await check('v1.0.0', ['--git', pathToFileURL(moved.dir).href, '--proxy', 'off'])
  expect(human.code).toBe(2)
  expect(human.stdout).toMatch(/^moved tag  /)
  expect(human.stdout).toMatch(/^ {2}do {7}use what the log has/m)
})

test('finds a zip repacked with changed contents', async () => {
  const other = join(dir, 'other-proxy')
  await publish(other, PATH, 'v1.0.0', 'const A = 1 // and more')
  const [code, report] = await json('v1.0.0', ['--git', repository.dir, '--proxy', pathToFileURL(other).href])
  expect([code, report]).toEqual([2, expect.objectContaining({ class: 'repacked zip', differing: ['proxy'] })])
  // The proxy has the changed contents, and so has the repository: all but the log.
  await publish(other, PATH, 'v1.0.0', 'const A = 2')
  const both = await json('v1.0.0', ['--git', moved.dir, '--proxy', pathToFileURL(other).href])
  expect(both).toEqual([2, expect.objectContaining({ class: 'log differs', differing: ['proxy', 'git'] })])
})

test('finds a zip repacked with one more file, but accepts the same files in another order', async () => {
  const other = join(dir, 'repacking-proxy')
  await publish(other, PATH, 'v1.0.0', 'const A = 1')
  const zip = join(other, PATH, '@v/v1.0.0.zip')
  const before = readFileSync(zip)
  const mod = `module ${PATH}\n\ngo 1.19\n`
  const lib = 'package lib\n\nconst A = 1\n'
  const args = ['--git', repository.dir, '--proxy', pathToFileURL(other).href]
  await repack(other, PATH, 'v1.0.0', { 'lib.go': lib, 'go.mod': mod })
  expect(readFileSync(zip).equals(before)).toBe(false)
  expect(await json('v1.0.0', args)).toMatchObject([
    0,
    { class: 'agree', holders: { proxy: { kind: 'has', zip: ZIP } } },
  ])
  await repack(other, PATH, 'v1.0.0', { 'lib.go': lib, 'go.mod': mod, 'init.go': 'package lib\n' })
  expect(await json('v1.0.0', args)).toMatchObject([2, { class: 'repacked zip', differing: ['proxy'] }])
})

test('finds a line of go.sum that no other holder has', async () => {
  const own = join(cwd, 'other.sum')
  writeFileSync(own, record.text.replace(ZIP, MOD))
  const [code, report] = await json('v1.0.0', ['--go-sum', own])
  expect([code, report]).toEqual([2, expect.objectContaining({ class: 'log differs', differing: ['go.sum'] })])
  const missing = await check('v1.0.0', ['--go-sum', join(cwd, 'none.sum'), '--json'])
  expect([missing.code, jsonError(missing).code]).toEqual([1, 'FILE_UNREADABLE'])
})

test('distinguishes versions not in the log, not yet in it, and only in the index', async () => {
  expect(await json('v1.0.1')).toEqual([2, expect.objectContaining({ class: 'mirror only', differing: ['proxy'] })])
  expect(await json('v1.0.4', ['--git', repository.dir])).toEqual([4, expect.objectContaining({ class: 'lag' })])
  expect(await json('v1.0.3')).toEqual([4, expect.objectContaining({ class: 'index only' })])
  expect(await json('v1.0.5')).toEqual([4, expect.objectContaining({ class: null, verdict: 'undecided' })])
})

test('reports a record newer than the quorum head as lag', async () => {
  const newest = await log.head()
  door.instead = (asked) =>
    asked.startsWith('lookup/') ? { status: 200, body: concatBytes(utf8(`302\n${late.text}\n`), newest) } : undefined
  expect(await json('v1.0.2')).toMatchObject([4, { class: 'lag', log: { kind: 'pending', record: 302, zip: null } }])
})

describe('a private module', () => {
  test('is looked up neither at the log nor at a proxy, unless one is named', async () => {
    const env = { GOPRIVATE: 'example.com' }
    const [code, report] = await json('v1.0.0', ['--git', repository.dir], { env })
    expect([code, report]).toMatchObject([
      0,
      { class: 'private', log: { kind: 'private' }, holders: { proxy: { kind: 'not-asked' } } },
    ])
    expect(door.requests).toEqual([])
    const named = await json('v1.0.0', ['--git', moved.dir, '--proxy', proxyUrl], { env })
    expect(named).toMatchObject([2, { class: 'moved tag', holders: { proxy: { kind: 'has' } } }])
    expect(door.requests).toEqual([])
  })

  test('has no proof', async () => {
    const result = await check('v1.0.0', ['--write-proof', join(cwd, 'p'), '--json'], {
      env: { GONOSUMDB: 'example.com/*' },
    })
    expect([result.code, jsonError(result).code]).toEqual([2, 'USAGE'])
  })
})

describe('the proof of the record', () => {
  const path = join(dir, 'm.tlog-proof')

  test('is accepted offline by gossum verify, and by torchwood', async () => {
    const [code, report] = await json('v1.0.0', ['--write-proof', path])
    expect([code, report['proof']]).toEqual([0, path])
    const proof = parseProofFile(readFileSync(path))
    expect([proof.index, fromUtf8(proof.extra!)]).toEqual([300, record.text])
    expect(fromUtf8(proof.note)).toBe(fromUtf8(quorumHead))
    expect(await gossum(['verify', '--policy', policy, path])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^valid proof /) as string,
    })
    if (modrules === undefined) return
    const keys = witnesses.map(({ verifier }) => verifier.vkey)
    const text = file('record', record.text)
    expect(await goSays('proof', path, text, vkey, '2', ...keys)).toEqual({})
    expect(await goSays('proof', path, text, vkey, '3', ...keys)).toHaveProperty('error')
    expect(await goSays('proof', path, file('other', late.text), vkey, '2', ...keys)).toHaveProperty('error')
  })

  test('of another record does not hold', async () => {
    const proof = parseProofFile(readFileSync(path))
    const changed = readFileSync(path, 'utf8').replace(
      Buffer.from(proof.extra!).toString('base64'),
      Buffer.from(late.text).toString('base64'),
    )
    expect(await gossum(['verify', '--policy', policy, file('changed', changed)])).toMatchObject({ code: 2 })
  })

  test('is not written if there is no record', async () => {
    const none = join(cwd, 'none')
    const [code, report] = await json('v1.0.1', ['--write-proof', none])
    expect([code, report['proof']]).toEqual([2, null])
    expect(() => readFileSync(none)).toThrow('ENOENT')
  })
})

test('a log whose answer shows another history is convicted, whatever the record says', async () => {
  const fork = await memoryLog(signer, [...madeUpRecords(0, 300, 'fork'), record, withdrawn])
  const forked = await fork.head()
  door.instead = (asked) =>
    asked.startsWith('lookup/') ? { status: 200, body: concatBytes(utf8(`300\n${record.text}\n`), forked) } : undefined
  const evidence = join(cwd, 'evidence.json')
  const [code, report] = await json('v1.0.0', ['--write-evidence', evidence])
  expect([code, report]).toMatchObject([
    3,
    {
      class: 'log differs',
      verdict: 'misbehaviour',
      log: { kind: 'log-conflict' },
      evidence: { file: evidence, sizes: [302, 302] },
    },
  ])
  expect(await gossum(['verify', '--log', vkey, evidence])).toMatchObject({ code: 0 })
})

describe('faults outside', () => {
  test('without an answer from the node, the other holders are still reported', async () => {
    const result = await check('v1.0.0', ['--node', 'http://127.0.0.1:1', '--json'])
    expect([result.code, jsonError(result).code]).toEqual([1, 'NODE_UNREACHABLE'])
    expect(JSON.parse(result.stdout)).toMatchObject({ class: null, holders: { proxy: { kind: 'has', zip: ZIP } } })
  })

  test('an unproven answer is not trusted', async () => {
    door.instead = (asked) =>
      asked.startsWith('lookup/')
        ? { status: 200, body: concatBytes(utf8(`5\n${record.text}\n`), quorumHead) }
        : undefined
    const [code, report] = await json('v1.0.0')
    expect([code, report]).toMatchObject([4, { class: null, log: { kind: 'unproven' } }])
  })

  test('without an answer from the proxy the verdict is undecided', async () => {
    const [code, report] = await json('v1.0.0', ['--proxy', 'http://127.0.0.1:1', '--git', repository.dir])
    expect([code, report]).toMatchObject([4, { class: 'agree', verdict: 'undecided', silent: ['proxy'] }])
  })

  test.each([[['check', 'module', 'x']], [['check', 'module', 'example.com/m@main']], [['check', 'module']]])(
    '%j is refused',
    async (args) => {
      expect(await gossum(args)).toMatchObject({ code: 2, stdout: '' })
    },
  )

  test('answers of a proxy are printed without control characters', async () => {
    const odd = join(dir, 'odd')
    mkdirSync(join(odd, PATH, '@v'), { recursive: true })
    writeFileSync(join(odd, PATH, '@v/v1.0.0.mod'), 'module x\n')
    writeFileSync(join(odd, PATH, '@v/v1.0.0.zip'), 'PK\x1b[2J')
    const { stdout } = await check('v1.0.0', ['--proxy', pathToFileURL(odd).href])
    expect(stdout).toContain('unusable')
    expect(stdout).not.toContain('\x1b')
  })
})
