/** `gossum check go.sum` as a process: its output, its exit codes, and its requests. */
import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parseEvidence, verifyEvidence } from '../../../../src/evidence/evidence.js'
import { Store } from '../../../../src/store/store.js'
import { fromUtf8, utf8 } from '../../../../src/tlog/bytes.js'
import { logId, SUMDB_ORIGIN } from '../../../../src/tlog/checkpoint.js'
import { makeSignerKey, SIGNATURE_TYPES } from '../../../../src/tlog/note.js'
import { LyingLog, madeUpRecord, madeUpRecords, memoryLog, replaceBody } from '../../../fakes/lying-log.js'
import { cosigned, QuorumDoor } from '../../../fakes/quorum-door.js'
import { built } from '../../../helpers/built.js'
import { gossum, jsonError, type CliOptions, type CliResult } from '../../../helpers/cli.js'
import { scratchFolder, temporaryHome } from '../../../helpers/home.js'

const { dir, file } = scratchFolder()
const signer = makeSignerKey('log.example', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(7))
const vkey = signer.verifier.vkey
const witnesses = [1, 2, 3].map((byte) =>
  makeSignerKey(`w${byte}.example`, SIGNATURE_TYPES.cosignature, new Uint8Array(32).fill(byte)),
)
const SIZE = 300

const log = await memoryLog(signer, madeUpRecords(0, SIZE))
const quorumHead = cosigned(await log.head(), witnesses.slice(0, 2))

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

/** The go.sum lines of these modules. */
const goSumOf = (...numbers: number[]): string => numbers.map((n) => madeUpRecord(n).text).join('')
let files = 0
/** A new file with this text. */
const sum = (text: string): string => file(`${++files}.sum`, text)
const hashOf = (n: number, salt = 'a'): string => /h1:\S+/.exec(madeUpRecord(n, salt).text)![0]

let door: QuorumDoor
beforeAll(async () => {
  door = await QuorumDoor.start(log, 'log.example', quorumHead)
})
afterAll(() => door.close())

let caches = 0
let cache: string
beforeEach(() => {
  cache = join(dir, `cache${++caches}`)
  door.instead = () => undefined
  door.head = quorumHead
  door.requests.length = 0
})

/** Runs the check with a cache for each test. */
function check(args: readonly string[], { env, ...options }: CliOptions = {}): Promise<CliResult> {
  return gossum(['check', 'go.sum', ...args], { ...options, env: { XDG_CACHE_HOME: cache, ...env } })
}

/** The same, with the node. */
const ask = (args: readonly string[], options?: CliOptions): Promise<CliResult> =>
  check(['--node', door.url, '--log', vkey, ...args], options)

interface Report {
  file: string
  verdict: string
  findings: { line: number; class: string; [field: string]: unknown }[]
  [field: string]: unknown
}
const reports = ({ stdout }: CliResult): Report[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Report)

describe('against a node', () => {
  it('is silent if every line is in the log, and sends no requests the second time', async () => {
    const path = sum(goSumOf(3, 4, 299))
    expect(await ask([path])).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(door.requests.filter((asked) => asked.startsWith('lookup/'))).toHaveLength(3)
    door.requests.length = 0
    const again = await ask([path, '--json'])
    expect(door.requests).toEqual([])
    expect(again).toMatchObject({ code: 0, stderr: '' })
    expect(reports(again)).toEqual([
      {
        file: path,
        verdict: 'ok',
        lines: 6,
        private: 0,
        cached: 6,
        pending: 0,
        head: null,
        evidence: null,
        findings: [],
      },
    ])
  })

  it('reports the head and who cosigned it', async () => {
    const result = await ask([sum(goSumOf(3)), '--json', '--policy', policy])
    expect(result).toMatchObject({ code: 0, stderr: '' })
    const time = '2023-11-14T22:13:20.000Z'
    expect(reports(result)[0]!['head']).toEqual({
      size: SIZE,
      root: Buffer.from(await log.root()).toString('base64'),
      cosignatures: [
        { name: 'w1.example', time, verified: true },
        { name: 'w2.example', time, verified: true },
      ],
    })
  })

  it('names the line that differs, and the hash on each side', async () => {
    const [zip, mod] = madeUpRecord(4).text.trim().split('\n') as [string, string]
    const path = sum(`${goSumOf(3)}${zip.replace(hashOf(4), hashOf(4, 'b'))}\n${mod}\n`)
    const human = await ask([path])
    expect(human.code).toBe(2)
    expect(human.stdout).toBe(
      `${path}:3: other-hash  example.com/Module4 v1.4.0  go.sum has ${hashOf(4, 'b')}, the log says ${hashOf(4)} (record 4)\n`,
    )
    expect(human.stderr).toBe(`${path}: 4 lines, 1 wrong, 0 undecided\n`)
    const machine = await ask([path, '--json'])
    expect(reports(machine)[0]).toMatchObject({
      verdict: 'differs',
      lines: 4,
      cached: 3,
      findings: [
        {
          line: 3,
          module: 'example.com/Module4',
          version: 'v1.4.0',
          kind: 'zip',
          class: 'other-hash',
          have: hashOf(4, 'b'),
          log: [hashOf(4)],
          record: 4,
          reason: null,
        },
      ],
    })
    expect(machine.code).toBe(2)
  })

  it('checks ./go.sum by default, and stdin for -', async () => {
    const elsewhere = await ask([])
    expect(elsewhere.code).toBe(1)
    expect(elsewhere.stderr).toContain("'go.sum'")
    expect(await ask(['-'], { input: goSumOf(3) })).toEqual({ code: 0, stdout: '', stderr: '' })
    expect((await ask(['-'], { input: goSumOf(SIZE) })).stdout).toContain(
      '-:1: not-in-log  example.com/Module300 v1.300.0',
    )
  })

  it('reports malformed lines by their numbers, and checks the others', async () => {
    const path = sum(`${goSumOf(3)}<<<<<<< HEAD\n${goSumOf(4, SIZE)}`)
    const { code, stdout } = await ask([path])
    expect(code).toBe(2)
    expect(stdout.split('\n').map((line) => line.split('  ')[0])).toEqual([
      `${path}:3: malformed`,
      `${path}:6: not-in-log`,
      `${path}:7: not-in-log`,
      '',
    ])
    expect(stdout).toContain('a conflict marker of git: "<<<<<<< HEAD"')
    const only = await ask([sum('what is this\nreally\n'), '--json'])
    expect(reports(only)[0]).toMatchObject({ verdict: 'malformed', lines: 2 })
    expect(only.code).toBe(2)
  })

  it('a line with a hash type but no hash is malformed, and hides no other finding', async () => {
    const text = `${goSumOf(3)}example.com/Module4 v1.4.0 h1\nexample.com/Module5 v1.5.0 ${hashOf(6)}\n`
    for (const format of ['--json', '--sarif']) expect((await ask([sum(text), format])).code).toBe(2)
    const { stdout } = await ask([sum(text), '--json'])
    const found = (JSON.parse(stdout) as Report).findings.map((finding) => [finding.line, finding.class])
    expect(found).toEqual([
      [3, 'malformed'],
      [4, 'other-hash'],
    ])
  })

  it('a hash of another type is reported as not in the log', async () => {
    const result = await ask([sum(`${goSumOf(3)}example.com/Module3 v1.3.0 h2:AAAA\n`), '--json'])
    expect(result.code).toBe(2)
    expect(reports(result)[0]!.findings).toMatchObject([
      { line: 3, class: 'not-in-log', reason: 'the log has no h2 hash of it' },
    ])
  })

  it('a sign-in page counts as an unusable answer', async () => {
    door.instead = () => ({ status: 200, body: utf8('<html>Please sign in</html>\n') })
    const result = await ask([sum(goSumOf(3)), '--json'])
    expect([result.code, jsonError(result).code]).toEqual([1, 'NODE_UNREACHABLE'])
    const args = ['--log', `${vkey} ${door.url}/sumdb/log.example`, '--policy', policy]
    const straight = await check([...args, sum(goSumOf(3)), '--json'])
    expect([straight.code, jsonError(straight).code]).toEqual([1, 'LOG_ANSWER_INVALID'])
  })

  it('does not look up private modules, however the go command is configured', async () => {
    const path = sum(`${goSumOf(3)}${goSumOf(SIZE)}`)
    const goenv = file('goenv', '# mine\nGOPRIVATE=none.example,example.com/Module300\n')
    const asked = (): string[] => door.requests.filter((request) => request.startsWith('lookup/'))
    for (const env of [
      { GOPRIVATE: 'example.com/*300' },
      { GONOSUMDB: '*.com/Module300', GOPRIVATE: 'nothing.example' },
      { GOENV: goenv },
    ]) {
      const result = await ask([path, '--json', '--no-cache'], { env })
      expect(result).toMatchObject({ code: 0, stderr: '' })
      expect(reports(result)[0]).toMatchObject({ verdict: 'ok', lines: 4, private: 2 })
      expect(reports(result)[0]!.findings.map((finding) => finding.class)).toEqual(['private', 'private'])
      expect(await ask([path], { env })).toEqual({ code: 0, stdout: '', stderr: '' })
      expect(asked().some((request) => request.includes('300'))).toBe(false)
    }
    // GONOSUMDB takes precedence over GOPRIVATE.
    const env = { GONOSUMDB: 'nothing.example', GOPRIVATE: 'example.com' }
    expect((await ask([path], { env })).code).toBe(2)
  })

  it('with a frozen log at the node, all valid lines stay undecided', async () => {
    const body = utf8('gossum: the log is frozen: it was proven to misbehave: 0123456789abcdef\n')
    door.instead = (path) => (path === 'latest' ? { status: 503, body } : undefined)
    const path = sum(`nonsense\n${goSumOf(3, 4)}`)
    const result = await ask([path])
    expect(result.code).toBe(2)
    expect(result.stdout).toContain(`${path}:1: malformed`)
    expect(result.stderr).toContain('proven to misbehave: 0123456789abcdef')
    const open = await ask([sum(goSumOf(3, 4)), '--json'])
    expect(open.code).toBe(4)
    expect(reports(open)[0]).toMatchObject({ verdict: 'undecided', pending: 4, head: null, findings: [] })
    expect(jsonError(open).code).toBe('LOG_UNREACHABLE')
  })

  it('a record without a quorum yet is pending, with the reason given by the node', async () => {
    const body = utf8('gossum: no quorum of witnesses has cosigned a head with this record yet\n')
    door.instead = (path) => (path.includes('module4@') ? { status: 503, body } : undefined)
    const path = sum(goSumOf(3, 4))
    const { code, stdout, stderr } = await ask([path])
    expect(code).toBe(4)
    expect(stdout).toContain(`${path}:3: pending  example.com/Module4 v1.4.0  `)
    expect(stdout).toContain('no quorum of witnesses has cosigned a head with this record yet')
    expect(stderr).toBe(`${path}: 4 lines, 0 wrong, 2 undecided\n`)
  })

  it('without a reachable node the exit code is 1', async () => {
    const path = sum(goSumOf(3))
    const none = await check(['--node', 'http://127.0.0.1:1', '--log', vkey, path, '--json'])
    expect(none.code).toBe(1)
    expect(jsonError(none).code).toBe('NODE_UNREACHABLE')
    expect(reports(none)[0]).toMatchObject({ verdict: 'undecided', pending: 2 })
    const foreign = await check(['--node', door.url, path, '--json'])
    expect([foreign.code, jsonError(foreign).code]).toEqual([1, 'NODE_UNREACHABLE'])
    const nonsense = await check(['--node', 'ftp://x', path, '--json'])
    expect([nonsense.code, jsonError(nonsense).code, nonsense.stdout]).toEqual([2, 'USAGE', ''])
  })

  it('a node whose head another key signed is refused', async () => {
    const other = makeSignerKey('log.example', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(9))
    const result = await check(['--node', door.url, '--log', other.verifier.vkey, sum(goSumOf(3)), '--json'])
    expect([result.code, jsonError(result).code]).toEqual([2, 'LOG_UNKNOWN'])
    expect(reports(result)[0]).toMatchObject({ verdict: 'undecided' })
  })

  it('requires the quorum of the policy, whatever the node says', async () => {
    const path = sum(goSumOf(3))
    door.head = cosigned(await log.head(), witnesses.slice(0, 1))
    // The policy also names the log.
    const result = await check(['--node', door.url, '--policy', policy, path, '--json'])
    expect([result.code, jsonError(result).code]).toEqual([4, 'POLICY_UNSATISFIED'])
    expect(reports(result)[0]).toMatchObject({ verdict: 'undecided', pending: 2 })
    expect((await ask([path])).code).toBe(0)
    door.head = cosigned(await log.head(), witnesses.slice(1))
    expect((await check(['--node', door.url, '--policy', policy, path])).code).toBe(0)
  })
})

describe('the cache', () => {
  const path = sum(goSumOf(3, 4))

  beforeEach(async () => {
    expect((await ask([path, '--policy', policy])).code).toBe(0)
    door.requests.length = 0
  })

  it('is one file with 32 bytes per line and 32 for the go.sum, written only once', async () => {
    expect(await readdir(join(cache, 'gossum'))).toEqual(['go-sum-lines'])
    const size = async (): Promise<number> => (await readFile(join(cache, 'gossum', 'go-sum-lines'))).length
    expect(await size()).toBe(5 * 32)
    for (const more of [[], ['--json'], ['--sarif']]) {
      expect((await ask([path, '--policy', policy, ...more])).code).toBe(0)
      expect(await size()).toBe(5 * 32)
    }
    // The same lines in another file: each line is known on its own.
    expect((await ask([sum(goSumOf(4, 3)), '--policy', policy])).code).toBe(0)
    expect(await size()).toBe(6 * 32)
    expect(door.requests).toEqual([])
  })

  it('does not make a changed line pass', async () => {
    const poisoned = sum(goSumOf(3, 4).replace(hashOf(4), hashOf(4, 'b')))
    const { code, stdout } = await ask([poisoned, '--policy', policy])
    expect([code, stdout]).toEqual([2, expect.stringContaining(':3: other-hash') as string])
    // And what was wrong is looked up again each time.
    expect((await ask([poisoned, '--policy', policy])).code).toBe(2)
  })

  it('is used for the same policy, with any node, and for nothing else', async () => {
    await check(['--node', 'http://127.0.0.1:1', '--policy', policy, path])
    expect((await check(['--node', 'http://127.0.0.1:1', '--policy', policy, path])).code).toBe(0)
    expect((await check(['--node', 'http://127.0.0.1:1', '--log', vkey, path])).code).toBe(1)
    const other = file('other-policy', `${await readFile(policy, 'utf8')}# more\n`)
    expect((await check(['--node', 'http://127.0.0.1:1', '--policy', other, path])).code).toBe(1)
  })

  it('gives an answer without loading settings, the log client or HTTP', async () => {
    const loaded = join(dir, `loaded${caches}`)
    // If any of our variables is set, it is checked.
    const env = { PATH: process.env['PATH'], HOME: '/nonexistent', XDG_CACHE_HOME: cache, NODE_V8_COVERAGE: loaded }
    const args = ['check', 'go.sum', path, '--node', door.url, '--log', vkey, '--policy', policy]
    execFileSync(process.execPath, [built('cli/main.js'), ...args], { env })
    const [report] = await readdir(loaded)
    const scripts = (await readFile(join(loaded, report!), 'utf8')).match(/"url":"[^"]+/g)!
    expect(scripts.some((script) => script.endsWith('/check-gosum/check-gosum.js'))).toBe(true)
    expect(
      scripts.filter((script) => /\/(config\.js|yaml|undici|outgoing\/http-client|sumdb\/client)\b/.test(script)),
    ).toEqual([])
  })

  it('is neither read nor written with --no-cache', async () => {
    expect((await ask([path, '--policy', policy, '--no-cache'])).code).toBe(0)
    expect(door.requests.filter((asked) => asked.startsWith('lookup/'))).toHaveLength(2)
    await rm(cache, { recursive: true })
    await ask([path, '--policy', policy, '--no-cache'])
    await expect(readdir(cache)).rejects.toThrow('ENOENT')
  })

  it('is written again after it was deleted, once every line was looked up again', async () => {
    await rm(cache, { recursive: true })
    expect(await ask([path, '--policy', policy])).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(door.requests.filter((asked) => asked.startsWith('lookup/'))).toHaveLength(2)
    door.requests.length = 0
    expect((await ask([path, '--policy', policy])).code).toBe(0)
    expect(door.requests).toEqual([])
  })

  it('is not required: if it cannot be written, each run looks up every line', async () => {
    await rm(cache, { recursive: true })
    await writeFile(cache, 'no directory')
    for (let run = 0; run < 2; run++) {
      door.requests.length = 0
      expect(await ask([path, '--policy', policy])).toEqual({ code: 0, stdout: '', stderr: '' })
      expect(door.requests.filter((asked) => asked.startsWith('lookup/'))).toHaveLength(2)
    }
  })
})

describe('against the log itself', () => {
  let lying: LyingLog
  beforeEach(async () => {
    lying = await LyingLog.start(log)
  })
  afterEach(() => lying.close())
  const straight = (args: readonly string[], options?: CliOptions): Promise<CliResult> =>
    check(['--log', `${vkey} ${lying.url}`, ...args], options)
  const none = file('none', 'quorum none\n')
  const path = sum(goSumOf(3, 4))

  it('accepts a head with a quorum, from the log or from a file', async () => {
    expect(await straight(['--policy', none, path])).toEqual({ code: 0, stdout: '', stderr: '' })
    const head = file('quorum-head', quorumHead)
    expect(await straight(['--policy', policy, '--head', head, path])).toEqual({ code: 0, stdout: '', stderr: '' })
    await lying.close()
    // The same policy, so it is known from the cache.
    expect((await straight(['--policy', policy, '--head', head, path])).code).toBe(0)
  })

  it('records beyond the quorum head are pending', async () => {
    const early = file('early', cosigned(await log.head(4), witnesses))
    const { code, stdout } = await straight(['--policy', policy, '--head', early, path])
    expect(code).toBe(4)
    expect(stdout.split('\n')[0]).toBe(
      `${path}:3: pending  example.com/Module4 v1.4.0  record 4 is not in the quorum head of 4 records yet`,
    )
  })

  it('without a quorum the lines stay undecided, and a hint says what to do', async () => {
    const result = await straight(['--policy', policy, path, '--json'])
    expect([result.code, jsonError(result).code]).toEqual([4, 'POLICY_UNSATISFIED'])
    expect(jsonError(result).hint).toContain('--head FILE')
    const weak = file('weak', cosigned(await log.head(), witnesses.slice(0, 1)))
    expect((await straight(['--policy', policy, '--head', weak, path])).code).toBe(4)
  })

  it('a file that is not a head is refused', async () => {
    const nonsense = await straight(['--policy', policy, '--head', file('nonsense', 'hello\n'), path, '--json'])
    expect([nonsense.code, jsonError(nonsense).code]).toEqual([2, 'NOTE_MALFORMED'])
    const missing = await straight(['--policy', policy, '--head', '/nonexistent', path])
    expect(missing.code).toBe(1)
  })

  it('a head of another log, or of another key under its name, is refused, whoever cosigned it', async () => {
    for (const name of ['other.example', 'log.example']) {
      const other = makeSignerKey(name, SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(9))
      const foreign = await memoryLog(other, madeUpRecords(0, SIZE))
      const head = file('foreign-head', cosigned(await foreign.head(), witnesses))
      const result = await straight(['--policy', policy, '--head', head, path, '--json'])
      expect([result.code, jsonError(result).code], name).toEqual([2, 'LOG_UNKNOWN'])
      expect(reports(result)[0], name).toMatchObject({ verdict: 'undecided' })
    }
  })

  it('without a reachable log the exit code is 1', async () => {
    await lying.close()
    const result = await straight(['--policy', none, path, '--json'])
    expect([result.code, jsonError(result).code]).toEqual([1, 'LOG_UNREACHABLE'])
  })

  it.each([
    ['a log without a policy', () => ['--log', `${vkey} http://127.0.0.1:1`]],
    ['a proof file without a policy', () => ['--offline', path]],
    ['a head for the node', () => ['--head', path, '--policy', policy]],
    ['a node while offline', () => ['--offline', path, '--policy', policy, '--node', door.url]],
    ['two formats', () => ['--json', '--sarif']],
    ['a log setting of three words', () => ['--log', `${vkey} http://x y`]],
    ['a home without a place for records', () => ['--home', dir, '--log', vkey]],
    ['a witness for a log', () => ['--log', witnesses[0]!.verifier.vkey, '--node', door.url, path]],
    ['an invalid key', () => ['--log', 'hello', '--node', door.url, path]],
  ])('%s is refused', async (_what, args) => {
    const result = await check([...args(), '--json'])
    expect(result.code).toBe(2)
    expect(['USAGE', 'KEY_MALFORMED']).toContain(jsonError(result).code)
  })

  it('two histories are misbehaviour, and the evidence is written to a file', async () => {
    lying.history = await memoryLog(signer, [...madeUpRecords(0, 200), ...madeUpRecords(200, 400, 'b')])
    const head = file('quorum-head', quorumHead)
    const evidence = join(dir, 'evidence.json')
    const args = ['--policy', policy, '--head', head, path, '--no-cache']
    const result = await straight([...args, '--write-evidence', evidence])
    expect(result.code).toBe(3)
    expect(result.stdout).toContain(`${path}:1: log-conflict  example.com/Module3 v1.3.0  `)
    expect(result.stdout).toMatch(
      /\nmisbehaviour {2}two heads of sizes 300 and 400 convict the log: evidence [0-9a-f]{16}, in /,
    )
    const bytes = new Uint8Array(await readFile(evidence))
    const { id } = verifyEvidence(parseEvidence(bytes), [signer.verifier])
    expect((await gossum(['verify', '--log', vkey, evidence])).code).toBe(0)

    const machine = await straight([...args, '--write-evidence', evidence, '--json'])
    expect(machine).toMatchObject({ code: 3, stderr: '' })
    expect(reports(machine)[0]).toMatchObject({
      verdict: 'misbehaviour',
      evidence: { id, sizes: [300, 400], file: evidence },
    })
    // Nothing of it is cached: the same is found again.
    const again = ['--policy', policy, '--head', head, path, '--write-evidence', evidence]
    for (let run = 0; run < 2; run++) expect((await straight(again)).code).toBe(3)
    await expect(readdir(cache)).rejects.toThrow('ENOENT')
    // No other file is replaced; the verdict is the same.
    const taken = file('taken', 'precious\n')
    const cwd = temporaryHome()
    const refused = await straight([...args, '--write-evidence', taken, '--json'], { cwd })
    expect([refused.code, jsonError(refused).code]).toEqual([3, 'FILE_UNWRITABLE'])
    expect(await readFile(taken, 'utf8')).toBe('precious\n')
    // The evidence is not lost because of the name: it is where it would have been without one.
    const kept = (reports(refused)[0]!['evidence'] as { file: string }).file
    expect(kept).toBe(`gossum-evidence-${id}.json`)
    expect(await readFile(join(cwd, kept))).toEqual(Buffer.from(bytes))
  })

  it('witnesses of the policy that cosigned two histories are also convicted', async () => {
    const fork = await memoryLog(signer, [...madeUpRecords(0, 200), ...madeUpRecords(200, 300, 'b')])
    const head = cosigned(await fork.head(), witnesses.slice(1))
    lying.lie = (path) =>
      path.startsWith('lookup/') ? replaceBody(() => Buffer.concat([Buffer.from('+5\nx\n\n'), head])) : undefined
    const cwd = temporaryHome()
    const args = [
      '--policy',
      policy,
      '--head',
      file('quorum-head', quorumHead),
      sum(goSumOf(3)),
      '--no-cache',
      '--json',
    ]
    const result = await straight(args, { cwd })
    expect(result.code).toBe(3)
    const evidence = reports(result)[0]!['evidence'] as { witnesses: { witness: string; file: string }[] }
    const [liar] = evidence.witnesses
    expect(evidence.witnesses.map(({ witness }) => witness)).toEqual([witnesses[1]!.verifier.vkey])
    const trusted = [signer.verifier, witnesses[1]!.verifier]
    const conflict = parseEvidence(await readFile(join(cwd, liar!.file)))
    expect(verifyEvidence(conflict, trusted)).toMatchObject({ sizes: [300, 300], witness: { name: 'w2.example' } })
    lying.lie = () => undefined
  })

  it.each([
    ['an unrelated record', 'lookup/', 4],
    ['a forged tile', 'tile/8/0/', 4],
  ])('%s leaves the lines undecided', async (_what, prefix, code) => {
    lying.lie = (asked) =>
      asked.startsWith(prefix)
        ? (response, honest) =>
            response.writeHead(200).end(Buffer.from(honest.body).map((byte, i) => (i === 5 ? byte ^ 1 : byte)))
        : undefined
    const result = await straight(['--policy', none, path, '--json'])
    expect(result.code).toBe(code)
    expect(reports(result)[0]!.findings.map((finding) => finding.class)).toEqual(Array(4).fill('unproven'))
  })
})

describe('against the history in a home', () => {
  const id = logId('log.example', SUMDB_ORIGIN)
  const path = sum(goSumOf(3, 4))
  let lying: LyingLog
  let home: string
  let homes = 0

  beforeAll(async () => {
    lying = await LyingLog.start(log)
  })
  afterAll(() => lying.close())
  beforeEach(async () => {
    home = join(dir, `home${++homes}`)
    const store = await Store.open(home)
    await store.quorum.put(id, fromUtf8(quorumHead)!)
    await store.close()
  })
  const own = (args: readonly string[]): Promise<CliResult> =>
    check(['--home', home, '--log', `${vkey} ${lying.url}`, path, ...args])

  it('uses the newest quorum head of the node that ran there', async () => {
    expect(await own([])).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(await own(['--policy', policy])).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  it('for a home in use, the hint is to ask its node', async () => {
    const store = await Store.open(home)
    const result = await own(['--json'])
    await store.close()
    expect([result.code, jsonError(result).code]).toEqual([1, 'STORE_LOCKED'])
    expect(jsonError(result).hint).toContain('--node URL')
  })

  it('a missing home and a home without a quorum head are refused', async () => {
    const store = await Store.open(home)
    await store.quorum.del(id)
    await store.close()
    const empty = await own(['--json'])
    expect([empty.code, jsonError(empty).code]).toEqual([4, 'HISTORY_MISSING'])
    home = join(dir, 'nowhere')
    const none = await own(['--json'])
    expect([none.code, jsonError(none).code]).toEqual([1, 'HOME_UNUSABLE'])
    // Nothing is created where nothing was.
    await expect(readdir(home)).rejects.toThrow('ENOENT')
  })

  it('a log that is frozen there is not trusted', async () => {
    const store = await Store.open(home)
    await store.heads.hold(id, '0123456789abcdef')
    await store.close()
    const result = await own(['--json'])
    expect([result.code, jsonError(result).code]).toEqual([4, 'LOG_FROZEN'])
    expect(jsonError(result).message).toContain('0123456789abcdef')
    // Nor is it with a policy that the quorum head satisfies.
    const strict = await own(['--json', '--policy', policy])
    expect([strict.code, jsonError(strict).code]).toEqual([4, 'LOG_FROZEN'])
  })

  it('a quorum head that does not satisfy the policy, or that another key signed, is not trusted', async () => {
    const keep = async (head: Uint8Array): Promise<void> => {
      const store = await Store.open(home)
      await store.quorum.put(id, fromUtf8(head)!)
      await store.close()
    }
    await keep(cosigned(await log.head(), witnesses.slice(0, 1)))
    const weak = await own(['--json', '--policy', policy])
    expect([weak.code, jsonError(weak).code]).toEqual([4, 'POLICY_UNSATISFIED'])
    const other = makeSignerKey('log.example', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(9))
    const foreign = await memoryLog(other, madeUpRecords(0, SIZE))
    await keep(cosigned(await foreign.head(), witnesses))
    const result = await own(['--json', '--policy', policy])
    expect([result.code, jsonError(result).code]).toEqual([2, 'LOG_UNKNOWN'])
    expect(reports(result)[0]).toMatchObject({ verdict: 'undecided' })
  })
})

describe('offline, against a proof file', () => {
  const path = sum(goSumOf(3, 4, 255, 256))
  const proof = join(dir, 'proof.json')
  const offline = (args: readonly string[], from = proof): Promise<CliResult> =>
    check(['--offline', from, '--policy', policy, ...args])

  beforeAll(async () => {
    cache = join(dir, 'cache-proof')
    expect(await ask([path, '--policy', policy])).toMatchObject({ code: 0, stdout: '' })
    // The cache contains no proofs, so everything is requested.
    expect(await ask([path, '--policy', policy, '--write-proof', proof])).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  it('every line in it is checked without requests', async () => {
    const requests = door.requests.length
    const result = await offline([path, '--json'])
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(reports(result)[0]).toMatchObject({ verdict: 'ok', lines: 8, cached: 0, head: { size: SIZE } })
    expect(door.requests.length).toBe(requests)
    await expect(readdir(cache)).rejects.toThrow('ENOENT')
  })

  it('a changed line differs, and a line that is not in it is pending', async () => {
    const changed = sum(goSumOf(3, 4).replace(hashOf(4), hashOf(4, 'b')))
    const differs = await offline([changed])
    expect(differs.code).toBe(2)
    expect(differs.stdout).toContain(`:3: other-hash  example.com/Module4 v1.4.0  go.sum has ${hashOf(4, 'b')}`)
    const open = await offline([sum(goSumOf(3, 5))])
    expect(open.code).toBe(4)
    expect(open.stdout).toContain(':3: pending  example.com/Module5 v1.5.0  it is not in the proof file')
  })

  it('a changed file proves nothing', async () => {
    const text = await readFile(proof, 'utf8')
    const spoilt = async (change: string, code: string, exit = 2): Promise<void> => {
      const result = await offline([path, '--json'], file('spoilt.json', change))
      expect([result.code, jsonError(result).code]).toEqual([exit, code])
      expect(reports(result)[0]).toMatchObject({ verdict: 'undecided' })
    }
    await spoilt(text.replace(hashOf(4), hashOf(4, 'b')), 'PROOF_INVALID')
    await spoilt(text.replace('"id": 4', '"id": 5'), 'PROOF_INVALID')
    await spoilt(text.slice(0, -1), 'PROOF_MALFORMED')
    await spoilt('{}', 'PROOF_MALFORMED')
    await spoilt(text.replace('log.example+', 'log2.example+'), 'LOG_UNKNOWN')
    await spoilt(text.replace(/— w1\.example [^\\]*\\n/, ''), 'POLICY_UNSATISFIED', 4)
    await spoilt(
      text.replace(/(?<=— w1\.example .{30})./, (char) => (char === 'A' ? 'B' : 'A')),
      'SIGNATURE_INVALID',
    )
    const missing = await offline([path], '/nonexistent')
    expect(missing.code).toBe(1)
  })

  it('is judged by the keys and the policy of the reader', async () => {
    const other = makeSignerKey('log.example', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(9)).verifier.vkey
    expect((await offline(['--log', other, path])).code).toBe(2)
    const strict = file('strict', (await readFile(policy, 'utf8')).replace('group g 2', 'group g 3'))
    expect((await check(['--offline', proof, '--policy', strict, path])).code).toBe(4)
  })

  it('is written even if lines differ, and an unwritable path is an error', async () => {
    const changed = sum(goSumOf(3).replace(hashOf(3), hashOf(3, 'b')))
    const another = join(dir, 'another.json')
    expect((await ask([changed, '--policy', policy, '--write-proof', another])).code).toBe(2)
    expect((await offline([changed], another)).code).toBe(2)
    const refused = await ask([path, '--policy', policy, '--write-proof', join(dir, 'no', 'such', 'place'), '--json'])
    expect([refused.code, jsonError(refused).code]).toEqual([1, 'FILE_UNWRITABLE'])
  })
})

describe('several files', () => {
  it('are checked together, with one lookup per module, and the gravest verdict decides the exit code', async () => {
    const [good, bad] = [sum(goSumOf(3, 4)), sum(goSumOf(4, SIZE))]
    const result = await ask([good, bad, '/nonexistent', '--json'])
    expect(result.code).toBe(2)
    expect(reports(result).map(({ file: name, verdict }) => [name, verdict])).toEqual([
      [good, 'ok'],
      [bad, 'differs'],
    ])
    expect(jsonError(result).code).toBe('FILE_UNREADABLE')
    expect(door.requests.filter((asked) => asked.startsWith('lookup/'))).toHaveLength(3)
    expect((await ask([good, '/nonexistent'])).code).toBe(1)
  })
})

it('prints SARIF for code scanning', async () => {
  await mkdir(join(dir, 'sub dir'), { recursive: true })
  const path = file('sub dir/go.sum', `${goSumOf(3)}${goSumOf(SIZE)}?\n`)
  const result = await ask([path, '--sarif'])
  expect(result.code).toBe(2)
  const document = JSON.parse(result.stdout) as { runs: [{ results: { ruleId: string }[]; invocations: unknown[] }] }
  expect(document).toMatchObject({ version: '2.1.0' })
  const [run] = document.runs
  expect(run.results.map(({ ruleId }) => ruleId)).toEqual(['not-in-log', 'not-in-log', 'malformed'])
  expect(run.results[0]).toMatchObject({
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: `file://${path.replace(' ', '%20')}` },
          region: { startLine: 3 },
        },
      },
    ],
  })
  expect(run.invocations).toEqual([{ executionSuccessful: true, toolExecutionNotifications: [] }])
  const nobody = await check(['--node', 'http://127.0.0.1:1', '--log', vkey, sum(goSumOf(9)), '--sarif'])
  expect(nobody.code).toBe(1)
  expect(JSON.parse(nobody.stdout)).toMatchObject({
    runs: [
      { results: [], invocations: [{ executionSuccessful: false, toolExecutionNotifications: [{ level: 'error' }] }] },
    ],
  })
})
