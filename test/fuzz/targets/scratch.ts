/** Input that parsers read from elsewhere: files in a folder of their own, and tables of a database. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Table } from '../../../src/store/disk.js'
import type { Range } from '../../../src/store/lazy-writes.js'

let folder: string | undefined

/**
 * A folder that is removed when the process ends; during fuzzing, by the main process, since an ended thread cleans up
 * nothing.
 */
export function scratch(): string {
  const given = process.env['FUZZ_SCRATCH']
  if (folder === undefined && given !== undefined) {
    mkdirSync(given, { recursive: true })
    folder = given
  }
  if (folder === undefined) {
    const made = (folder = mkdtempSync(join(tmpdir(), 'fuzz-')))
    process.once('exit', () => rmSync(made, { recursive: true, force: true }))
  }
  return folder
}

/** Writes a file with these bytes there; returns its path. */
export function scratchFile(name: string, bytes: Uint8Array): string {
  const file = join(scratch(), name)
  if (name.includes('/')) mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, bytes)
  return file
}

/** A table with these rows, in memory. */
export function tableOf(rows: Iterable<readonly [key: string, value: string]>): Table {
  const kept = new Map(rows)
  const entries = ({ gte = '', lt = '\u{10ffff}', reverse = false, limit = Infinity }: Partial<Range> = {}) => {
    const inside = [...kept].filter(([key]) => key >= gte && key < lt).sort(([a], [b]) => (a < b ? -1 : 1))
    return (reverse ? inside.reverse() : inside).slice(0, limit)
  }
  const put = (key: string, value: string): Promise<void> => Promise.resolve(void kept.set(key, value))
  const table = {
    get: (key: string) => Promise.resolve(kept.get(key)),
    put,
    putLazily: put,
    del: (key: string) => Promise.resolve(void kept.delete(key)),
    entries: (range?: Range) => Promise.resolve(entries(range)),
    keys: (range?: Range) => Promise.resolve(entries(range).map(([key]) => key)),
    values: (range?: Range) => Promise.resolve(entries(range).map(([, value]) => value)),
  }
  return table as unknown as Table
}
