/** `gossum probe` as a process, with real servers and a real node. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { SumdbServer } from '../../../src/sumdb/log-server.js'
import { formatHash } from '../../../src/tlog/hash.js'
import { makeSignerKey, SIGNATURE_TYPES } from '../../../src/tlog/note.js'
import { flipBit, LyingLog, madeUpRecords, memoryLog, refuse, stall } from '../../fakes/lying-log.js'
import { gossum, jsonError, type CliResult } from '../../helpers/cli.js'
import { temporaryHome } from '../../helpers/home.js'
import { RunningNode } from '../../helpers/node.js'

const signer = makeSignerKey('sum.example.com', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(3))
const { vkey } = signer.verifier
const SIZE = 511
const CHECKS = ['reachable', 'head', 'tiles', 'lookups', 'syntax', 'fresh', 'history']

let history: SumdbServer
beforeAll(async () => {
  history = await memoryLog(signer, madeUpRecords(0, SIZE))
})

async function serve(log = history): Promise<LyingLog> {
  const server = await LyingLog.start(log)
  onTestFinished(() => server.close())
  return server
}

/** A node that has cosigned the head of the honest history. */
async function startNode(): Promise<RunningNode> {
  const listening = await history.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => listening.close())
  const node = await RunningNode.start(temporaryHome(), ['--log', `${vkey} ${listening.url}`, '--poll', '0.2'])
  await node.event((event) => event.event === 'outcome' && event.outcome === 'advanced' && event.size === SIZE)
  return node
}

async function probe(url: string, ...args: string[]): Promise<CliResult> {
  return gossum(['probe', url, '--log', vkey, ...args])
}

interface Report {
  url: string
  kind: string | null
  log: string
  verdict: string
  head: { size: number; root: string } | null
  checks: { name: string; verdict: string; detail: string }[]
  evidence: string | null
  requests: number
}

function parsed({ stdout }: CliResult): Report {
  expect(stdout).toMatch(/^\{.*\}\n$/)
  return JSON.parse(stdout) as Report
}

/** The checks that are not ok, as `name verdict`. */
function amiss(report: Report): string[] {
  return report.checks.flatMap(({ name, verdict }) => (verdict === 'ok' ? [] : `${name} ${verdict}`))
}

describe('beside a node', () => {
  it('finds nothing wrong with an honest log', async () => {
    const node = await startNode()
    const log = await serve()
    const human = await probe(log.url, '--node', node.ready.http)
    expect(human).toMatchObject({ code: 0, stderr: '' })
    const lines = human.stdout.trimEnd().split('\n')
    expect(lines.slice(0, -1).map((line) => line.split(/ +/, 2))).toEqual(CHECKS.map((name) => ['ok', name]))
    expect(lines.at(-1)).toMatch(/^honest: every answer was proven \(\d+ requests\)$/)

    const before = log.requests.length
    const machine = await probe(log.url, '--json', '--node', node.ready.http)
    expect(machine).toMatchObject({ code: 0, stderr: '' })
    const report = parsed(machine)
    expect(Object.keys(report)).toEqual(['url', 'kind', 'log', 'verdict', 'head', 'checks', 'evidence', 'requests'])
    expect(report).toMatchObject({ url: log.url, kind: 'sumdb', log: vkey, verdict: 'honest', evidence: null })
    expect(report.head).toEqual({ size: SIZE, root: formatHash(await history.root()) })
    expect(report.checks.map(({ name }) => name)).toEqual(CHECKS)
    expect(amiss(report)).toEqual([])
    expect(report.requests).toBe(log.requests.length - before)
    expect(new Set(log.methods)).toEqual(new Set(['GET']))
  })

  it('convicts a log that shows another history, with evidence that verifies offline', async () => {
    const node = await startNode()
    const forked = await memoryLog(signer, [...madeUpRecords(0, 400), ...madeUpRecords(400, 600, 'fork')])
    const { url } = await serve(forked)
    const cwd = temporaryHome()
    const args = ['probe', url, '--log', vkey, '--node', node.ready.http]
    const human = await gossum(args, { cwd })
    expect(human.code).toBe(3)
    const [file] = readdirSync(cwd)
    expect(human.stderr).toContain(`hint: anyone can check it, offline: gossum verify --log ${vkey} ${file!}\n`)
    expect(human.stderr).toContain(`hint: to tell other nodes: gossum evidence import ${file!}\n`)
    const id = /^gossum-evidence-([0-9a-f]{16})\.json$/.exec(file!)![1]!
    expect(human.stdout).toContain(`\nfailed   history    the log signed two histories: here and at the node at`)
    expect(human.stdout).toContain(
      `\nsplit view: the log signed two histories; evidence ${id} convicts it, in ${file!} (`,
    )
    const verified = await gossum(['verify', '--log', vkey, join(cwd, file!)])
    expect(verified.code).toBe(0)
    expect(verified.stdout).toContain(`gossum/split-view/v1 at sizes 511 and 600  convicts the log  id ${id}`)

    // The same evidence again is the same file; a file with other content is left alone, and nothing is lost.
    const bytes = readFileSync(join(cwd, file!))
    const again = await gossum([...args, '--json'], { cwd })
    expect(again).toMatchObject({ code: 3, stderr: '' })
    expect(parsed(again)).toMatchObject({ verdict: 'split-view', evidence: id })
    expect(readdirSync(cwd)).toEqual([file])

    const taken = join(cwd, 'taken')
    writeFileSync(taken, 'mine')
    const refused = await gossum([...args, '--json', '--write-evidence', taken], { cwd })
    expect(refused.code).toBe(3)
    expect(jsonError(refused).code).toBe('FILE_UNWRITABLE')
    expect(readFileSync(taken, 'utf8')).toBe('mine')
    expect(readFileSync(join(cwd, file!))).toEqual(bytes)

    const named = join(cwd, 'fork.json')
    expect((await gossum([...args, '--write-evidence', named], { cwd })).code).toBe(3)
    expect(readFileSync(named)).toEqual(bytes)
  })

  it('convicts a log whose other history is smaller, with the tiles of the node', async () => {
    const node = await startNode()
    const forked = await memoryLog(signer, [...madeUpRecords(0, 400), ...madeUpRecords(400, 505, 'fork')])
    const { url } = await serve(forked)
    const cwd = temporaryHome()
    const result = await gossum(['probe', url, '--log', vkey, '--node', node.ready.http, '--json'], { cwd })
    expect(result.code).toBe(3)
    const report = parsed(result)
    expect(amiss(report)).toEqual(['history failed'])
    const verified = await gossum(['verify', '--log', vkey, join(cwd, `gossum-evidence-${report.evidence!}.json`)])
    expect(verified.stdout).toContain('at sizes 505 and 511  convicts the log')
  })

  it("finds nothing wrong with the node's own sumdb proxy", async () => {
    const node = await startNode()
    const result = await probe(node.ready.http, '--json', '--node', node.ready.http)
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(amiss(parsed(result))).toEqual([])
    expect(parsed(result).kind).toBe('proxy')
  })

  it('prints evidence that it cannot write anywhere', async () => {
    const { url } = await serve(await memoryLog(signer, madeUpRecords(0, SIZE, 'fork')))
    const other = await serve()
    const cwd = temporaryHome()
    const first = await gossum(['probe', url, '--log', vkey, '--reference', other.url], { cwd })
    const [file] = readdirSync(cwd)
    const bytes = readFileSync(join(cwd, file!), 'utf8')
    expect(first.code).toBe(3)
    // Both names are taken by other files.
    writeFileSync(join(cwd, file!), 'mine')
    const nowhere = join(cwd, 'missing', 'x')
    const args = ['probe', url, '--log', vkey, '--reference', other.url, '--write-evidence', nowhere, '--quiet']
    const lost = await gossum(args, { cwd, env: { TMPDIR: nowhere } })
    expect(lost.code).toBe(3)
    expect(lost.stderr).toContain(bytes)
    expect(readFileSync(join(cwd, file!), 'utf8')).toBe('mine')
    expect(existsSync(nowhere)).toBe(false)
  })
})

describe('verdicts and exit codes', () => {
  it('are dishonest and 2 for a wrong answer', async () => {
    const log = await serve()
    log.lie = (path) => (path === 'tile/8/0/000' ? flipBit(0) : undefined)
    const other = await serve()
    const human = await probe(log.url, '--reference', other.url)
    expect(human).toMatchObject({ code: 2, stderr: '' })
    expect(human.stdout).toMatch(/^failed {3}tiles {6}a tile does not match the head: tile\/8\/0\/000 /m)
    expect(human.stdout).toMatch(/\ndishonest: .* gives wrong answers: tiles; they convict no key \(/)
    const report = parsed(await probe(log.url, '--json', '--reference', other.url))
    expect(report).toMatchObject({ verdict: 'dishonest', evidence: null })
    expect(amiss(report)).toEqual(['tiles failed'])
  })

  it('are 2 for the head of another log, with a hint about keys', async () => {
    const { url } = await serve()
    const result = await gossum(['probe', url])
    expect(result.code).toBe(2)
    expect(result.stderr).toBe('hint: is this the key of the log? name another with --log VKEY\n')
  })

  it('are undecided and 4 for a GOPROXY without a checksum database', async () => {
    const log = await serve()
    log.lie = () => refuse(410)
    const result = await probe(log.url, '--json')
    expect(result).toMatchObject({ code: 4, stderr: '' })
    expect(parsed(result)).toMatchObject({ kind: 'proxy', verdict: 'undecided', head: null })
  })

  it('are undecided and 4 without anything to compare with', async () => {
    const { url } = await serve()
    const human = await probe(url)
    expect(human.code).toBe(4)
    expect(human.stdout).toMatch(/\nundecided: no answer was wrong, but some are missing: fresh, history \(/)
    expect(human.stderr).toMatch(/^hint: name a node that follows this log \(--node URL\), or another URL of it/)
  })

  it('are unreachable and 1 if the server is down', async () => {
    const log = await LyingLog.start(history)
    await log.close()
    const result = await probe(log.url, '--json')
    expect(result).toMatchObject({ code: 1, stderr: '' })
    expect(parsed(result)).toMatchObject({ kind: null, verdict: 'unreachable', head: null })
  })

  it('are 1 if the answer does not come in time', async () => {
    const log = await serve()
    log.lie = () => stall
    expect((await probe(log.url, '--timeout', '1')).code).toBe(1)
  })

  it('are 0 if another address confirms the log, but 4 if a named node is unreachable', async () => {
    const [log, other] = [await serve(), await serve()]
    expect(await probe(log.url, '--reference', other.url)).toMatchObject({ code: 0, stderr: '' })
    // A named reference must be reachable.
    const named = await probe(log.url, '--json', '--reference', other.url, '--node', 'http://127.0.0.1:2')
    expect(named.code).toBe(4)
    expect(amiss(parsed(named))).toEqual(['history unknown'])
    const args = ['probe', log.url, '--log', vkey, '--reference', other.url]
    expect((await gossum(args, { env: { GOSSUM_NODE: 'http://127.0.0.1:2' } })).code).toBe(4)
  })
})

it('accepts the number of samples, the lag and the modules', async () => {
  const [log, other] = [await serve(), await serve()]
  const old = await history.head(500)
  log.lie = (path) =>
    path === 'latest' ? (response) => response.end(old) : path.startsWith('tile/8/data/') ? refuse(404) : undefined
  const args = ['--reference', other.url, '--json', '--samples', '1', '--module', 'example.com/Module8@v1.8.0']
  expect(amiss(parsed(await probe(log.url, ...args, '--module', 'example.com/Module9@v1.9.0')))).toEqual([
    'fresh failed',
  ])
  expect(log.requests.filter((path) => path.startsWith('lookup/example.com/!')).sort()).toEqual([
    'lookup/example.com/!module8@v1.8.0',
    'lookup/example.com/!module9@v1.9.0',
  ])
  expect(amiss(parsed(await probe(log.url, ...args, '--max-lag', '11')))).toEqual([])
  expect(amiss(parsed(await probe(log.url, ...args, '--max-lag', '10')))).toEqual(['fresh failed'])
})

it('prints no control characters of a server', async () => {
  const log = await serve()
  log.lie = (path) =>
    path === 'latest' ? (response) => void response.writeHead(404).end('\x1b[2J\x9b2Jcleared') : refuse(403)
  const { stdout } = await probe(log.url)
  expect(stdout).not.toMatch(/[\x1b\x9b]/)
})

it.each([
  [['probe'], 'missing required argument'],
  [['probe', 'ftp://example.com'], 'not an http or https URL'],
  [['probe', 'example.com'], 'not an http or https URL'],
  [['probe', 'http://proxy.example.com,direct'], 'one URL'],
  [['probe', 'http://127.0.0.1:1/?x'], 'one URL'],
  [['probe', 'http://127.0.0.1:1', '--reference', 'x'], '--reference'],
  [['probe', 'http://127.0.0.1:1', '--samples', '0'], '--samples takes a whole number from 1 to 100'],
  [['probe', 'http://127.0.0.1:1', '--samples', '101'], '--samples takes'],
  [['probe', 'http://127.0.0.1:1', '--max-lag', '-1'], '--max-lag'],
  [['probe', 'http://127.0.0.1:1', '--timeout', '1e9'], '--timeout takes'],
  [['probe', 'http://127.0.0.1:1', '--node', 'x'], '--node'],
])('refuses %j', async (args, what) => {
  const result = await gossum([...args, '--json'])
  expect(result).toMatchObject({ code: 2, stdout: '' })
  expect(jsonError(result).code).toBe('USAGE')
  expect(jsonError(result).message).toContain(what)
  expect(result.stderr).not.toContain('secret')
})

it.each([
  ['--module', 'example.com', 'MODULE_INVALID'],
  ['--module', '../x@v1.0.0', 'MODULE_INVALID'],
  ['--log', 'hello', 'KEY_MALFORMED'],
])('refuses %s %s', async (flag, value, code) => {
  const result = await gossum(['probe', 'http://127.0.0.1:1', '--json', flag, value])
  expect(result).toMatchObject({ code: 2, stdout: '' })
  expect(jsonError(result).code).toBe(code)
})
