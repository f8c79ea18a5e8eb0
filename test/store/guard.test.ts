import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { GuardFile, type GuardEntry } from '../../src/store/guard.js'
import { formatHash } from '../../src/tlog/hash.js'
import { temporaryHome } from '../helpers/home.js'

const LOG = 'a'.repeat(64)
const entry = (seq: number, log = LOG): GuardEntry => ({
  log,
  seq,
  hash: seq.toString(16).padStart(64, '0'),
  size: seq * 10,
  time: seq === 1 ? 0 : 1_700_000_000 + seq,
  root: seq === 1 ? '-' : formatHash(new Uint8Array(32).fill(seq)),
  holds: seq % 2 === 0 ? ['00aa', '00bb'] : [],
  ...(seq >= 3 && {
    floor: { size: seq * 20, root: formatHash(new Uint8Array(32).fill(99)), at: '2026-01-02T11:00:00.000Z' },
  }),
})

/** A guard file with these entries, closed. */
async function written(...entries: GuardEntry[]): Promise<string> {
  const path = join(temporaryHome(), 'guard')
  const guard = await GuardFile.open(path)
  for (const each of entries) await guard.append(each)
  await guard.close()
  return path
}

async function read(path: string): Promise<GuardEntry[]> {
  const guard = await GuardFile.open(path)
  await guard.close()
  return [...guard.entries.values()]
}

describe('the guard file', () => {
  test('gives back the last entry of each log, and is for its owner only', async () => {
    const other = entry(5, 'b'.repeat(64))
    const path = await written(entry(1), entry(2), other, entry(3))
    expect(await read(path)).toEqual([entry(3), other])
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('a line that a crash cut off is dropped, at every length', async () => {
    const path = await written(entry(1), entry(2))
    const whole = readFileSync(path)
    const firstLine = whole.indexOf('\n') + 1
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length))
      const expected = length === whole.length ? [entry(2)] : length >= firstLine ? [entry(1)] : []
      expect(await read(path), `cut to ${length} bytes`).toEqual(expected)
      expect(readFileSync(path, 'utf8').endsWith('\n') || expected.length === 0).toBe(true)
    }
  })

  test('a changed byte anywhere is noticed, or it took only the last line, as a crash might', async () => {
    const path = await written(entry(1), entry(2), entry(3))
    const whole = readFileSync(path)
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole)
      changed[at]! ^= 1
      writeFileSync(path, changed)
      const entries = await read(path).catch((error: unknown) => error)
      if (at === whole.length - 1) expect(entries).toEqual([entry(2)])
      else expect(entries, `byte ${at}`).toMatchObject({ code: 'STORE_DAMAGED' })
    }
  })

  test('says which line is not what was written', async () => {
    const path = await written(entry(1), entry(2))
    const lines = readFileSync(path, 'utf8').split('\n')
    writeFileSync(path, [lines[0], 'rubbish', lines[1], ''].join('\n'))
    await expect(GuardFile.open(path)).rejects.toMatchObject({ code: 'STORE_DAMAGED', detail: `${path}, line 2` })
  })

  test('a line of right form and wrong checksum is not believed', async () => {
    const path = await written(entry(2))
    writeFileSync(path, readFileSync(path, 'utf8').replace(' 20 ', ' 30 '))
    await expect(GuardFile.open(path)).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
  })

  test('a line without a floor is spelled as it was before there were floors, and read', async () => {
    const path = join(temporaryHome(), 'guard')
    const line = [
      LOG,
      '2',
      '0'.repeat(63) + '2',
      '20',
      'AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=',
      '1700000002',
      '00aa,00bb',
      '7843823486cdc04e',
    ].join(' ')
    writeFileSync(path, `${line}\n`)
    expect(await read(path)).toEqual([entry(2)])
    expect(readFileSync(await written(entry(2)), 'utf8')).toBe(`${line}\n`)
  })

  test('a floor is read again whatever the clock said when it was learnt', async () => {
    for (const ms of [-1, 0, 8.64e15]) {
      const floor = { ...entry(3).floor!, at: new Date(ms).toISOString() }
      expect(await read(await written({ ...entry(3), floor }))).toEqual([{ ...entry(3), floor }])
    }
  })

  test('what somebody else appended while it was open goes with the next entry', async () => {
    const path = join(temporaryHome(), 'guard')
    const guard = await GuardFile.open(path)
    await guard.append(entry(1))
    appendFileSync(path, 'half a line of a write that failed')
    await guard.append(entry(2))
    await guard.close()
    expect(await read(path)).toEqual([entry(2)])
  })

  test('an append that failed does not spoil those after it', async () => {
    const path = join(temporaryHome(), 'guard')
    const guard = await GuardFile.open(path)
    await guard.append(entry(1))
    await expect(
      guard.append({
        ...entry(2),
        log: {
          toString: () => {
            throw new Error('failed')
          },
        } as never,
      }),
    ).rejects.toThrow('failed')
    expect([...guard.entries.values()]).toEqual([entry(1)])
    await guard.append(entry(3))
    await guard.close()
    expect(await read(path)).toEqual([entry(3)])
  })

  test('many appends at once are written one after another, in order', async () => {
    const path = join(temporaryHome(), 'guard')
    const guard = await GuardFile.open(path)
    await Promise.all(Array.from({ length: 50 }, (_, i) => guard.append(entry(i + 1))))
    await guard.close()
    const sequence = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => Number(line.split(' ')[1]))
    expect(sequence).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
  })

  test('grown long it is written anew with one line per log', async () => {
    const path = await written(entry(1), entry(2, 'b'.repeat(64)))
    const [first] = readFileSync(path, 'utf8').split('\n')
    appendFileSync(path, `${first!}\n`.repeat(4096))
    expect(await read(path)).toHaveLength(2)
    expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toHaveLength(2)
    expect(existsSync(`${path}.new`)).toBe(false)
    expect(await read(path)).toEqual([entry(1), entry(2, 'b'.repeat(64))])
  })

  test('a file that grew long is written anew while it is in use, and goes on', async () => {
    const path = join(temporaryHome(), 'guard')
    const guard = await GuardFile.open(path)
    const COUNT = 4200
    for (let seq = 1; seq <= COUNT; seq++) await guard.append(entry(seq))
    await guard.close()
    expect(readFileSync(path, 'utf8').split('\n').length).toBeLessThan(COUNT / 2)
    expect(await read(path)).toEqual([entry(COUNT)])
  })

  test('a compaction that a crash interrupted left the old file whole', async () => {
    const path = await written(entry(1), entry(2))
    writeFileSync(`${path}.new`, 'half written')
    expect(await read(path)).toEqual([entry(2)])
    expect(existsSync(`${path}.new`)).toBe(false)
  })
})
