/** `gossum audit` of a log of three units, as processes: threads, machines, and kill -9 at any moment. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { encodePart } from '../../src/audit/walk/part-text.js'
import { UNIT_RECORDS } from '../../src/audit/walk/unit.js'
import { encodeUnitsHeader, encodeUnitsPart, readUnitsHeader, readUnitsPart } from '../../src/audit/walk/units-file.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { auditedKey, makeLogIn, madeRecords, type MadeLog } from '../helpers/audits.js'
import { recordOf } from '../helpers/bad-records.js'
import { gossum, jsonError, PROGRAM, type CliResult } from '../helpers/cli.js'
import { scratchFolder } from '../helpers/home.js'
import { seeded } from '../helpers/tree.js'

const UNIT = UNIT_RECORDS
const SIZE = 2 * UNIT + 900
const KILLS = 50

const scratch = scratchFolder()
let log: MadeLog
let expected: { findings: string[]; last: unknown }

/** The findings, unordered, since threads finish in any order; and the last line without what varies between runs. */
function saidBy({ stdout }: CliResult) {
  const lines = stdout.trimEnd().split('\n')
  const { ms, recordsPerSecond, ...last } = JSON.parse(lines.at(-1)!) as Record<string, unknown>
  expect([typeof ms, typeof recordsPerSecond]).toEqual(['number', 'number'])
  return { findings: lines.slice(0, -1).sort(), last }
}

function auditArgs(threads: number): string[] {
  const where = ['--log', `${auditedKey.vkey} file:${log.dir}`, '--write-evidence', join(scratch.dir, 'evidence.json')]
  return ['audit', '--json', '--threads', String(threads), ...where]
}

function newHome(): string {
  return mkdtempSync(join(scratch.dir, 'home-'))
}

function audit(home: string, ...more: string[]): Promise<CliResult> {
  return gossum([...auditArgs(2), ...more], { home, cwd: scratch.dir })
}

beforeAll(async () => {
  const records = madeRecords(SIZE)
  for (const id of [0, 70, UNIT - 1, UNIT, 2 * UNIT + 899]) records[id] = new Uint8Array()
  const twice = recordOf('example.com/twice', 'v1.0.0')
  records[9] = utf8(twice)
  records[2 * UNIT + 5] = utf8(twice.replace(/h1:./, 'h1:B'))
  records[UNIT + 5] = records[6]!
  log = makeLogIn(join(scratch.dir, 'log'), records)
  const result = await gossum(auditArgs(1), { home: newHome(), cwd: scratch.dir })
  expect(result.code, result.stderr).toBe(3)
  expected = saidBy(result)
  expect(expected.last).toMatchObject({ audited: SIZE, complete: true, findings: { error: 6, note: 1 } })
  expect(expected.findings).toHaveLength(5 + 2 + 1)
})

describe('threads', () => {
  it.each([2, 3])('%i of them report the same as one', async (threads) => {
    const result = await gossum(auditArgs(threads), { home: newHome(), cwd: scratch.dir })
    expect(result.code, result.stderr).toBe(3)
    expect(saidBy(result)).toEqual(expected)
  })
})

describe('kill -9', () => {
  /** Runs an audit until it ends, or kills it after some ms; returns the ms that it took, or undefined if it was killed. */
  async function timed(home: string, after: number): Promise<number | undefined> {
    const start = performance.now()
    const env = { PATH: process.env['PATH'], HOME: '/nonexistent', GOSSUM_HOME: home }
    const child = spawn(process.execPath, [PROGRAM, ...auditArgs(2)], { env, cwd: scratch.dir, stdio: 'ignore' })
    const timer = setTimeout(() => child.kill('SIGKILL'), after)
    const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    clearTimeout(timer)
    return signal === 'SIGKILL' ? undefined : performance.now() - start
  }

  it(`at ${KILLS} random moments takes nothing away and adds nothing`, { timeout: 900_000 }, async () => {
    const random = seeded(14)
    // In a process of its own, like those that are killed: most of its time is its start.
    let whole = (await timed(newHome(), 120_000))!
    expect(whole).toBeDefined()
    let [kills, partly] = [0, 0]
    // On a busy machine all kills may come too early; then there are more of them.
    while (kills < KILLS || (partly === 0 && kills < 4 * KILLS)) {
      const home = newHome()
      // Repeatedly in one folder, which has more each time.
      let took: number | undefined
      for (let i = 0; i < 5 && took === undefined; i++) {
        took = await timed(home, (random() / 2 ** 32) * whole)
        if (took === undefined) kills++
        // The machine is less busy than it was, and later kills would meet nobody.
        else if (i === 0) whole = Math.min(whole, took)
      }
      // The kill may have come before the log had a folder.
      const [folder] = existsSync(join(home, 'audit')) ? readdirSync(join(home, 'audit')) : []
      const parts = join(home, 'audit', folder ?? '', 'parts')
      if (existsSync(parts) && readdirSync(parts).length > 0) partly++
      const result = await audit(home)
      expect(result.code, result.stderr).toBe(3)
      expect(saidBy(result)).toEqual(expected)
      rmSync(home, { recursive: true })
    }
    // Otherwise none of them was hit at a relevant moment.
    expect(partly).toBeGreaterThan(0)
  })
})

describe('machines', { timeout: 400_000 }, () => {
  async function unitsFile(units: string, name: string, ...more: string[]): Promise<string> {
    const file = join(scratch.dir, name)
    const result = await audit(newHome(), '--units', units, '--out', file, ...more)
    expect([0, 3], result.stderr).toContain(result.code)
    return file
  }
  const merge = (...args: string[]): Promise<CliResult> =>
    gossum(['audit', 'merge', '--json', ...auditArgs(1).slice(4), ...args], { home: newHome(), cwd: scratch.dir })

  /** What two machines wrote. */
  let [a, b] = ['', '']
  beforeAll(async () => {
    a = await unitsFile('0-1', 'a.bin', '--head', join(log.dir, 'latest'))
    b = await unitsFile('2', 'b.bin')
  })

  it('that audit units report the same together as one alone', async () => {
    for (const files of [
      [a, b],
      [b, a],
      [b, a, b],
      [a, b, '--redo', '100'],
      [a, b, '--redo', '0'],
    ]) {
      const result = await merge(...files)
      expect(result.code, result.stderr).toBe(3)
      expect(saidBy(result)).toEqual(expected)
    }
    // Half of the units are no complete audit, and no tree.
    const half = await merge(a)
    expect({ code: half.code, error: jsonError(half).code }).toEqual({ code: 2, error: 'AUDIT_DISAGREES' })
    // Nor are truncated ones.
    const cut = scratch.file('cut.bin', readFileSync(b).subarray(0, -7))
    expect(jsonError(await merge(a, cut)).code).toBe('AUDIT_DAMAGED')
    expect(jsonError(await merge(a, join(log.dir, 'latest'))).code).toBe('AUDIT_DAMAGED')
  })

  it('that lie are named, and what they omitted is found', async () => {
    const bytes = readFileSync(a)
    let at = 0
    const read = (length: number): Promise<Uint8Array> =>
      Promise.resolve(new Uint8Array(bytes.subarray(at, (at += length))))
    const header = await readUnitsHeader(read)
    const parts = [(await readUnitsPart(read))!, (await readUnitsPart(read))!]
    const evil = { rule: '\u001b[31mx', level: 'error' as const, id: 5, detail: '\u001b[2J\u202e' }
    const lies = [
      { findings: [], counts: { error: 0, note: 0 } },
      { findings: [evil], counts: { error: 1, note: 0 } },
    ]
    for (const lie of lies) {
      const lying = [{ ...parts[0]!, ...lie }, parts[1]!].map((part) => encodeUnitsPart(encodePart(part)))
      const file = scratch.file('lying.bin', Buffer.concat([encodeUnitsHeader(header), ...lying]))
      const result = await merge(file, b, '--redo', '100')
      expect(result.code).toBe(3)
      const { findings, last } = saidBy(result)
      const blamed = findings.filter((line) => line.includes('"disagrees"'))
      expect(blamed.map((line) => JSON.parse(line) as unknown)).toMatchObject([{ disagrees: file, from: 0, to: UNIT }])
      expect({ findings: findings.filter((line) => !blamed.includes(line)), last }).toEqual(expected)
      // Unverified text is shown as it was written, without harming a terminal.
      const shown = await gossum(['audit', 'merge', ...auditArgs(1).slice(4), file, b, '--redo', '0'], {
        home: newHome(),
        cwd: scratch.dir,
      })
      expect(shown.stdout + shown.stderr).not.toMatch(/[^\n\P{C}]/u)
    }
  })

  it('that write units of another head into the same file are stopped', async () => {
    const other = makeLogIn(join(scratch.dir, 'smaller'), madeRecords(300))
    const file = join(scratch.dir, 'e.bin')
    const args = ['audit', '--json', '--log', `${auditedKey.vkey} file:${other.dir}`, '--units', '0', '--out', file]
    expect((await gossum(args, { home: newHome(), cwd: scratch.dir })).code).toBe(0)
    const written = readFileSync(file)
    const result = await audit(newHome(), '--units', '0', '--out', file)
    expect(jsonError(result).code).toBe('USAGE')
    expect(readFileSync(file)).toEqual(written)
  })
})
