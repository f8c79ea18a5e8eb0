/** Audits of logs in folders: honest ones, ones with bad records, and ones that were tampered with. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { verifyEvidence } from '../../../src/evidence/evidence.js'
import { utf8 } from '../../../src/tlog/bytes.js'
import { BAD_RECORDS, recordOf } from '../../helpers/bad-records.js'
import { auditOf, auditedKey, makeLog, makeLogIn, madeRecords } from '../../helpers/audits.js'
import { copyHome, scratchFolder, temporaryHome } from '../../helpers/home.js'

describe('an honest log', () => {
  it.each([0, 1, 2, 255, 256, 257, 512, 1000])('of %i records is clean and complete', async (size) => {
    for (const isNumbered of [false, true]) {
      const { list, ...report } = await auditOf(makeLog(madeRecords(size), { isNumbered }))
      expect(report).toMatchObject({ audited: size, size, isComplete: true, missing: [], evidence: [] })
      expect(list).toEqual([])
    }
  })

  it('of c2sp.org/tlog-tiles has no rules for records, but its tiles are checked against the tree', async () => {
    const origin = 'other.example/log'
    const records = [utf8(''), utf8('x'), new Uint8Array(65535).fill(10), ...madeRecords(600)]
    const report = await auditOf(makeLog(records, { origin }), { origin })
    expect(report).toMatchObject({ audited: 603, isComplete: true, list: [] })
  })
})

describe('bad records', () => {
  it.each([false, true])(
    'of every rule are found in their places, and nothing else is (numbered: %s)',
    async (isNumbered) => {
      const records = madeRecords(1500)
      const places = new Map(BAD_RECORDS.map((bad, i) => [(i * 37) % 1500, bad]))
      expect(places.size).toBe(BAD_RECORDS.length)
      for (const [id, { record }] of places) records[id] = record
      const { list, isComplete, audited } = await auditOf(makeLog(records, { isNumbered }))
      const found = list.map(({ id, rule }) => `${id} ${rule}`).sort()
      expect(found).toEqual([...places].map(([id, { rule }]) => `${id} ${rule}`).sort())
      expect({ isComplete, audited }).toEqual({ isComplete: true, audited: 1500 })
    },
  )

  it('that are duplicates give a note, or evidence if their hashes differ', async () => {
    const records = madeRecords(700)
    records[20] = utf8(recordOf('example.com/x', 'v1.0.0'))
    records[600] = records[3]!
    const hash = Buffer.alloc(32, 1).toString('base64')
    records[650] = utf8(recordOf('example.com/x', 'v1.0.0').replace(/h1:.*/, `h1:${hash}`))
    const home = temporaryHome()
    const log = makeLog(records)
    for (let run = 0; run < 2; run++) {
      const { list, evidence, isComplete } = await auditOf(log, { home })
      expect(list.map(({ id, rule }) => `${id} ${rule}`).sort()).toEqual([
        '600 duplicate-record',
        '650 contradicting-records',
      ])
      expect(isComplete).toBe(true)
      const convictions = evidence.map((one) => verifyEvidence(one, [auditedKey]))
      expect(convictions).toMatchObject([{ type: 'gossum/bad-record/v1', records: [20, 650] }])
    }
  })
})

describe('an audit with a faulty tile', () => {
  const size = 256 * 256 + 600
  const large = makeLogIn(join(scratchFolder().dir, 'log'), madeRecords(size))

  it.each([
    ['tile/8/0/000', 'hash-tile', size],
    ['tile/8/1/000', 'hash-tile', 600],
    ['tile/8/data/001', 'data-tile', size - 256],
    ['tile/8/data/258.p/88', 'data-tile', size - 88],
  ])('names the wrong %s, and reads all other records', async (path, rule, audited) => {
    const log = { ...large, dir: temporaryHome() }
    copyHome(large.dir, log.dir)
    const file = join(log.dir, path)
    const bytes = readFileSync(file)
    bytes[70]! ^= 1
    writeFileSync(file, bytes)
    const home = temporaryHome()
    const report = await auditOf(log, { home })
    expect(report.list.map((finding) => [finding.rule, finding.tile])).toEqual([[rule, path]])
    expect(report.audited).toBe(audited)
    // The cause is unknown: if it is right the next time, no finding is left.
    bytes[70]! ^= 1
    writeFileSync(file, bytes)
    expect(await auditOf(log, { home })).toMatchObject({ list: [], audited: size, isComplete: true })
  })

  it.each(['tile/8/0/001', 'tile/8/data/001'])('reports the missing %s, and requests it again', async (path) => {
    const log = makeLog(madeRecords(700))
    const file = join(log.dir, path)
    const bytes = readFileSync(file)
    rmSync(file)
    const home = temporaryHome()
    const report = await auditOf(log, { home })
    expect(report).toMatchObject({ isComplete: false, list: [] })
    expect(report.missing.map(({ what }) => what)).toEqual([path])
    writeFileSync(file, bytes)
    expect(await auditOf(log, { home })).toMatchObject({ isComplete: true, missing: [], audited: 700 })
  })
})
