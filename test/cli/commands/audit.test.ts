/** `gossum audit` as a process: its output, its end, and log content that must not be shown unescaped. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { fromUtf8, utf8 } from '../../../src/tlog/bytes.js'
import { splitDataTile } from '../../../src/sumdb/module.js'
import { parseCheckpoint } from '../../../src/tlog/checkpoint.js'
import { formatHash } from '../../../src/tlog/hash.js'
import { parseNote } from '../../../src/tlog/note.js'
import { LyingLog, madeUpRecords, memoryLog, refuse, stall } from '../../fakes/lying-log.js'
import { BAD_RECORDS, recordOf } from '../../helpers/bad-records.js'
import { auditedKey, makeLog, madeRecords, type MadeLog } from '../../helpers/audits.js'
import { gossum, jsonError, PROGRAM, startGossum, type CliResult, type Running } from '../../helpers/cli.js'
import { testSigner } from '../../helpers/heart.js'
import { temporaryHome } from '../../helpers/home.js'
import { vectorUrl } from '../../helpers/vectors.js'

const { vkey } = auditedKey

interface LastLine {
  audited: number
  size: number
  root: string
  head: string
  findings: { error: number; note: number }
  complete: boolean
  ms?: number
  recordsPerSecond?: number
}

function linesOf({ stdout }: CliResult): Record<string, unknown>[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

function lastOf(result: CliResult): LastLine {
  return linesOf(result).at(-1) as unknown as LastLine
}

/** The records with findings, and the rules. */
function foundIn(result: CliResult): string[] {
  return linesOf(result).flatMap((line) =>
    'finding' in line ? [`${String(line['id'] ?? line['tile'])} ${String(line['finding'])}`] : [],
  )
}

/** Audits a log in a folder; each run in a home of its own unless one is given. */
function audit({ dir }: MadeLog, args: readonly string[] = [], home = temporaryHome()): Promise<CliResult> {
  return gossum(['audit', '--log', `${vkey} file:${dir}`, '--threads', '1', ...args], { home, cwd: home })
}

describe('an honest log', () => {
  it('is clean, and reported in one line with all fields', async () => {
    const log = makeLog(madeRecords(700))
    const result = await audit(log, ['--json'])
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(linesOf(result)).toHaveLength(1)
    const { ms, recordsPerSecond, ...last } = lastOf(result)
    const head = parseCheckpoint(parseNote(log.note).text)
    expect(last).toEqual({
      audited: 700,
      size: 700,
      root: formatHash(head.root),
      head: fromUtf8(log.note),
      findings: { error: 0, note: 0 },
      complete: true,
    })
    expect([typeof ms, typeof recordsPerSecond]).toEqual(['number', 'number'])
  })

  it('of genuine records has no findings', async () => {
    const records = splitDataTile(new Uint8Array(readFileSync(vectorUrl('sumdb/records-genuine.txt'))))
    const result = await audit(makeLog(records), ['--json'])
    expect(result.code).toBe(0)
    expect(lastOf(result)).toMatchObject({ audited: records.length, findings: { error: 0, note: 0 } })
  })

  it('without records is clean', async () => {
    expect(lastOf(await audit(makeLog([]), ['--json']))).toMatchObject({ audited: 0, size: 0, complete: true })
  })
})

describe('a log with bad records', () => {
  const records = madeRecords(1500)
  const places = BAD_RECORDS.map(({ rule }, i) => `${i * 11} ${rule}`)
  BAD_RECORDS.forEach(({ record }, i) => (records[i * 11] = record))

  it('has each of them reported once, as text and as JSON, in every run', async () => {
    const [log, home] = [makeLog(records), temporaryHome()]
    for (let run = 0; run < 2; run++) {
      const result = await audit(log, ['--json'], home)
      expect(result.code).toBe(3)
      expect(foundIn(result)).toEqual(places)
    }
    const { stdout, code } = await audit(log, [], home)
    expect(code).toBe(3)
    for (const place of places)
      expect(stdout).toMatch(new RegExp(`${place.split(' ')[1]!}  record ${place.split(' ')[0]!}( |:)`))
  })

  it('cannot send control characters to a terminal', async () => {
    const evil = ['\u001b[2J\u001b]0;x\u0007', '\u202e\u2066', '\u009b31m', '\r\n', '\u2028', '\u0000', '\u{e0001}']
    const odd = evil.flatMap((text, i) => [
      recordOf(`example.com/a${i}${text}b`, 'v1.0.0'),
      recordOf(`example.com/b${i}`, `v1.0.0-${text}`),
      recordOf(`example.com/c${i}`, 'v1.0.0').replace('h1:', text),
      `${text}\n`,
    ])
    const log = makeLog([...odd, ...odd].map((record) => utf8(record)))
    for (const flags of [[], ['--json']]) {
      const { stdout, stderr, code } = await audit(log, flags)
      expect(code).toBe(3)
      expect(`${stdout}${stderr}`).not.toMatch(/[^\n\P{C}]|[\u2028\u2029]/u)
      for (const line of flags.length > 0 ? stdout.trimEnd().split('\n') : []) JSON.parse(line)
    }
  })

  it('with two hashes for one module version is convicted by evidence that anyone can check', async () => {
    const first = recordOf('example.com/x', 'v1.0.0')
    const log = makeLog([utf8(first), ...madeRecords(300), utf8(first.replace(/h1:./, 'h1:B'))])
    const home = temporaryHome()
    const result = await audit(log, ['--json', '--write-evidence', 'proof.json'], home)
    expect(result.code).toBe(3)
    expect(foundIn(result)).toEqual(['301 contradicting-records'])
    expect(linesOf(result)[1]).toMatchObject({ type: 'gossum/bad-record/v1', file: 'proof.json' })
    const verified = await gossum(['verify', '--log', vkey, 'proof.json', '--json'], { cwd: home })
    expect(verified).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(verified.stdout)).toMatchObject({ verdict: 'valid', records: [0, 301] })
    // Again: the file is left unchanged, and the output is the same.
    const again = await audit(log, ['--json', '--write-evidence', 'proof.json'], home)
    expect(linesOf(again).slice(0, 2)).toEqual(linesOf(result).slice(0, 2))
    expect(again.code).toBe(3)
  })

  it('has exit code 0 if all findings are notes', async () => {
    const list = madeRecords(300)
    const result = await audit(makeLog([...list, list[4]!]), ['--json'])
    expect(result.code).toBe(0)
    expect(lastOf(result).findings).toEqual({ error: 0, note: 1 })
  })
})

describe('an audit that cannot be completed', () => {
  it('names the missing tile, exits with 4, and can be repeated', async () => {
    const [log, home] = [makeLog(madeRecords(700)), temporaryHome()]
    const file = join(log.dir, 'tile/8/data/001')
    const bytes = readFileSync(file)
    rmSync(file)
    const result = await audit(log, ['--json'], home)
    expect(result.code).toBe(4)
    expect(linesOf(result)).toMatchObject([
      { missing: 'tile/8/data/001' },
      { complete: false, audited: 444, size: 700 },
    ])
    writeFileSync(file, bytes)
    expect((await audit(log, [], home)).code).toBe(0)
  })

  it('exits with 3 if another tile is wrong', async () => {
    const log = makeLog(madeRecords(900))
    rmSync(join(log.dir, 'tile/8/data/001'))
    writeFileSync(join(log.dir, 'tile/8/data/002'), 'x')
    const result = await audit(log, ['--json'])
    expect(result.code).toBe(3)
    expect(foundIn(result)).toEqual(['tile/8/data/002 data-tile'])
  })

  it('fails if the log is missing, prints nothing on stdout, and leaves no files', async () => {
    const home = temporaryHome()
    const result = await audit({ dir: '/nowhere', note: new Uint8Array() }, ['--json'], home)
    expect([result.code, result.stdout]).toEqual([1, ''])
    expect(jsonError(result).message).toContain('/nowhere/latest')
    const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    expect(files.map(({ name }) => name)).toEqual([])
  })

  it('exits with 2 if the log did not sign the head', async () => {
    const log = makeLog(madeRecords(10))
    const other = makeLog(madeRecords(11), { signer: testSigner('log.example', 9) })
    const result = await audit(log, ['--json', '--head', join(other.dir, 'latest')])
    expect(result.code).toBe(2)
    expect(result.stdout).toBe('')
  })
})

describe('ranges and heads', () => {
  it('audits from --from to --to, and the rest later', async () => {
    const records = madeRecords(1500).with(100, new Uint8Array()).with(1000, new Uint8Array())
    const [log, home] = [makeLog(records), temporaryHome()]
    const part = await audit(log, ['--json', '--from', '900', '--to', '1100'], home)
    expect(foundIn(part)).toEqual(['1000 record-empty'])
    expect(lastOf(part)).toMatchObject({ audited: 200, size: 1500, complete: true })
    const end = await audit(log, ['--json', '--from', '1400'], home)
    expect(lastOf(end)).toMatchObject({ audited: 100, complete: true })
    const beyond = await audit(log, ['--json', '--from', '1400', '--to', '1501'], home)
    expect({ code: beyond.code, complete: lastOf(beyond).complete }).toEqual({ code: 3, complete: false })
    const all = await audit(log, ['--json'], home)
    expect(foundIn(all).sort()).toEqual(['100 record-empty', '1000 record-empty'])
    expect(lastOf(all)).toMatchObject({ audited: 1500, complete: true, findings: { error: 2, note: 0 } })
  })

  it('audits up to an older head in a file', async () => {
    const [old, log] = [makeLog(madeRecords(200)), makeLog(madeRecords(300))]
    const result = await audit(log, ['--json', '--head', join(old.dir, 'latest')])
    // The tile at its edge is full by now.
    expect(lastOf(result)).toMatchObject({ audited: 200, size: 200, complete: true })
  })

  it('convicts a log with a head of another history', async () => {
    const [log, other] = [makeLog(madeRecords(900)), makeLog(madeRecords(901).slice(1))]
    const home = temporaryHome()
    await audit(log, [], home)
    const result = await audit(
      log,
      ['--json', '--head', join(other.dir, 'latest'), '--write-evidence', 'fork.json'],
      home,
    )
    expect(result.code).toBe(3)
    expect(linesOf(result)[0]).toMatchObject({ type: 'gossum/split-view/v1', file: 'fork.json' })
    const verified = await gossum(['verify', '--log', vkey, 'fork.json'], { cwd: home })
    expect(verified.code, verified.stderr).toBe(0)
  })
})

describe('over a network', () => {
  const signer = testSigner('sum.example', 4)

  async function serve(count: number): Promise<LyingLog> {
    const log = await LyingLog.start(await memoryLog(signer, madeUpRecords(0, count)))
    onTestFinished(() => log.close())
    return log
  }
  const args = (log: LyingLog, ...more: string[]): string[] => [
    'audit',
    '--log',
    `${signer.verifier.vkey} ${log.url}`,
    '--rate',
    '0',
    '--json',
    ...more,
  ]

  it('keeps a copy of the log in a folder, which gives the same audit', async () => {
    const log = await serve(700)
    const [home, other] = [temporaryHome(), temporaryHome()]
    const first = await gossum(args(log, '--keep', join(home, 'kept')), { home, cwd: home })
    expect(first.code, first.stderr).toBe(0)
    await log.close()
    const again = await gossum(['audit', '--log', `${signer.verifier.vkey} file:${join(home, 'kept')}`, '--json'], {
      home: other,
      cwd: other,
    })
    const plain = (result: CliResult) => ({ ...lastOf(result), ms: 0, recordsPerSecond: 0 })
    expect(again.code).toBe(0)
    expect(plain(again)).toEqual(plain(first))
  })

  it('respects the request rate', async () => {
    const log = await serve(700)
    const home = temporaryHome()
    // Times are measured at the log: 3.5 s are between the first and the last of 8 requests; a busy machine may shorten
    // that.
    const times: number[] = []
    log.lie = () => {
      times.push(performance.now())
      return undefined
    }
    const result = await gossum(
      args(log).map((arg, i, all) => (all[i - 1] === '--rate' ? '2' : arg)),
      { home, cwd: home },
    )
    expect(result.code).toBe(0)
    expect(times.length).toBeGreaterThanOrEqual(8)
    expect(times.at(-1)! - times[0]!).toBeGreaterThan((times.length - 1) * 250)
  })

  it('exits with 4 on SIGINT, and continues from there', async () => {
    const log = await serve(700)
    const home = temporaryHome()
    const stalled = new Promise<void>((resolve) => {
      log.lie = (path) => {
        if (!path.includes('/data/002')) return undefined
        resolve()
        return stall
      }
    })
    const running = runGossum(args(log), home)
    await stalled
    running.child.kill('SIGINT')
    expect(await running.code).toBe(4)
    log.lie = () => undefined
    const result = await gossum(args(log), { home, cwd: home })
    expect({ code: result.code, audited: lastOf(result).audited }).toEqual({ code: 0, audited: 700 })
    expect(readdirSync(join(home, 'audit')).length).toBe(1)
  })

  it('follows a log and reports each new head once, whatever happens to the server in between', async () => {
    const log = await serve(300)
    const home = temporaryHome()
    const running = await startGossum(args(log, '--follow', '--poll', '0.05'), { home, cwd: home })
    onTestFinished(() => void running.child.kill('SIGKILL'))
    expect(JSON.parse(running.firstLine)).toMatchObject({ audited: 300, size: 300, complete: true })
    const told = linesFrom(running)
    // Some polls see nothing new, and some fail.
    const asked = async (count: number): Promise<void> => {
      const from = log.requests.length
      while (log.requests.length < from + count) await new Promise((resolve) => setImmediate(resolve))
    }
    await asked(5)
    log.lie = () => refuse(404)
    await asked(3)
    log.lie = () => undefined
    await log.history.append(madeUpRecords(300, 600))
    expect(await told.next()).toMatchObject({ audited: 600, size: 600, complete: true })
    await log.history.append(madeUpRecords(600, 601))
    expect(await told.next()).toMatchObject({ audited: 601, size: 601, complete: true })
    expect(await running.stop('SIGINT')).toBe(4)
    expect(told.left()).toEqual([])
  })

  it('follows a log until it forks', async () => {
    const log = await serve(300)
    const home = temporaryHome()
    const running = await startGossum(args(log, '--follow', '--poll', '0.05'), { home, cwd: home })
    onTestFinished(() => void running.child.kill('SIGKILL'))
    const told = linesFrom(running)
    log.history = await memoryLog(signer, madeUpRecords(1, 500))
    expect(await told.next()).toMatchObject({ type: 'gossum/split-view/v1' })
    const [code] = (await once(running.child, 'close')) as [number]
    expect(code).toBe(3)
  })
})

/** A run without output before its end. */
function runGossum(args: readonly string[], home: string) {
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', GOSSUM_HOME: home }
  const child = spawn(process.execPath, [PROGRAM, ...args], { env, cwd: home, stdio: 'ignore' })
  return { child, code: once(child, 'close').then(([code]) => code as number | null) }
}

/** The lines of a process after its first. */
function linesFrom(running: Running) {
  const lines: unknown[] = []
  let wake = (): void => undefined
  createInterface(running.child.stdout).on('line', (line) => {
    lines.push(JSON.parse(line))
    wake()
  })
  const next = async (): Promise<unknown> => {
    while (lines.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    return lines.shift()
  }
  return { next, left: () => lines }
}

describe('wrong usage', () => {
  const file = `${vkey} file:/nowhere`

  it.each<[string, readonly string[]]>([
    ['units without an output folder', ['--units', '0-1']],
    ['an output folder without units', ['--out', 'x']],
    ['units together with --follow', ['--units', '0', '--out', 'x', '--follow']],
    ['zero threads', ['--threads', '0']],
    ['half a thread', ['--threads', '1.5']],
    ['too many threads', ['--threads', '65']],
    ['a negative rate', ['--rate', '-1']],
    ['no time between polls', ['--poll', '0']],
    ['a poll in words', ['--poll', 'soon']],
  ])('is refused with a hint: %s', async (_what, args) => {
    const home = temporaryHome()
    const result = await gossum(['audit', '--log', file, '--json', ...args], { home, cwd: home })
    expect(result.code).toBe(2)
    expect(jsonError(result)).toMatchObject({ code: 'USAGE', hint: expect.stringMatching(/./) as string })
    // Nothing was begun.
    expect(existsSync(join(home, 'audit'))).toBe(false)
  })

  it.each<[string, readonly string[]]>([
    ['an empty range', ['--from', '9', '--to', '9']],
    ['a word as a number', ['--from', 'x']],
    ['a number that is too large', ['--to', '99999999999999999']],
    ['units that the tree does not have', ['--units', '0-1', '--out', 'x']],
    ['units in reverse order', ['--units', '1-0', '--out', 'x']],
    ['units and a range', ['--units', '0', '--out', 'x', '--from', '1']],
  ])('of a range is refused with a hint: %s', async (_what, args) => {
    const result = await audit(makeLog(madeRecords(20)), ['--json', ...args])
    expect(result.code).toBe(2)
    expect(jsonError(result)).toMatchObject({ code: 'USAGE', hint: expect.stringMatching(/./) as string })
  })

  it.each(['', 'x', vkey, `${vkey} -`, `${vkey} ftp://x`, `${vkey} file:`])('includes the log %j', async (log) => {
    const home = temporaryHome()
    const result = await gossum(['audit', '--log', log, '--json'], { home, cwd: home })
    expect(result.code).toBe(2)
    expect(jsonError(result).hint).not.toBe('')
  })
})

describe('two audits', () => {
  it('cannot share a home: the second is refused, and the first continues', async () => {
    const signer = testSigner('sum.example', 4)
    const log = await LyingLog.start(await memoryLog(signer, madeUpRecords(0, 300)))
    onTestFinished(() => log.close())
    const home = temporaryHome()
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    const stalled = new Promise<void>((resolve) => {
      log.lie = (path) => {
        if (!path.includes('/data/')) return undefined
        resolve()
        return (response, honest) => void held.then(() => response.end(honest.body))
      }
    })
    const args = ['audit', '--log', `${signer.verifier.vkey} ${log.url}`, '--json']
    const first = gossum(args, { home, cwd: home })
    await stalled
    const second = await gossum(args, { home, cwd: home })
    expect(jsonError(second).code).toBe('AUDIT_LOCKED')
    release()
    expect((await first).code).toBe(0)
  })
})
