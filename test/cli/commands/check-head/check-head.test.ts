/**
 * `gossum check head` as a process: the go command's remembered head, checked with a node and with the log, over real
 * sockets.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it, test } from 'vitest'
import { SUM_GOLANG_ORG } from '../../../../src/config/config.js'
import {
  encodeEvidence,
  evidenceId,
  makeSplitView,
  parseEvidence,
  verifyEvidence,
} from '../../../../src/evidence/evidence.js'
import type { NodeView } from '../../../../src/status/node-view.js'
import { HttpServer } from '../../../../src/http/server.js'
import { parseLookup } from '../../../../src/sumdb/module.js'
import { utf8 } from '../../../../src/tlog/bytes.js'
import { parseCheckpoint } from '../../../../src/tlog/checkpoint.js'
import { formatNote, parseNote, signNote, type SignerKey } from '../../../../src/tlog/note.js'
import { flipBit, LyingLog, madeUpRecords, memoryLog, refuse } from '../../../fakes/lying-log.js'
import { readFiles, ReplayLog } from '../../../fakes/replay-log.js'
import { ViewsLog } from '../../../fakes/views-log.js'
import { gossum, jsonError, type CliResult } from '../../../helpers/cli.js'
import { testSigner } from '../../../helpers/heart.js'
import { History } from '../../../helpers/history.js'
import { temporaryHome } from '../../../helpers/home.js'
import { RunningNode } from '../../../helpers/node.js'
import { EVIDENCE_ID, fakeNode, LOG_ID } from '../../../helpers/node-view.js'
import { recordOf, RecordLog } from '../../../helpers/record-log.js'
import { hasShared, sharedPath } from '../../../helpers/shared.js'
import { readJsonLines, SMALL } from '../../../sumdb/genuine.js'

const closing: { close(): Promise<void> }[] = []
afterEach(() => Promise.all(closing.splice(0).map((it) => it.close())))

function closed<T extends { close(): Promise<void> }>(it: T): T {
  closing.push(it)
  return it
}

function sizeIn(note: Uint8Array): number {
  return parseCheckpoint(parseNote(note).text).size
}

/** Nothing listens there. */
const NOBODY = 'http://127.0.0.1:9'
const signer = testSigner('log.example', 1)

/** A log over HTTP with `size` records; from `fork` on they are its own. */
async function serveLog(size: number, salt = 'a', fork = 0): Promise<LyingLog> {
  const records = [...madeUpRecords(0, fork), ...madeUpRecords(fork, size, salt)]
  return closed(await LyingLog.start(await memoryLog(signer, records)))
}

async function serveNode(changes: Partial<NodeView>): Promise<string> {
  const server = await HttpServer.start({ host: '127.0.0.1', port: 0, node: fakeNode(changes) })
  closed({ close: () => server.stop() })
  return server.url
}

interface Checking {
  readonly log?: string
  readonly node?: string
  readonly args?: readonly string[]
  readonly cwd?: string
}

const setting = (url: string, by: SignerKey = signer): string => `${by.verifier.vkey} ${url}`

/** Checks a head from stdin, in another working directory. */
function check(head: string | Uint8Array, { log = setting(NOBODY), node = NOBODY, args = [], cwd }: Checking = {}) {
  const command = ['check', 'head', '-', '--log', log, '--node', node, ...args]
  return gossum(command, { input: head, cwd: cwd ?? temporaryHome() })
}

interface Line {
  verdict: string
  size: number | null
  root: string
  file: string
  log: string
  node: Record<string, unknown> | null
  logAnswer: Record<string, unknown> | null
  evidence: string | null
  written: string | null
}

async function checkJson(
  head: string | Uint8Array,
  checking: Checking = {},
): Promise<{ line: Line; result: CliResult }> {
  const result = await check(head, { ...checking, args: ['--json', ...(checking.args ?? [])] })
  return { line: JSON.parse(result.stdout) as Line, result }
}

// ---- by the log ------------------------------------------------------------------------------------------------

describe('against the log alone', () => {
  const files = readFiles(new URL('genuine/', SMALL))
  const heads = readJsonLines<{ size: number; note: string }>(new URL('heads.jsonl', SMALL))
  const noteOf = (size: number): string => heads.find((head) => head.size === size)!.note

  it.each([
    ['that it shows now', 59270573, 59270573, 'shows the same head'],
    ['that it has grown from', 58245238, 59270573, 'shows size 59,270,573, which continues it'],
    ['that is newer than what it shows', 59270573, 58245238, 'shows size 58,245,238, which is part of it'],
  ])('a genuine head of sum.golang.org %s is consistent', async (_what, remembered, shown, words) => {
    const log = closed(await ReplayLog.start(files))
    log.latest = utf8(noteOf(shown))
    const options = { log: `${SUM_GOLANG_ORG} ${log.url}` }
    const told = await check(noteOf(remembered), options)
    expect(told).toMatchObject({ code: 0, stderr: '' })
    const size = remembered.toLocaleString('en-US')
    const [verdict, node, own] = told.stdout.split('\n')
    expect(verdict).toBe(`consistent  sum.golang.org  size ${size}  root ${noteOf(remembered).split('\n')[2]!}  -`)
    expect(node).toMatch(/^node {6}http:\/\/127\.0\.0\.1:9 {2}no answer: cannot reach the node/)
    expect(own).toBe(`log       ${log.url}  ${words}`)

    const { line, result } = await checkJson(noteOf(remembered), options)
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(line).toEqual({
      verdict: 'consistent',
      log: SUM_GOLANG_ORG,
      size: remembered,
      root: noteOf(remembered).split('\n')[2],
      file: '-',
      node: { url: NOBODY, error: expect.objectContaining({ code: 'NODE_UNREACHABLE' }) as object },
      logAnswer: { url: log.url, verdict: 'consistent', size: shown, root: noteOf(shown).split('\n')[2] },
      evidence: null,
      written: null,
    })
  })

  test.skipIf(!hasShared)('the oldest head in each of seven caches is consistent, from their own tiles', async () => {
    const names = readdirSync(sharedPath('sumdb/captures'))
    expect(names).toHaveLength(7)
    for (const name of names) {
      const files = readFiles(sharedPath(`sumdb/captures/${name}`))
      const notes = [...files].flatMap(([path, data]) => (path.startsWith('lookup/') ? parseLookup(data).note : []))
      const [oldest] = notes.sort((a, b) => sizeIn(a) - sizeIn(b))
      expect(sizeIn(oldest!), name).toBeLessThan(sizeIn(files.get('latest')!))
      const log = closed(await ReplayLog.start(files))
      const { line } = await checkJson(oldest!, { log: `${SUM_GOLANG_ORG} ${log.url}` })
      expect(line, name).toMatchObject({ verdict: 'consistent', size: sizeIn(oldest!) })
      expect(
        log.requests.some((path) => path.startsWith('tile/')),
        name,
      ).toBe(true)
    }
  })

  it.each([
    ['of the same size', 300, 300],
    ['that is smaller', 200, 300],
    ['that is larger', 300, 200],
  ])('a head of another history %s is inconsistent, and the evidence is written', async (_what, mine, shown) => {
    const log = await serveLog(shown)
    const other = await serveLog(mine, 'b', 150)
    const head = await other.history.head()
    // The log has tiles of both, as a lying log would.
    const honest = log.history
    log.lie = (path) => {
      if (mine <= shown || !path.startsWith('tile/')) return undefined
      return (response) => void other.history.handle(`/${path}`).then(({ body }) => response.end(body))
    }
    const cwd = temporaryHome()
    const told = await check(head, { log: setting(log.url), cwd })
    expect(told).toMatchObject({ code: 3, stderr: '' })
    const lines = told.stdout.split('\n')
    expect(lines[0]).toMatch(new RegExp(`^inconsistent {2}log\\.example {2}size ${mine} {2}root \\S+ {2}-$`))
    expect(lines[2]).toBe(`log       ${log.url}  shows size ${shown}, of another history`)
    const [name] = readdirSync(cwd)
    expect(name).toMatch(/^gossum-evidence-[0-9a-f]{16}\.json$/)
    expect(lines[3]).toBe(`evidence  ${name!}  gossum verify --log ${signer.verifier.vkey} ${name!}`)

    const { id, sizes } = verifyEvidence(parseEvidence(readFileSync(join(cwd, name!))), [signer.verifier])
    expect(name).toBe(`gossum-evidence-${id}.json`)
    expect(sizes).toEqual([Math.min(mine, shown), Math.max(mine, shown)])
    const verified = await gossum(['verify', '--log', signer.verifier.vkey, name!], { cwd })
    expect(verified.stdout).toContain(`valid evidence  log.example  gossum/split-view/v1`)

    // Again: the same file is left unchanged.
    const { line, result } = await checkJson(head, { log: setting(log.url), cwd })
    expect(result).toMatchObject({ code: 3, stderr: '' })
    expect(line).toMatchObject({
      verdict: 'inconsistent',
      evidence: id,
      written: name,
      logAnswer: {
        verdict: 'inconsistent',
        size: shown,
        root: Buffer.from(await honest.head())
          .toString()
          .split('\n')[2],
      },
    })
    expect(readdirSync(cwd)).toEqual([name])
  })

  it('evidence is written to the requested file, never over an existing one', async () => {
    const log = await serveLog(300)
    const head = await (await serveLog(300, 'b')).history.head()
    const cwd = temporaryHome()
    const named = await checkJson(head, { log: setting(log.url), cwd, args: ['--write-evidence', 'fork.json'] })
    expect(named.line).toMatchObject({ verdict: 'inconsistent', written: 'fork.json' })
    const file = readFileSync(join(cwd, 'fork.json'))
    expect(evidenceId(parseEvidence(file))).toBe(named.line.evidence)

    writeFileSync(join(cwd, 'mine.json'), 'something of mine')
    const taken = await checkJson(head, { log: setting(log.url), cwd, args: ['--write-evidence', 'mine.json'] })
    const usual = `gossum-evidence-${named.line.evidence!}.json`
    expect(taken.result.code).toBe(3)
    expect(jsonError(taken.result)).toMatchObject({ code: 'FILE_UNWRITABLE' })
    expect(taken.line).toMatchObject({ verdict: 'inconsistent', written: usual })
    expect(readFileSync(join(cwd, 'mine.json'), 'utf8')).toBe('something of mine')
    expect(readFileSync(join(cwd, usual))).toEqual(file)

    // Nothing can be written here, so it is kept among temporary files.
    const [full, temporary] = [temporaryHome(), temporaryHome()]
    mkdirSync(join(full, usual))
    const command = ['check', 'head', '-', '--json', '--log', setting(log.url), '--node', NOBODY]
    const last = await gossum(command, { input: head, cwd: full, env: { TMPDIR: temporary } })
    expect(JSON.parse(last.stdout)).toMatchObject({ written: join(temporary, usual) })
    expect(readFileSync(join(temporary, usual))).toEqual(file)
  })

  it('a signed size 0 with records is inconsistent on its own', async () => {
    const log = await serveLog(10)
    const text = `go.sum database tree\n0\n${Buffer.alloc(32, 1).toString('base64')}\n`
    const head = formatNote({ text, signatures: [signNote(text, signer)] })
    const { line, result } = await checkJson(head, { log: setting(log.url) })
    expect(result.code).toBe(3)
    expect(line).toMatchObject({ verdict: 'inconsistent', size: 0, written: expect.any(String) as string })
  })

  it.each<[string, (log: LyingLog, mine: LyingLog) => void | Promise<void>, string]>([
    ['is unreachable', (log) => log.close(), 'LOG_UNREACHABLE'],
    ['gives errors', (log) => void (log.lie = () => refuse(404)), 'LOG_ANSWER_INVALID'],
    [
      'has wrong tiles',
      (log) => void (log.lie = (path) => (path.startsWith('tile') ? flipBit(40) : undefined)),
      'TILE_INVALID',
    ],
    [
      'shows a smaller head, and no tiles of this one',
      async (log) => void (log.history = await memoryLog(signer, madeUpRecords(0, 100, 'c'))),
      'LOG_ANSWER_INVALID',
    ],
    [
      'is signed by another key',
      async (log) => void (log.history = await memoryLog(testSigner('other.example', 2))),
      'SIGNATURE_MISSING',
    ],
  ])('a log that %s leaves the head pending, with a reason', async (_what, change, code) => {
    const log = await serveLog(400)
    const mine = await serveLog(300)
    await change(log, mine)
    const { line, result } = await checkJson(await mine.history.head(), { log: setting(log.url) })
    expect(result).toMatchObject({ code: 4, stderr: '' })
    expect(line).toMatchObject({
      verdict: 'pending',
      logAnswer: { url: log.url, error: { code, message: expect.any(String) as string } },
      evidence: null,
    })
    expect((await check(await mine.history.head(), { log: setting(log.url) })).stdout).toMatch(
      /^pending {2}log\.example {2}size 300 /,
    )
  })

  it('a log that shows the empty tree proves nothing', async () => {
    const log = await serveLog(0)
    const { line, result } = await checkJson(await (await serveLog(300)).history.head(), { log: setting(log.url) })
    expect(result.code).toBe(4)
    expect(line).toMatchObject({ verdict: 'pending', logAnswer: { verdict: 'pending', size: 0 } })
  })
})

// ---- by a node -------------------------------------------------------------------------------------------------

describe('against a real node', () => {
  async function nodeOf(log: ViewsLog, args: readonly string[] = []): Promise<RunningNode> {
    const node = await RunningNode.start(temporaryHome(), ['--log', log.setting(), '--poll', '0.2', ...args])
    await node.event((event) => event.event === 'outcome' && event.outcome === 'advanced')
    return node
  }

  /** A log with a fork at 300 records, and a node that sees the true history. */
  async function story() {
    const log = closed(await ViewsLog.start('log.example', 300, ['127.0.0.1', '127.0.0.1']))
    const lie = await log.fork(1)
    await lie.grow(100)
    await log.grow(20)
    return { log, lie: lie.server, truth: log.views[0]!.history.server, node: await nodeOf(log) }
  }
  const at = (log: ViewsLog, view: number): string => `${log.signer.verifier.vkey} ${log.views[view]!.url}`
  const nowhere = (log: ViewsLog): string => `${log.signer.verifier.vkey} ${NOBODY}`

  it('all three verdicts, with the log unreachable', async () => {
    const { log, lie, truth, node } = await story()
    const url = node.ready.http
    const known = await checkJson(await truth.head(320), { log: nowhere(log), node: url })
    expect(known.result).toMatchObject({ code: 0, stderr: '' })
    expect(known.line).toMatchObject({
      verdict: 'consistent',
      node: { url, verdict: 'consistent', outcome: 'known', code: null, held: 320, evidence: null },
      logAnswer: { error: { code: 'LOG_UNREACHABLE' } },
    })
    const past = await check(await truth.head(310), { log: nowhere(log), node: url })
    expect(past.stdout).toContain(`node      ${url}  is part of its history (it holds size 320)\n`)

    // Larger than all that the node has seen, and nothing can explain it.
    const suspect = await checkJson(await lie.head(400), { log: nowhere(log), node: url })
    expect(suspect.result).toMatchObject({ code: 4, stderr: '' })
    expect(suspect.line).toMatchObject({ verdict: 'pending', node: { outcome: 'pending', held: 320 }, evidence: null })
    await node.event((event) => event.event === 'outcome' && event.outcome === 'pending' && event.door === 'push')

    const caught = await check(await lie.head(310), { log: nowhere(log), node: url })
    expect(caught).toMatchObject({ code: 3, stderr: '' })
    const found = await node.event((event) => event.event === 'evidence')
    const { id } = found as unknown as { id: string }
    const lines = caught.stdout.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^inconsistent {2}log\.example {2}size 310 /)
    expect(lines[1]).toBe(`node      ${url}  contradicts its history (it holds size 320); evidence ${id}`)
    expect(lines.at(-1)).toBe(`evidence  gossum evidence show ${id} --node ${url}`)
    const again = await checkJson(await lie.head(310), {
      log: nowhere(log),
      node: url,
      args: ['--write-evidence', 'x.json'],
    })
    expect(again.line).toMatchObject({
      verdict: 'inconsistent',
      evidence: id,
      written: 'x.json',
      node: { outcome: 'conflict' },
    })
  })

  it('a new head that the log confirms advances the node', async () => {
    const log = closed(await ViewsLog.start('log.example', 300))
    const node = await nodeOf(log, ['--poll', '3600'])
    await log.grow(5)
    const { line } = await checkJson(await log.views[0]!.history.server.head(305), {
      log: at(log, 0),
      node: node.ready.http,
    })
    expect(line).toMatchObject({
      verdict: 'consistent',
      node: { outcome: 'advanced', held: 305 },
      logAnswer: { size: 305 },
    })
    expect(await node.event((event) => event.event === 'outcome' && event.size === 305)).toMatchObject({ door: 'push' })
  })

  it('a view shown to us alone becomes evidence at the node, not a file', async () => {
    const { log, truth, node } = await story()
    const cwd = temporaryHome()
    // The head is genuine; the log lies now, and only here.
    const { line, result } = await checkJson(await truth.head(320), { log: at(log, 1), node: node.ready.http, cwd })
    expect(result).toMatchObject({ code: 3, stderr: '' })
    expect(line).toMatchObject({
      verdict: 'inconsistent',
      node: { outcome: 'known' },
      logAnswer: { verdict: 'inconsistent', size: 400 },
      written: null,
    })
    expect(await node.event((event) => event.event === 'evidence')).toMatchObject({
      id: line.evidence,
      sizes: [320, 400],
    })
    expect(readdirSync(cwd)).toEqual([])

    // Frozen now: the node accepts no larger head, and gives the reason.
    await log.grow(1)
    const frozen = await checkJson(await truth.head(321), { log: nowhere(log), node: node.ready.http })
    expect(frozen.result.code).toBe(4)
    expect(frozen.line).toMatchObject({
      verdict: 'pending',
      node: { outcome: 'refused', code: 'LOG_FROZEN', held: 320 },
    })
  })

  it('if the node does not follow the log, the log decides, and evidence goes to a file', async () => {
    const { node } = await story()
    const log = await serveLog(300)
    const honest = await checkJson(await log.history.head(), { log: setting(log.url), node: node.ready.http })
    expect(honest.result).toMatchObject({ code: 0, stderr: '' })
    expect(honest.line).toMatchObject({ verdict: 'consistent', node: { error: { code: 'LOG_UNKNOWN' } } })
    const head = await (await serveLog(300, 'b')).history.head()
    const { line, result } = await checkJson(head, { log: setting(log.url), node: node.ready.http })
    expect(result.code).toBe(3)
    expect(line.written).toBe(`gossum-evidence-${line.evidence!}.json`)
  })
})

describe('against a node that lies', () => {
  const outcome = { kind: 'conflict', news: true, log: LOG_ID, size: 300, evidence: EVIDENCE_ID } as const
  const history = new History(signer)

  it.each([
    ['no evidence', undefined],
    ['something that is not evidence', utf8('{}')],
    ['evidence against another log', theirs()],
    ['evidence of two records, which says nothing about this head', records()],
  ])('its word is no proof: it offers %s', async (_what, file) => {
    const node = await serveNode({
      submitHead: () => Promise.resolve({ outcome, held: 500 }),
      evidenceFile: () => Promise.resolve(file),
    })
    const { line, result } = await checkJson(history.head(300), { node })
    expect(result.code).toBe(4)
    expect(line).toMatchObject({ verdict: 'pending', node: { url: node, error: {} }, evidence: null, written: null })
  })

  it('evidence that convicts the log is accepted from any node', async () => {
    const evidence = makeSplitView(
      signer.verifier,
      [history, history.fork(2, 'b')].map((one) => parseNote(one.head(300))) as never,
    )
    const node = await serveNode({
      submitHead: () => Promise.resolve({ outcome, held: 500 }),
      evidenceFile: () => Promise.resolve(encodeEvidence(evidence)),
    })
    const { line, result } = await checkJson(history.head(300), { node })
    expect(result.code).toBe(3)
    expect(line).toMatchObject({ verdict: 'inconsistent', evidence: evidenceId(evidence), written: null })
  })

  it('its answer is printed as plain text', async () => {
    const log = await serveLog(300)
    const answer = { outcome: 'pending', code: '\u001b[2J', detail: null, held: 1, log: null, evidence: null }
    const server = createServer((_, response) => response.end(JSON.stringify(answer)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closed({ close: () => new Promise((resolve) => server.close(() => resolve())) })
    const node = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { stdout } = await check(await log.history.head(), { node, log: setting(log.url) })
    expect(stdout).toContain('cannot be proven yet (it holds size 1): \u{fffd}[2J;')
  })

  function records(): Uint8Array {
    const version = 'example.com/m@v1.2.3'
    return encodeEvidence(new RecordLog(signer, [recordOf(version, 'good'), recordOf(version, 'evil')]).evidence(0, 1))
  }

  function theirs(): Uint8Array {
    const by = testSigner('other.example', 2)
    const other = new History(by)
    return encodeEvidence(makeSplitView(by.verifier, [parseNote(other.head(5)), parseNote(other.fork(2, 'b').head(5))]))
  }
})

// ---- the file --------------------------------------------------------------------------------------------------

describe("the go command's file", () => {
  /** A log, and a home with these files. */
  function home(files: Readonly<Record<string, string | Uint8Array>>): string {
    const dir = temporaryHome()
    for (const [path, data] of Object.entries(files)) {
      mkdirSync(join(dir, dirname(path)), { recursive: true })
      writeFileSync(join(dir, path), data)
    }
    return dir
  }
  const log = 'pkg/sumdb/log.example/latest'

  async function run(dir: string, env: Record<string, string>, by: SignerKey = signer) {
    const server = closed(await LyingLog.start(await memoryLog(by, madeUpRecords(0, 300))))
    const command = ['check', 'head', '--json', '--log', setting(server.url, by), '--node', NOBODY]
    return gossum(command, { cwd: dir, env: { HOME: dir, ...env } })
  }
  const head = async (by: SignerKey = signer) => (await memoryLog(by, madeUpRecords(0, 200))).head()

  it.each<[string, string, (dir: string) => Record<string, string>, Record<string, string>?]>([
    ['GOPATH', `gp/${log}`, (dir) => ({ GOPATH: join(dir, 'gp') })],
    ['the first entry of GOPATH', `gp/${log}`, (dir) => ({ GOPATH: `${join(dir, 'gp')}:${join(dir, 'other')}` })],
    [
      'what go env -w has set',
      `set/${log}`,
      () => ({}),
      { '.config/go/env': '# none\n=x\nGOFLAGS=-x=y\nGOPATH=DIR/set\n' },
    ],
    [
      'the file that GOENV names',
      `set/${log}`,
      (dir) => ({ GOENV: join(dir, 'env') }),
      { env: 'GOPATH=DIR/old\nGOPATH=DIR/set' },
    ],
    [
      'XDG_CONFIG_HOME',
      `set/${log}`,
      (dir) => ({ XDG_CONFIG_HOME: join(dir, 'xdg') }),
      { 'xdg/go/env': 'GOPATH=DIR/set\n' },
    ],
    [
      'the environment before the file',
      `gp/${log}`,
      (dir) => ({ GOPATH: join(dir, 'gp') }),
      { '.config/go/env': 'GOPATH=DIR/set\n' },
    ],
    ['the home', `go/${log}`, () => ({})],
    ['the home with GOENV=off', `go/${log}`, () => ({ GOENV: 'off' }), { '.config/go/env': 'GOPATH=DIR/set\n' }],
  ])('is found by %s', async (_what, path, env, settings = {}) => {
    const dir = home({ [path]: await head() })
    for (const [name, text] of Object.entries(settings)) {
      mkdirSync(dirname(join(dir, name)), { recursive: true })
      writeFileSync(join(dir, name), text.replaceAll('DIR', dir))
    }
    const result = await run(dir, env(dir))
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(result.stdout)).toMatchObject({ verdict: 'consistent', size: 200, file: join(dir, path) })
  })

  it('is found for a log whose name has slashes', async () => {
    const by = testSigner('localhost.localdev/sumdb', 3)
    const path = 'go/pkg/sumdb/localhost.localdev/sumdb/latest'
    const dir = home({ [path]: await head(by) })
    expect(JSON.parse((await run(dir, {}, by)).stdout)).toMatchObject({ verdict: 'consistent', file: join(dir, path) })
  })

  it('if missing, gives an error that the go command has not used the log yet', async () => {
    const dir = home({})
    const result = await run(dir, {})
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(jsonError(result).code).toBe('FILE_UNREADABLE')
    expect(jsonError(result).message).toContain(
      `the go command has not used log.example here yet: no ${join(dir, 'go', log)}`,
    )
    const named = await gossum(['check', 'head', join(dir, 'x'), '--node', NOBODY])
    expect(named.code).toBe(1)
    expect(named.stderr).toContain('ENOENT')
  })

  it.each([
    ['relative', 'go'],
    ['empty in front', ':/x'],
  ])('is not looked for below a GOPATH that is %s', async (_what, GOPATH) => {
    const result = await run(home({}), { GOPATH })
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(jsonError(result).message).toContain('GOPATH')
  })

  it('if empty, is consistent with every history, and nothing is requested', async () => {
    const asked: string[] = []
    const node = await serveNode({ submitHead: () => Promise.reject(new Error(String(asked.push('node')))) })
    const server = await serveLog(5)
    const options = { node, log: setting(server.url) }
    expect(await check('', options)).toEqual({
      code: 0,
      stdout: 'consistent  log.example  nothing is remembered yet: the file is empty  -\n',
      stderr: '',
    })
    expect((await checkJson('', options)).line).toEqual({
      verdict: 'consistent',
      log: signer.verifier.vkey,
      size: 0,
      root: '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
      file: '-',
      node: null,
      logAnswer: null,
      evidence: null,
      written: null,
    })
    expect([...asked, ...server.requests]).toEqual([])
  })

  const history = new History(signer)
  it.each([
    ['no signed note', 'hello', 'NOTE_MALFORMED'],
    ['a head of another log', new History(testSigner('other.example', 2)).head(5), 'SIGNATURE_MISSING'],
    ['a changed head', Buffer.from(history.head(5)).toString().replace('\n5\n', '\n6\n'), 'SIGNATURE_INVALID'],
    ['a note that is no checkpoint', history.sign('go.sum database tree\n'), 'CHECKPOINT_MALFORMED'],
    ['a checkpoint of another origin', history.sign(history.text(5).replace('go.sum', 'other')), 'ORIGIN_MISMATCH'],
    ['a note above 1 MiB', 'x'.repeat(1024 * 1024 + 1), 'NOTE_TOO_LARGE'],
  ])('with %s is refused', async (_what, input, code) => {
    const asked: Uint8Array[] = []
    const node = await serveNode({
      submitHead: (note) => {
        asked.push(note)
        return Promise.reject(new Error('asked'))
      },
    })
    const result = await check(input, { node, args: ['--json'] })
    expect(result).toMatchObject({ code: 2, stdout: '' })
    expect(jsonError(result).code).toBe(code)
    expect(asked).toEqual([])
  })

  it('above 2 MiB is not read', async () => {
    const result = await check('x'.repeat(2 * 1024 * 1024 + 1), { args: ['--json'] })
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(jsonError(result).code).toBe('FILE_UNREADABLE')
  })

  it('with a size that no tree has convicts the log, and goes to the node unchanged', async () => {
    const seen: Uint8Array[] = []
    const outcome = { kind: 'pending', news: true, log: LOG_ID, code: 'SIZE_IMPOSSIBLE' } as const
    const node = await serveNode({
      submitHead: (note) => {
        seen.push(note)
        return Promise.resolve({ outcome, held: 5 })
      },
    })
    const head = history.sign(history.text(5).replace('\n5\n', `\n${2n ** 60n}\n`))
    const { line, result } = await checkJson(head, { node })
    expect(result.code).toBe(3)
    expect(line).toMatchObject({
      verdict: 'inconsistent',
      size: null,
      node: { outcome: 'pending', code: 'SIZE_IMPOSSIBLE' },
      logAnswer: { error: { code: 'SIZE_IMPOSSIBLE' } },
    })
    expect(seen.map((note) => Buffer.from(note))).toEqual([Buffer.from(head)])
    const { stdout } = await check(head, { node })
    expect(stdout).toContain(`inconsistent  log.example  size ${2n ** 60n}  root `)
    expect(stdout).toContain('it is kept as a suspect, and the log is frozen')
  })

  it('with no records but a root convicts the log without any request', async () => {
    const head = history.sign(history.text(5).replace('\n5\n', '\n0\n'))
    const cwd = temporaryHome()
    const { line, result } = await checkJson(head, { cwd })
    expect(result.code).toBe(3)
    const evidence = parseEvidence(readFileSync(join(cwd, line.written!)))
    expect(verifyEvidence(evidence, [signer.verifier]).sizes).toEqual([0, 0])
  })

  it('may contain several heads among other text, and each is checked', async () => {
    const log = await serveLog(9)
    const fork = await memoryLog(signer, madeUpRecords(0, 9, 'b'))
    const text = [`5\nexample.com/x v1.0.0 h1:x\n\n`, await log.history.head(7), '\n+5\n\n', await fork.head(8)]
    const cwd = temporaryHome()
    const result = await check(Buffer.concat(text.map((part) => Buffer.from(part))), {
      ...{ log: setting(log.url), args: ['--json'], cwd },
    })
    const lines = result.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line)
    expect(lines.map(({ verdict, size }) => [verdict, size])).toEqual([
      ['consistent', 7],
      ['inconsistent', 8],
    ])
    expect(result.code).toBe(3)
  })

  it('if padded up to the limit of the go command, is still compared', async () => {
    const log = await serveLog(9)
    const fork = await memoryLog(signer, madeUpRecords(0, 9, 'b'))
    const text = `${parseNote(await fork.head()).text}${'x'.repeat(900_000)}\n`
    const cwd = temporaryHome()
    const { line, result } = await checkJson(formatNote({ text, signatures: [signNote(text, signer)] }), {
      ...{ log: setting(log.url), cwd },
    })
    expect([line.verdict, result.code]).toEqual(['inconsistent', 3])
    const verified = await gossum(['verify', '--log', signer.verifier.vkey, join(cwd, line.written!)])
    expect(verified).toMatchObject({ code: 0 })
  })

  it.each([
    [['--log', 'hello'], 'CONFIG_INVALID'],
    [['--log', signer.verifier.vkey], 'CONFIG_INVALID'],
    [['--log', `${signer.verifier.vkey} ftp://x`], 'CONFIG_INVALID'],
    [['--log', 'x+y z'], 'KEY_MALFORMED'],
    [['--node', 'ftp://x'], 'USAGE'],
  ])('with arguments %j is refused', async (args, code) => {
    const result = await gossum(['check', 'head', '--json', ...args, '-'], { input: history.head(5) })
    expect(result).toMatchObject({ code: 2, stdout: '' })
    expect(jsonError(result).code).toBe(code)
  })
})
