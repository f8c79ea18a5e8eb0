/**
 * LevelDB opens silently over many kinds of damage, with records missing, and a journal is a file like any other.
 * Whatever is done to the files of a home, it must open with the state that was written last, or report that it did
 * not.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { LogState } from '../../src/store/heads.js'
import { Store } from '../../src/store/store.js'
import { databaseFiles, temporaryHome } from '../helpers/home.js'
import { DAMAGED_LOG, damageOften, reopened, restore, snapshot, type Files } from '../helpers/damaged-home.js'

const LOG = DAMAGED_LOG
const tree = (size: number) => ({ size, root: new Uint8Array(32).fill(size) })

/** The last state of the test's home. */
let expected: LogState
const reopen = (home: string) => reopened(home, expected)

/** A home with three states of one log: in the log file or, after another opening, in a table file. */
async function makeHome(inTable: boolean): Promise<{ home: string; files: Files }> {
  const home = temporaryHome()
  const store = await Store.open(home)
  for (const size of [1, 2, 3]) await store.heads.change(LOG, store.heads.get(LOG), { tree: tree(size) })
  expected = store.heads.get(LOG)
  await store.close()
  if (inTable) await (await Store.open(home)).close()
  expect(databaseFiles(home, '.ldb').length > 0).toBe(inTable)
  return { home, files: snapshot(home) }
}

function flipped(files: Files, name: string, at: number): Files {
  const data = Uint8Array.from(files.get(name)!)
  data[at]! ^= 0x10
  return new Map([...files, [name, data]])
}

function fileOf(files: Files, pattern: RegExp): string {
  return [...files.keys()]
    .filter((name) => pattern.test(name))
    .sort((a, b) => files.get(b)!.length - files.get(a)!.length)[0]!
}

describe('one flipped byte', () => {
  test('at any position of the log file never leads silently to an older state', { timeout: 120_000 }, async () => {
    const { home, files } = await makeHome(false)
    const name = fileOf(files, /\.log$/)
    for (let at = 0; at < files.get(name)!.length; at++) {
      restore(home, flipped(files, name, at))
      expect(await reopen(home), `byte ${at} of ${name}`).not.toMatch('older')
    }
  })

  test('at many positions of the journal is noticed', { timeout: 120_000 }, async () => {
    const { home, files } = await makeHome(false)
    for (let at = 0; at < files.get('journal')!.length; at += 11) {
      restore(home, flipped(files, 'journal', at))
      expect(await reopen(home), `byte ${at} of the journal`).toBe('disagreement')
    }
  })

  test.each([
    ['of a table file', /\.ldb$/, 5],
    ['of the manifest', /MANIFEST/, 3],
    ['of CURRENT', /CURRENT$/, 1],
  ])('%s never leads silently to an older state', async (_name, pattern, step) => {
    const { home, files } = await makeHome(true)
    const name = fileOf(files, pattern)
    for (let at = 0; at < files.get(name)!.length; at += step) {
      restore(home, flipped(files, name, at))
      expect(await reopen(home), `byte ${at} of ${name}`).not.toMatch('older')
    }
  })
})

describe('truncated or missing files', () => {
  test('the log file cut at any length: the journal has everything', { timeout: 120_000 }, async () => {
    const { home, files } = await makeHome(false)
    const name = fileOf(files, /\.log$/)
    const { length } = files.get(name)!
    for (let cut = 0; cut < length; cut++) {
      restore(home, new Map([...files, [name, files.get(name)!.subarray(0, cut)]]))
      expect(await reopen(home), `cut to ${cut} of ${length}`).toMatch(/as it was|damaged/)
    }
  })

  test('the journal cut at many lengths: the database shows what is missing', { timeout: 120_000 }, async () => {
    const { home, files } = await makeHome(false)
    const { length } = files.get('journal')!
    for (let cut = 0; cut < length; cut += 11) {
      restore(home, new Map([...files, ['journal', files.get('journal')!.subarray(0, cut)]]))
      expect(await reopen(home), `cut to ${cut} of ${length}`).toBe('disagreement')
    }
  })

  test('two lines of the journal swapped, one repeated, or one missing: it is noticed', async () => {
    const { home, files } = await makeHome(false)
    const lines = Buffer.from(files.get('journal')!).toString().trimEnd().split('\n')
    expect(lines).toHaveLength(4)
    const others = lines.flatMap((_, i) => [
      lines.toSpliced(i, 1),
      lines.toSpliced(i, 0, lines[i]!),
      ...lines.slice(i + 1).map((line, j) => lines.with(i, line).with(i + 1 + j, lines[i]!)),
    ])
    for (const other of others) {
      restore(home, new Map([...files, ['journal', Buffer.from(other.map((line) => `${line}\n`).join(''))]]))
      expect(await reopen(home), other.map((line) => lines.indexOf(line)).join()).toBe('disagreement')
    }
  })

  test('any file of the home missing: it never leads silently to an older state', async () => {
    for (const inTable of [false, true]) {
      const { home, files } = await makeHome(inTable)
      for (const name of files.keys()) {
        restore(home, new Map([...files].filter(([other]) => other !== name)))
        if (name === 'journal') rmSync(join(home, 'journal'))
        expect(await reopen(home), `without ${name}`).not.toMatch('older')
      }
    }
  })

  test('CURRENT missing: no new database is created, and nothing is lost once it is back', async () => {
    const { home, files } = await makeHome(true)
    restore(home, new Map([...files].filter(([name]) => !name.endsWith('CURRENT'))))
    expect(await reopen(home)).toBe('damaged')
    writeFileSync(join(home, 'db', 'CURRENT'), files.get('db/CURRENT')!)
    expect(await reopen(home)).toBe('as it was')
  })

  test('the journal empty next to a complete database: it is noticed', async () => {
    const { home, files } = await makeHome(false)
    restore(home, new Map([...files, ['journal', new Uint8Array()]]))
    expect(await reopen(home)).toBe('disagreement')
  })

  test('CURRENT and the journal missing: the home is damaged, not new', async () => {
    const { home, files } = await makeHome(true)
    restore(home, new Map([...files].filter(([name]) => !name.endsWith('CURRENT'))))
    rmSync(join(home, 'journal'))
    expect(await reopen(home)).toBe('damaged')
    expect(databaseFiles(home, 'CURRENT')).toEqual([])
  })

  test('nothing changed: the home opens as it was, so this test would notice', async () => {
    for (const inTable of [false, true]) {
      const { home, files } = await makeHome(inTable)
      restore(home, files)
      expect(await reopen(home)).toBe('as it was')
    }
  })
})

describe('five hundred damaged homes', () => {
  test(
    'never open silently in an older state, and promise nothing where the journal and the database disagree',
    { timeout: 240_000 },
    async () => {
      const { home } = await makeHome(true)
      const seen = await damageOften(home, 500)
      expect(seen).toHaveLength(500)
      for (const bad of ['older, and silent', 'older, and promised']) expect(seen).not.toContain(bad)
      for (const result of ['as it was', 'disagreement', 'damaged']) expect(seen).toContain(result)
    },
  )
})
