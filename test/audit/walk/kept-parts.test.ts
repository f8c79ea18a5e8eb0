/** The files of an audit's folder: complete or absent, whenever the process ended. */
import { copyFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Finding } from '../../../src/audit/finding.js'
import { sharedKeys } from '../../../src/audit/walk/duplicates.js'
import { KeptParts } from '../../../src/audit/walk/kept-parts.js'
import { hashModuleText, KeyCollector } from '../../../src/audit/walk/module-keys.js'
import { UNIT_RECORDS, type Part } from '../../../src/audit/walk/unit.js'
import { temporaryHome } from '../../helpers/home.js'

const UNIT = UNIT_RECORDS

/** The part of a log in which record n is about the module with this number. */
function partOf(from: number, to: number, moduleOf = (n: number) => n, findings: readonly Finding[] = []): Part {
  const keys = new KeyCollector()
  for (let n = from; n < to; n++) keys.add(hashModuleText(`example.com/m${moduleOf(n)}`, 'v1.0.0', [5, 6]), n - from)
  const error = findings.filter(({ level }) => level === 'error').length
  const counts = { error, note: findings.length - error }
  return { from, to, audited: to - from, counts, findings, hashes: [], keys: keys.take(), missing: [] }
}

function findingAt(id: number): Finding {
  return { rule: 'record-empty', level: 'error', id, detail: 'it is empty' }
}

async function listOf(parts: KeptParts): Promise<Finding[]> {
  const list: Finding[] = []
  for await (const findings of parts.findings()) list.push(...findings)
  return list
}

const ranges = (parts: KeptParts): string[] => parts.done.map(({ from, to }) => `${from}-${to}`)
const groupsOf = async (parts: KeptParts, since = 0) => (await sharedKeys(parts, since)).groups

describe('missing ranges', () => {
  it('are split at the ends of units, and end where a finished one begins', async () => {
    const parts = await KeptParts.open(join(temporaryHome(), 'parts'))
    const gaps = (from: number, to: number): string[] => parts.gaps({ from, to }).map((gap) => `${gap.from}-${gap.to}`)
    expect(gaps(0, 0)).toEqual([])
    expect(gaps(5, 6)).toEqual(['5-6'])
    expect(gaps(0, 2 * UNIT + 1)).toEqual([`0-${UNIT}`, `${UNIT}-${2 * UNIT}`, `${2 * UNIT}-${2 * UNIT + 1}`])
    await parts.add(partOf(UNIT + 10, UNIT + 20))
    await parts.add(partOf(UNIT + 40, UNIT + 50))
    expect(parts.auditedSize).toBe(0)
    expect(gaps(0, UNIT + 60)).toEqual([
      `0-${UNIT}`,
      `${UNIT}-${UNIT + 10}`,
      `${UNIT + 20}-${UNIT + 40}`,
      `${UNIT + 50}-${UNIT + 60}`,
    ])
    expect(gaps(UNIT + 12, UNIT + 18)).toEqual([])
    expect(gaps(UNIT + 15, UNIT + 45)).toEqual([`${UNIT + 20}-${UNIT + 40}`])
    await parts.add(partOf(0, UNIT))
    await parts.add(partOf(UNIT, UNIT + 10))
    expect(parts.auditedSize).toBe(UNIT + 20)
  })
})

describe('the folder', () => {
  it('is the same after reopening', async () => {
    const dir = join(temporaryHome(), 'parts')
    const parts = await KeptParts.open(dir)
    await parts.add(partOf(0, 300, (n) => n % 250, [findingAt(7)]))
    await parts.add(partOf(300, 600))
    const again = await KeptParts.open(dir)
    expect(again.done).toEqual(parts.done)
    expect(await listOf(again)).toEqual([findingAt(7)])
    expect(await groupsOf(again)).toEqual(await groupsOf(parts))
  })

  it('loses a truncated part, and no other', async () => {
    const dir = join(temporaryHome(), 'parts')
    const parts = await KeptParts.open(dir)
    await parts.add(partOf(0, 100))
    await parts.add(partOf(100, 103))
    const file = join(dir, '100-103.part')
    const whole = readFileSync(file)
    for (let length = 0; length < whole.length; length += 13) {
      writeFileSync(file, whole)
      truncateSync(file, length)
      expect(ranges(await KeptParts.open(dir)), `${length}`).toEqual(['0-100'])
    }
    writeFileSync(file, Buffer.concat([whole, Buffer.of(0)]))
    expect(ranges(await KeptParts.open(dir))).toEqual(['0-100'])
    writeFileSync(file, whole)
    expect(ranges(await KeptParts.open(dir))).toEqual(['0-100', '100-103'])
  })

  it('is cleared of unfinished files from killed processes, and of foreign files', async () => {
    const dir = join(temporaryHome(), 'parts')
    const parts = await KeptParts.open(dir)
    await parts.add(partOf(0, 100))
    copyFileSync(join(dir, '0-100.part'), join(dir, '100-200.part.tmp'))
    writeFileSync(join(dir, 'note'), 'x')
    expect(ranges(await KeptParts.open(dir))).toEqual(['0-100'])
    expect(readdirSync(dir)).toEqual(['0-100.part'])
  })

  it('has each part once, even after a kill while joining', async () => {
    const [dir, elsewhere] = [join(temporaryHome(), 'parts'), join(temporaryHome(), 'parts')]
    const parts = await KeptParts.open(dir)
    await parts.add(partOf(0, 40, undefined, [findingAt(3)]))
    await parts.add(partOf(40, 100))
    // The joined part is on disk, and those that it was made from are not removed yet.
    await (await KeptParts.open(elsewhere)).add(partOf(0, 100, undefined, [findingAt(3)]))
    copyFileSync(join(elsewhere, '0-100.part'), join(dir, '0-100.part'))
    const again = await KeptParts.open(dir)
    expect(ranges(again)).toEqual(['0-100'])
    expect(await listOf(again)).toEqual([findingAt(3)])
    expect(await groupsOf(again)).toEqual([])
    expect(readdirSync(dir)).toEqual(['0-100.part'])
  })
})

describe('parts of one unit', () => {
  it('are joined without loss when the unit is complete', async () => {
    const dir = join(temporaryHome(), 'parts')
    const parts = await KeptParts.open(dir)
    // Across parts, across the boundary of the unit, and within one.
    const moduleOf = (n: number): number => ({ 70: 3, 5000: 3, 60_000: 59_000, [UNIT + 1]: 4 })[n] ?? n
    const at = [0, 50, 100, 30_000, UNIT]
    for (let i = 0; i + 1 < at.length; i++)
      await parts.add(partOf(at[i]!, at[i + 1]!, moduleOf, [findingAt(at[i]!), findingAt(at[i]! + 1)]))
    await parts.add(partOf(UNIT, UNIT + 5, moduleOf))
    const groups = [
      [3, 70, 5000],
      [4, UNIT + 1],
      [59_000, 60_000],
    ]
    for (const one of [parts, await KeptParts.open(dir)]) {
      expect(ranges(one)).toEqual([`0-${UNIT}`, `${UNIT}-${UNIT + 5}`])
      expect(one.done[0]!.counts).toEqual({ error: 8, note: 0 })
      expect((await listOf(one)).map(({ id }) => id)).toEqual([0, 1, 50, 51, 100, 101, 30_000, 30_001])
      expect(await groupsOf(one)).toEqual(groups)
    }
    expect(readdirSync(dir)).toHaveLength(2)
  })

  it('stay few, however often the log grows, and keep findings up to the limit', async () => {
    const dir = join(temporaryHome(), 'parts')
    const parts = await KeptParts.open(dir)
    const step = 40
    for (let i = 0; i < 150; i++) {
      const list = Array.from({ length: step }, (_, j) => findingAt(i * step + j))
      await parts.add(partOf(i * step, (i + 1) * step, (n) => n % 4000, list))
    }
    expect(readdirSync(dir).length).toBeLessThan(70)
    const again = await KeptParts.open(dir)
    expect(again.auditedSize).toBe(150 * step)
    expect(again.done.reduce((sum, { counts }) => sum + counts.error, 0)).toBe(150 * step)
    expect((await listOf(again)).length).toBeGreaterThanOrEqual(1000)
    expect(await groupsOf(again)).toHaveLength(2000)
  })
})

describe('keys shared by several records', () => {
  it('include at least one new record', async () => {
    const parts = await KeptParts.open(join(temporaryHome(), 'parts'))
    const moduleOf = (n: number): number => ({ 90: 1, 150: 2, 190: 150 + 1 })[n] ?? n
    await parts.add(partOf(0, 100, moduleOf))
    await parts.add(partOf(100, 200, moduleOf))
    expect(await groupsOf(parts)).toEqual([
      [1, 90],
      [2, 150],
      [151, 190],
    ])
    expect(await groupsOf(parts, 100)).toEqual([
      [2, 150],
      [151, 190],
    ])
    expect(await groupsOf(parts, 151)).toEqual([[151, 190]])
    expect(await groupsOf(parts, 200)).toEqual([])
  })

  it('of a repetitive log are counted up to a limit, which is reported', async () => {
    const parts = await KeptParts.open(join(temporaryHome(), 'parts'))
    await parts.add(partOf(0, 30_000, () => 1))
    expect((await sharedKeys(parts, 0)).isWhole).toBe(false)
    const others = await KeptParts.open(join(temporaryHome(), 'parts'))
    await others.add(partOf(0, 30_000, (n) => n % 15_000))
    const { groups, isWhole } = await sharedKeys(others, 0)
    expect({ isWhole, few: groups.length <= 5000 && groups.length > 4000 }).toEqual({ isWhole: false, few: true })
  })

  it('are no longer searched for after an abort', async () => {
    const parts = await KeptParts.open(join(temporaryHome(), 'parts'))
    await expect(sharedKeys(parts, 0, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped')
  })
})
