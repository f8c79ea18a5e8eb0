/** Merging the results of several machines: of one tree, all its units, and without trusting their claims. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Finding } from '../../../src/audit/finding.js'
import { LogAudit } from '../../../src/audit/walk/log-audit.js'
import { readPinnedTree } from '../../../src/audit/walk/merge.js'
import { encodePart } from '../../../src/audit/walk/part-text.js'
import { UNIT_RECORDS, type Part, type PartRange } from '../../../src/audit/walk/unit.js'
import {
  encodeUnitsHeader,
  encodeUnitsPart,
  readUnitsHeader,
  readUnitsPart,
  type PinnedTree,
} from '../../../src/audit/walk/units-file.js'
import { LogFolder, type LogSource } from '../../../src/sumdb/log-source.js'
import { parseCheckpoint, SUMDB_ORIGIN } from '../../../src/tlog/checkpoint.js'
import { parseNote } from '../../../src/tlog/note.js'
import { auditedKey, makeLog, makeLogIn, madeRecords, type MadeLog } from '../../helpers/audits.js'
import { scratchFolder, temporaryHome } from '../../helpers/home.js'

const UNIT = UNIT_RECORDS
const SIZE = 2 * UNIT + 700
const UNITS: readonly PartRange[] = [
  { from: 0, to: UNIT },
  { from: UNIT, to: 2 * UNIT },
  { from: 2 * UNIT, to: SIZE },
]
const EMPTY = [40, UNIT + 1]

const scratch = scratchFolder()
let log: MadeLog
let source: LogSource
/** The file of each unit, as written by an honest machine. */
let honest: string[]
let pinned: PinnedTree
let parts: Part[]

function headOf({ note }: MadeLog) {
  const read = parseNote(note)
  return { head: parseCheckpoint(read.text), note: read }
}

async function auditUnit(of: MadeLog, range: PartRange, name: string): Promise<string> {
  const given = { dir: join(scratch.dir, `${name}.parts`), key: auditedKey, origin: SUMDB_ORIGIN }
  const audit = await LogAudit.open({ ...given, source: new LogFolder(of.dir) })
  await audit.audit(headOf(of), { range })
  const pieces: Uint8Array[] = []
  for await (const bytes of audit.unitsFile(range)) pieces.push(bytes)
  await audit.close()
  return scratch.file(name, Buffer.concat(pieces))
}

function readerOf(file: string): (length: number) => Promise<Uint8Array> {
  const bytes = readFileSync(file)
  let at = 0
  return (length) => Promise.resolve(new Uint8Array(bytes.subarray(at, (at += length))))
}

async function partIn(file: string): Promise<Part> {
  const read = readerOf(file)
  await readUnitsHeader(read)
  return (await readUnitsPart(read))!
}

/** A file of these parts. */
function fileOf(name: string, list: readonly Part[], tree = pinned): string {
  const pieces = list.map((part) => encodeUnitsPart(encodePart(part)))
  return scratch.file(name, Buffer.concat([encodeUnitsHeader(tree), ...pieces]))
}

interface Merging {
  readonly isChosen?: (range: PartRange) => boolean
  readonly from?: LogSource
}

async function merge(files: readonly string[], { isChosen = () => false, from = source }: Merging = {}) {
  const dir = join(temporaryHome(), 'merge')
  const audit = await LogAudit.open({ dir, key: auditedKey, origin: SUMDB_ORIGIN, source: from })
  try {
    const { report, wrong } = await audit.merge(files, await readPinnedTree(files[0]!), isChosen)
    const list: Finding[] = []
    for await (const finding of audit.findings()) list.push(finding)
    const found = list.map(({ id, rule }) => `${id} ${rule}`)
    return { report, found, wrong: wrong.map(({ file, from: first }) => `${file} ${first}`) }
  } finally {
    await audit.close()
  }
}

beforeAll(async () => {
  const records = madeRecords(SIZE)
  // Bad records in the first two units, and one that is repeated in the last one.
  for (const id of EMPTY) records[id] = new Uint8Array()
  records[2 * UNIT + 9] = records[5]!
  log = makeLogIn(join(scratch.dir, 'log'), records)
  source = new LogFolder(log.dir)
  honest = []
  for (const [i, range] of UNITS.entries()) honest.push(await auditUnit(log, range, `unit-${i}`))
  pinned = await readPinnedTree(honest[0]!)
  parts = await Promise.all(honest.map(partIn))
})

const FOUND = [`40 record-empty`, `${UNIT + 1} record-empty`, `${2 * UNIT + 9} duplicate-record`]

describe('honest results', () => {
  it('give the whole audit, in any order and any number of files, without blame', async () => {
    const all = fileOf('all', [parts[2]!, parts[0]!, parts[1]!])
    for (const files of [honest, [...honest].reverse(), [all], [all, honest[1]!, honest[1]!]]) {
      const { report, found, wrong } = await merge(files)
      expect({ found, wrong }).toEqual({ found: FOUND, wrong: [] })
      expect(report).toMatchObject({ audited: SIZE, isComplete: true, findings: { error: 2, note: 1 } })
    }
    const again = await merge([all, honest[1]!], { isChosen: () => true })
    expect(again).toMatchObject({ found: FOUND, wrong: [] })
  })

  it('without one of the units are refused', async () => {
    for (const missing of UNITS.keys()) {
      const files = honest.filter((_, i) => i !== missing)
      await expect(merge(files)).rejects.toMatchObject({ code: 'AUDIT_DISAGREES' })
    }
  })
})

describe('false results', () => {
  const lie = (name: string, i: number, change: Partial<Part>): string => fileOf(name, [{ ...parts[i]!, ...change }])
  const rest = (i: number): string[] => honest.filter((_, other) => other !== i)

  it('that omit a finding are exposed and corrected when their unit is read again', async () => {
    const lying = lie('silent', 1, { findings: [], counts: { error: 0, note: 0 } })
    // This cannot be detected without reading again: the cost of not reading.
    expect((await merge([lying, ...rest(1)])).found).toEqual([FOUND[0], FOUND[2]])
    const caught = await merge([lying, ...rest(1)], { isChosen: ({ from }) => from === UNIT })
    expect(caught).toMatchObject({ found: FOUND, wrong: [`${lying} ${UNIT}`] })
    expect((await merge([lying, ...rest(1)], { isChosen: () => true })).wrong).toEqual([`${lying} ${UNIT}`])
  })

  it('that invent a finding are also exposed', async () => {
    const findings: Finding[] = [{ rule: 'record-empty', level: 'error', id: 6, detail: 'it is empty' }]
    const lying = lie('inventor', 0, { findings: [...findings, ...parts[0]!.findings], counts: { error: 2, note: 0 } })
    const caught = await merge([...rest(0), lying].reverse(), { isChosen: () => true })
    expect(caught).toMatchObject({ found: FOUND, wrong: [`${lying} 0`] })
  })

  it('that hide a module version behind other keys are also exposed', async () => {
    const lying = lie('keys', 2, {
      keys: parts[2]!.keys.map((byte, i) => (i > 1200 && i % 10 === 5 ? byte ^ 1 : byte)),
    })
    const caught = await merge([lying, ...rest(2)], { isChosen: () => true })
    expect(caught).toMatchObject({ found: FOUND, wrong: [`${lying} ${2 * UNIT}`] })
  })

  it('are always exposed if another file has the same unit, in any order', async () => {
    const lying = lie('second', 1, { findings: [], counts: { error: 0, note: 0 } })
    for (const files of [
      [lying, ...honest],
      [...honest, lying],
      [...honest, lying, lying],
    ])
      expect(await merge(files)).toMatchObject({ found: FOUND, wrong: [`${lying} ${UNIT}`] })
    const other = lie('third', 1, { findings: [], counts: { error: 0, note: 0 }, hashes: [] })
    const both = await merge([lying, other, ...rest(1)])
    expect(both.found).toEqual(FOUND)
    expect(both.wrong.sort()).toEqual([`${lying} ${UNIT}`, `${other} ${UNIT}`].sort())
  })

  it('with other hashes do not add up to the root', async () => {
    const hashes = parts[1]!.hashes.map((hash) => hash.map((byte) => byte ^ 1))
    for (const lying of [lie('hashes', 1, { hashes }), lie('no-hashes', 1, { hashes: [] })]) {
      await expect(merge([lying, ...rest(1)])).rejects.toMatchObject({ code: 'AUDIT_DISAGREES' })
      expect(await merge([lying, ...rest(1)], { isChosen: () => true })).toMatchObject({ wrong: [`${lying} ${UNIT}`] })
    }
  })

  it.each<[string, Partial<PartRange>]>([
    ['less than a unit', { to: 100 }],
    ['the end of one', { from: 100 }],
    ['a unit beyond the tree', { from: 7 * UNIT, to: 8 * UNIT }],
  ])('about %s are refused', async (name, range) => {
    const [from, to] = [range.from ?? 0, range.to ?? UNIT]
    const lying = lie(name, 0, {
      from,
      to,
      audited: to - from,
      findings: [],
      counts: { error: 0, note: 0 },
      keys: new Uint8Array(257 * 4),
    })
    await expect(merge([...honest, lying])).rejects.toMatchObject({
      code: 'AUDIT_DAMAGED',
      detail: expect.stringContaining(`${lying}: `) as string,
    })
  })

  it('of a tree that the log did not sign are refused', async () => {
    const other = makeLog(madeRecords(UNIT + 5))
    const others = await auditUnit(other, { from: 0, to: UNIT }, 'other')
    await expect(merge([...honest, others])).rejects.toMatchObject({ code: 'AUDIT_DISAGREES' })
    const heads = [
      pinned.head.replace('— log.example ', '— log.example B'),
      pinned.head.replace(/\n.{44}\n\n/, `\n${'A'.repeat(43)}=\n\n`),
    ]
    for (const head of heads) {
      const forged = UNITS.map((_, i) => fileOf(`forged-${i}`, [parts[i]!], { ...pinned, head }))
      await expect(merge(forged)).rejects.toThrow()
    }
    const reseeded = UNITS.map((_, i) => fileOf(`seed-${i}`, [parts[i]!], { ...pinned, seed: [1, 2] }))
    await expect(merge(reseeded)).rejects.toMatchObject({ code: 'AUDIT_DISAGREES' })
    const stranger = UNITS.map((_, i) =>
      fileOf(`key-${i}`, [parts[i]!], { ...pinned, log: 'other.example+00000000+AQ==' }),
    )
    await expect(merge(stranger)).rejects.toMatchObject({ code: 'LOG_UNKNOWN' })
  })
})

describe('a file', () => {
  it('that is truncated is named, or the records that it lacks are', async () => {
    const bytes = readFileSync(honest[2]!)
    const header = bytes.indexOf(10) + 1
    for (const length of [0, 1, header - 1, header + 1, header + 4, header + 300, bytes.length - 1]) {
      const cut = scratch.file('cut', bytes.subarray(0, length))
      const refusal = { code: 'AUDIT_DAMAGED', detail: expect.stringContaining(`${cut}: `) as string }
      await expect(merge([cut, ...honest]), `${length}`).rejects.toMatchObject(refusal)
      await expect(merge([honest[0]!, honest[1]!, cut]), `${length}, the last file`).rejects.toMatchObject(refusal)
    }
    // Cut at the end of a part, it is a complete file of fewer units.
    const cut = scratch.file('cut', bytes.subarray(0, header))
    await expect(merge([cut, honest[0]!, honest[1]!])).rejects.toMatchObject({
      code: 'AUDIT_DISAGREES',
      detail: expect.stringMatching(/^the hash of record \d+ is in no file$/) as string,
    })
  })

  it('with a wrong length is damaged', async () => {
    const bytes = readFileSync(honest[2]!)
    bytes.writeUInt32LE(0xffffffff, bytes.indexOf(10) + 1)
    await expect(merge([scratch.file('long', bytes)])).rejects.toMatchObject({ code: 'AUDIT_DAMAGED' })
    const endless = scratch.file('endless', new Uint8Array(300_000).fill(65))
    await expect(merge([endless])).rejects.toMatchObject({ code: 'AUDIT_DAMAGED' })
  })

  it('that is missing is unreadable', async () => {
    await expect(merge([join(scratch.dir, 'none')])).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
  })
})

describe('reading again', () => {
  it('rejects a wrong tile, and blames no result for it', async () => {
    const wrong: LogSource = {
      url: 'x',
      get: async (path, bytes, options) => {
        const data = await source.get(path, bytes, options)
        return path === 'tile/8/data/300' ? data.map((byte) => byte ^ 1) : data
      },
    }
    await expect(merge(honest, { from: wrong, isChosen: () => true })).rejects.toMatchObject({ code: 'TILE_INVALID' })
  })

  it('reports a tile that is unavailable', async () => {
    const gone: LogSource = {
      url: 'x',
      get: (path, ...rest) => source.get(path === 'tile/8/data/300' ? 'nothing' : path, ...rest),
    }
    await expect(merge(honest, { from: gone, isChosen: () => true })).rejects.toMatchObject({ code: 'LOG_UNREACHABLE' })
  })
})
