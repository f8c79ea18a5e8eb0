/** Audits of logs that grow, fork, fail and recover: nothing is read twice, and nothing is lost. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Finding } from '../../../src/audit/finding.js'
import { LogAudit, type AuditOptions } from '../../../src/audit/walk/log-audit.js'
import { verifyEvidence } from '../../../src/evidence/evidence.js'
import { LogFolder, type LogSource } from '../../../src/sumdb/log-source.js'
import { GossumError } from '../../../src/errors.js'
import { utf8 } from '../../../src/tlog/bytes.js'
import { parseCheckpoint, SUMDB_ORIGIN } from '../../../src/tlog/checkpoint.js'
import { parseNote } from '../../../src/tlog/note.js'
import { auditedKey, madeRecords, type MadeLog } from '../../helpers/audits.js'
import { recordOf } from '../../helpers/bad-records.js'
import { testSigner } from '../../helpers/heart.js'
import { temporaryHome } from '../../helpers/home.js'
import { LogFolderWriter } from '../../helpers/log-folder.js'

const signer = testSigner('log.example', 1)

/** A log that grows, in one folder. */
class GrowingLog {
  readonly dir = join(temporaryHome(), 'log')
  readonly #writer = new LogFolderWriter({ dir: this.dir, signer })

  /** Appends records, and returns the log with its new head. */
  grow(records: readonly Uint8Array[]): MadeLog {
    for (const record of records) this.#writer.add(record)
    return { dir: this.dir, note: this.#writer.finish() }
  }
}

/** A log in a folder that records its requests. */
class CountedSource implements LogSource {
  readonly url = 'http://log.example'
  readonly #folder: LogFolder
  readonly asked: string[] = []
  /** Called before each answer. */
  before: (path: string) => void = () => undefined

  constructor(dir: string) {
    this.#folder = new LogFolder(dir)
  }

  async get(path: string, maxBytes: number): Promise<Uint8Array> {
    this.asked.push(path)
    this.before(path)
    return this.#folder.get(path, maxBytes)
  }

  /** The requests since the last call. */
  taken(): string[] {
    return this.asked.splice(0)
  }
}

async function pass(home: string, { note }: MadeLog, source: LogSource, options: AuditOptions = {}) {
  const audit = await LogAudit.open({ dir: join(home, 'audit'), key: auditedKey, origin: SUMDB_ORIGIN, source })
  try {
    const read = parseNote(note)
    const report = await audit.audit({ head: parseCheckpoint(read.text), note: read }, options)
    const list: Finding[] = []
    for await (const finding of audit.findings()) list.push(finding)
    return { ...report, found: list.map(({ id, rule }) => `${id} ${rule}`), upTo: audit.auditedSize, at: audit.head }
  } finally {
    await audit.close()
  }
}

const sizeOf = ({ note }: MadeLog): number => parseCheckpoint(parseNote(note).text).size
const records = madeRecords(66_400)

describe('a log that grows', () => {
  it('is read from where the last pass ended, and no full data tile twice', async () => {
    // A duplicate was compared once, and is not compared again.
    const twice = records.with(3, records[2]!)
    const [log, home] = [new GrowingLog(), temporaryHome()]
    const source = new CountedSource(log.dir)
    const steps = [0, 1, 255, 256, 300, 1000, 65_535, 65_536, 65_537, 66_400]
    for (const [i, size] of steps.entries()) {
      const before = steps[i - 1] ?? 0
      const head = log.grow(twice.slice(before, size))
      const report = await pass(home, head, source)
      expect(report).toMatchObject({ audited: size, size, isComplete: true, upTo: size, evidence: [] })
      expect(report.found).toEqual(size > 3 ? ['3 duplicate-record'] : [])
      const tiles = new Set(source.taken().filter((path) => path.includes('/data/')))
      expect(tiles.size, `${before} to ${size}`).toBe(Math.ceil(size / 256) - Math.floor(before / 256))
    }
    // With the same head again it requests only what proves that it is the same.
    await pass(home, { dir: log.dir, note: log.grow([]).note }, source)
    expect(source.taken().filter((path) => path.includes('/data/'))).toEqual([])
  })

  it('with a new hash for an old module version is convicted', async () => {
    const [log, home] = [new GrowingLog(), temporaryHome()]
    const other = (char: string) => utf8(recordOf('example.com/x', 'v1.0.0').replace(/h1:./, `h1:${char}`))
    const first = log.grow([other('A'), ...records.slice(1, 700)])
    expect(await pass(home, first, new LogFolder(log.dir))).toMatchObject({ found: [], evidence: [] })
    const second = log.grow([other('B'), records[5]!, ...records.slice(700, 900)])
    const report = await pass(home, second, new LogFolder(log.dir))
    expect(report.found).toEqual(['700 contradicting-records', '701 duplicate-record'])
    expect(report.evidence.map((one) => verifyEvidence(one, [auditedKey]))).toMatchObject([
      { type: 'gossum/bad-record/v1', records: [0, 700] },
    ])
    // A third and a fourth: findings about the others are not repeated.
    const third = log.grow([other('B'), other('C'), records[5]!])
    const last = await pass(home, third, new LogFolder(log.dir))
    expect([...last.found].sort()).toEqual([
      '700 contradicting-records',
      '701 duplicate-record',
      '902 contradicting-records',
      '903 contradicting-records',
      '904 duplicate-record',
    ])
    expect(last.evidence.map((one) => verifyEvidence(one, [auditedKey]))).toMatchObject([
      { records: [0, 700] },
      { records: [0, 902] },
      { records: [0, 903] },
    ])
    expect(last.findings).toEqual({ error: 3, note: 2 })
    // An audit that begins with the last head finds the same.
    const fresh = await pass(temporaryHome(), third, new LogFolder(log.dir))
    expect([...fresh.found].sort()).toEqual([...last.found].sort())
  })

  it('may be audited up to an older head, without loss of earlier results', async () => {
    const [log, home] = [new GrowingLog(), temporaryHome()]
    const old = log.grow(records.slice(0, 300))
    const copy = join(temporaryHome(), 'old')
    cpSync(log.dir, copy, { recursive: true })
    const now = log.grow(records.slice(300, 900))
    cpSync(copy, log.dir, { recursive: true, force: false })
    await pass(home, now, new LogFolder(log.dir))
    const source = new CountedSource(log.dir)
    const report = await pass(home, old, source)
    expect(report).toMatchObject({ audited: 300, size: 300, isComplete: true, upTo: 900, evidence: [] })
    expect(source.taken().filter((path) => path.includes('/data/'))).toEqual([])
    expect(report.at).toEqual(parseNote(now.note))
  })
})

describe('a log that forks', () => {
  /** Two histories that share the first 500 records. */
  function fork(sizes: readonly [number, number]): [MadeLog, MadeLog] {
    const [one, other] = [new GrowingLog(), new GrowingLog()]
    const changed = records.with(500, utf8(recordOf('example.com/forked', 'v1.0.0')))
    return [one.grow(records.slice(0, sizes[0])), other.grow(changed.slice(0, sizes[1]))]
  }

  it.each([
    ['of the same size', [700, 700]],
    ['larger', [700, 1300]],
    ['larger by one', [700, 701]],
  ] as const)('to a head that is %s is convicted, and no record of it is audited', async (_what, sizes) => {
    const [one, other] = fork(sizes)
    const home = temporaryHome()
    await pass(home, one, new LogFolder(one.dir))
    const source = new CountedSource(other.dir)
    const report = await pass(home, other, source)
    expect(report.evidence.map((found) => verifyEvidence(found, [auditedKey]))).toMatchObject([
      { type: 'gossum/split-view/v1' },
    ])
    expect(source.taken().filter((path) => path.includes('/data/'))).toEqual([])
    // What was audited stays, with the head of that time.
    expect(report).toMatchObject({ upTo: 700, found: [], at: parseNote(one.note) })
    expect(await pass(home, one, new LogFolder(one.dir))).toMatchObject({
      audited: 700,
      isComplete: true,
      evidence: [],
    })
  })

  it('to a smaller head is convicted if the tiles of the larger one exist, otherwise refused', async () => {
    const [one, other] = fork([1300, 700])
    const home = temporaryHome()
    await pass(home, one, new LogFolder(one.dir))
    const report = await pass(home, other, new LogFolder(one.dir))
    expect(report.evidence.map((found) => verifyEvidence(found, [auditedKey]))).toMatchObject([
      { type: 'gossum/split-view/v1' },
    ])
    await expect(pass(home, other, new LogFolder(other.dir))).rejects.toBeInstanceOf(GossumError)
    expect(await pass(home, one, new LogFolder(one.dir))).toMatchObject({ upTo: 1300, isComplete: true })
  })

  it('is also convicted after a killed pass, which has recorded its head', async () => {
    const [one, other] = fork([700, 700])
    const home = temporaryHome()
    const stop = new AbortController()
    const source = new CountedSource(one.dir)
    source.before = (path) => path.includes('/data/') && stop.abort(new Error('killed'))
    await expect(pass(home, one, source, { signal: stop.signal })).rejects.toThrow('killed')
    expect((await pass(home, other, new LogFolder(other.dir))).evidence).toHaveLength(1)
  })
})

describe('the folder of an audit', () => {
  it('is for one log, and another key or origin is refused', async () => {
    const log = new GrowingLog().grow(records.slice(0, 10))
    const home = temporaryHome()
    await pass(home, log, new LogFolder(log.dir))
    const given = { dir: join(home, 'audit'), source: new LogFolder(log.dir) }
    const stranger = testSigner('log.example', 2).verifier
    for (const [key, origin] of [
      [stranger, SUMDB_ORIGIN],
      [auditedKey, 'log.example'],
    ] as const)
      await expect(LogAudit.open({ ...given, key, origin })).rejects.toMatchObject({ code: 'LOG_KEY_CHANGED' })
    // And the home can be used again for its own log.
    expect(await pass(home, log, new LogFolder(log.dir))).toMatchObject({ isComplete: true })
  })
})

describe('a source that fails', () => {
  it('midway leaves only the missing tiles to be requested again', async () => {
    const [log, home] = [new GrowingLog(), temporaryHome()]
    const head = log.grow(records)
    const source = new CountedSource(log.dir)
    let count = 0
    source.before = (path) => {
      if (path.includes('/data/25') && ++count > 3) throw new GossumError('LOG_UNREACHABLE', 'the cable is out')
    }
    const first = await pass(home, head, source)
    expect(first.isComplete).toBe(false)
    expect(first.missing.length).toBeGreaterThan(0)
    expect(first.missing[0]!.why).toContain('the cable is out')
    expect(first.audited).toBeLessThan(sizeOf(head))
    source.before = () => undefined
    source.taken()
    const second = await pass(home, head, source)
    expect(second).toMatchObject({ audited: 66_400, isComplete: true, missing: [], found: [] })
    const third = source.taken()
    await pass(home, head, source)
    expect(third.length).toBeGreaterThan(source.taken().length)
  })

  it('at once is an error, and the next pass is complete', async () => {
    const [log, home] = [new GrowingLog(), temporaryHome()]
    const head = log.grow(records.slice(0, 1000))
    const source = new CountedSource(log.dir)
    source.before = () => {
      throw new GossumError('LOG_UNREACHABLE', 'down')
    }
    await expect(pass(home, head, source)).rejects.toMatchObject({ code: 'LOG_UNREACHABLE' })
    source.before = () => undefined
    expect(await pass(home, head, source)).toMatchObject({ audited: 1000, isComplete: true })
  })

  it('or is stopped at any request loses nothing that was kept', async () => {
    const log = new GrowingLog()
    const odd = records.slice(0, 900).with(3, utf8('')).with(800, utf8(''))
    const head = log.grow(odd)
    const expected = await pass(temporaryHome(), head, new LogFolder(log.dir))
    for (let after = 1; after < 14; after++) {
      const [home, stop] = [temporaryHome(), new AbortController()]
      const source = new CountedSource(log.dir)
      source.before = () => {
        if (source.asked.length === after) stop.abort(new Error('stopped'))
      }
      await pass(home, head, source, { signal: stop.signal }).catch((error: unknown) =>
        expect(error).toMatchObject({ message: 'stopped' }),
      )
      expect(await pass(home, head, new LogFolder(log.dir))).toEqual(expected)
    }
  })
})

describe('a range', () => {
  it('is read alone, the rest later, and duplicates across both are found', async () => {
    const log = new GrowingLog()
    const odd = records.slice(0, 2000).with(10, utf8('')).with(1500, records[700]!).with(1990, utf8(''))
    const head = log.grow(odd)
    const home = temporaryHome()
    const source = new CountedSource(log.dir)
    const first = await pass(home, head, source, { range: { from: 600, to: 800 } })
    expect(first).toMatchObject({ audited: 200, isComplete: true, found: [], upTo: 0 })
    expect(source.taken().filter((path) => path.includes('/data/'))).toEqual(['tile/8/data/002', 'tile/8/data/003'])
    const beyond = await pass(home, head, source, { range: { from: 1900, to: 5000 } })
    expect(beyond).toMatchObject({ audited: 100, isComplete: false, found: ['1990 record-empty'] })
    const all = await pass(home, head, source)
    expect(all).toMatchObject({ audited: 2000, isComplete: true, upTo: 2000 })
    expect([...all.found].sort()).toEqual(['10 record-empty', '1500 duplicate-record', '1990 record-empty'])
    expect(all.findings).toEqual({ error: 2, note: 1 })
  })
})
