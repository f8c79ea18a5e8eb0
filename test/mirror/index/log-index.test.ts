/**
 * The index of a log: filled by audits that end at any moment, or that began before there was an index, it has every
 * record once.
 */
import { join } from 'node:path'
import { MemoryLevel } from 'memory-level'
import { expect, onTestFinished, test } from 'vitest'
import { LogAudit } from '../../../src/audit/walk/log-audit.js'
import type { RecordTaker } from '../../../src/audit/walk/record-taker.js'
import { LogIndex } from '../../../src/mirror/index/log-index.js'
import { LogFolder } from '../../../src/sumdb/log-source.js'
import { utf8 } from '../../../src/tlog/bytes.js'
import { parseCheckpoint, SUMDB_ORIGIN } from '../../../src/tlog/checkpoint.js'
import { parseNote } from '../../../src/tlog/note.js'
import { auditedKey, makeLogIn, type MadeLog } from '../../helpers/audits.js'
import { recordOf } from '../../helpers/bad-records.js'
import { temporaryHome } from '../../helpers/home.js'
import { seeded } from '../../helpers/volatile-disk.js'

const record = (i: number): Uint8Array => utf8(recordOf(`example.com/m${i % 7}`, `v1.${i}.0`))
const expected = (size: number) =>
  Array.from({ length: size }, (_, id) => ({ id, path: `example.com/m${id % 7}`, version: `v1.${id}.0` }))

async function opened(home: string): Promise<LogIndex> {
  const index = await LogIndex.open(join(home, 'index'))
  onTestFinished(() => index.close())
  return index
}

/** Audits a log up to its head with a receiver of its records; with the same home it continues. */
async function audited<T>(
  home: string,
  { dir, note }: MadeLog,
  taker: RecordTaker | undefined,
  more: (audit: LogAudit) => Promise<T>,
): Promise<T> {
  const setting = { dir: join(home, 'audit'), key: auditedKey, origin: SUMDB_ORIGIN, source: new LogFolder(dir) }
  const audit = await LogAudit.open({ ...setting, ...(taker && { taker }) })
  try {
    const read = parseNote(note)
    await audit.audit({ head: parseCheckpoint(read.text), note: read })
    return await more(audit)
  } finally {
    await audit.close()
  }
}

const done = (audit: LogAudit): Promise<number> => Promise.resolve(audit.auditedSize)

function logOf(home: string, size: number, recordAt = record): MadeLog {
  return makeLogIn(
    join(home, `log-${size}`),
    Array.from({ length: size }, (_, i) => recordAt(i)),
  )
}

test('the index has every record of the log in order, head by head, also after restarts', async () => {
  const home = temporaryHome()
  let index = await opened(home)
  for (const size of [1, 5, 255, 256, 257, 600, 1000]) {
    await audited(home, logOf(home, size), index, done)
    expect(index.size).toBe(size)
    expect(await index.records(0, 5000)).toEqual(expected(size))
    await index.close()
    index = await opened(home)
    expect(index.size, 'after a restart').toBe(size)
  }
  expect(await index.records(500, 300)).toEqual(expected(1000).slice(500, 800))
  expect(await index.records(1000, 10)).toEqual([])
  const third = expected(1000).filter(({ path }) => path === 'example.com/m3')
  expect(await index.versions('example.com/m3')).toEqual(third.map(({ version, id }) => ({ version, id })))
  expect(await index.versions('example.com/m')).toEqual([])
  expect(await index.versions('example.com/m33')).toEqual([])
})

test('a process that ends before or after the index is written loses and duplicates nothing', async () => {
  const home = temporaryHome()
  const chance = seeded(5)
  let crashes = 0
  for (let size = 80; size <= 1200; size += 80) {
    const log = logOf(home, size)
    const index = await LogIndex.open(join(home, 'index'))
    const when = Math.floor(chance() * 3)
    const stopping: RecordTaker = {
      take: (first, records) => index.take(first, records),
      drop: (range) => index.drop(range),
      missing: (range) => index.missing(range),
      keep: async (range) => {
        if (when === 0) throw new Error('killed before')
        await index.keep(range)
        if (when === 1) throw new Error('killed behind')
      },
    }
    await audited(home, log, stopping, done).catch(() => crashes++)
    await index.close()
  }
  expect(crashes).toBeGreaterThan(5)
  const index = await opened(home)
  expect(await audited(home, logOf(home, 1201), index, done)).toBe(1201)
  expect(index.missing({ from: 0, to: 1201 })).toEqual([])
  expect(await index.records(0, 5000)).toEqual(expected(1201))
})

test('records audited before there was an index are read again, in pieces', async () => {
  const home = temporaryHome()
  const log = logOf(home, 9000)
  await audited(home, log, undefined, done)
  const index = await opened(home)
  const fills = await audited(home, log, index, async (audit) => {
    expect(index.size, 'an audit of nothing new gives nothing').toBe(0)
    let count = 1
    while (await audit.fill()) count++
    return count
  })
  expect(fills).toBe(2)
  expect(index.size).toBe(9000)
  expect(await index.records(8190, 5)).toEqual(expected(9000).slice(8190, 8195))
})

test('the index ends at a gap in the records read, until it is filled', async () => {
  const home = temporaryHome()
  const index = await opened(home)
  const give = async (from: number, to: number): Promise<void> => {
    index.take(
      from,
      Array.from({ length: to - from }, (_, i) => record(from + i)),
    )
    await index.keep({ from, to })
  }
  await give(256, 300)
  expect(index.size).toBe(0)
  expect(await index.records(0, 10)).toEqual([])
  expect(await index.versions('example.com/m1'), 'beyond the gap').toEqual([])
  await give(0, 256)
  expect(index.size).toBe(300)
  expect(await index.records(0, 1000)).toEqual(expected(300))
})

test('an incomplete range does not count, and a range may be given twice', async () => {
  const index = await opened(temporaryHome())
  index.take(0, [record(0), record(1)])
  index.drop({ from: 0, to: 4 })
  expect(index.size).toBe(0)
  for (let i = 0; i < 2; i++) {
    index.take(0, [record(0), record(1), record(2)])
    await index.keep({ from: 0, to: 3 })
  }
  expect(await index.records(0, 10)).toEqual(expected(3))
})

test('a partly written range does not count, and is written again', async () => {
  const db = new MemoryLevel<string, string>()
  const batch = db.batch.bind(db) as (...given: unknown[]) => Promise<void>
  let left = 3
  const failing = Object.assign(db, {
    batch: (...given: unknown[]) => (left-- > 0 ? batch(...given) : Promise.reject(new Error('no space left'))),
  })
  const index = await LogIndex.over(failing)
  const all = Array.from({ length: 5000 }, (_, i) => record(i))
  const give = (): Promise<void> => {
    for (let at = 0; at < all.length; at += 256) index.take(at, all.slice(at, at + 256))
    return index.keep({ from: 0, to: all.length })
  }
  await expect(give()).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED' })
  expect(index.size).toBe(0)
  expect((await LogIndex.over(failing as never)).size, 'at the next start').toBe(0)
  expect(await index.versions('example.com/m1')).toEqual([])
  left = Infinity
  await give()
  expect(await index.records(0, 9000)).toEqual(expected(5000))
})

test('records that cannot be requested are omitted, and of duplicates the first counts', async () => {
  const index = await opened(temporaryHome())
  const given = [
    utf8('not a record'),
    utf8(''),
    utf8(recordOf('example.com/a', 'v1.0.0')),
    utf8(recordOf('example.com/a', 'not-a-version')),
    utf8(recordOf('example.com/ä', 'v1.0.0')),
    utf8(recordOf(`example.com/${'a'.repeat(2000)}`, 'v1.0.0')),
    utf8(recordOf('example.com/a', 'v1.0.0')),
    new Uint8Array([0xff, 0xfe, 10]),
    utf8(recordOf('golang.org/toolchain', 'v0.0.1-go1.26.0.linux-amd64')),
  ]
  index.take(0, given)
  await index.keep({ from: 0, to: given.length })
  expect(index.size).toBe(given.length)
  const found = await index.records(0, 100)
  expect(found.map(({ id, path, version }) => `${id} ${path}@${version}`)).toEqual([
    '2 example.com/a@v1.0.0',
    '6 example.com/a@v1.0.0',
    '8 golang.org/toolchain@v0.0.1-go1.26.0.linux-amd64',
  ])
  expect(await index.versions('example.com/a')).toEqual([{ version: 'v1.0.0', id: 2 }])
})

test('two processes cannot open one index', async () => {
  const home = temporaryHome()
  await opened(home)
  await expect(LogIndex.open(join(home, 'index'))).rejects.toMatchObject({ code: 'STORE_LOCKED' })
})
