/** Module zips, valid and invalid, read by us and, if it is installed, by Go. */
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { hashZip, type HashedZip } from '../../src/module/module-zip.js'
import { attempted } from '../../src/errors/attempt.js'
import type { GossumError } from '../../src/errors.js'
import { h1, required } from '../helpers/go.js'
import { scratchFolder } from '../helpers/home.js'
import { makeZip, type MadeEntry } from '../helpers/zips.js'
import { goSays, modrules } from './modrules.js'

const { file } = scratchFolder()
const PREFIX = 'example.com/m@v1.0.0/'
let zips = 0
const save = (bytes: Uint8Array): string => file(`${++zips}.zip`, bytes)
const entry = (name: string, data: string | Uint8Array, more: Partial<MadeEntry> = {}): MadeEntry => ({
  name: PREFIX + name,
  data,
  ...more,
})
const hashed = (path: string): Promise<HashedZip | GossumError> => attempted(hashZip(path, PREFIX))

test.runIf(required)('modrules is here, as REQUIRE_PEERS asks', () => {
  expect(modrules).toBeDefined()
})

const FILES = {
  [`${PREFIX}go.mod`]: 'module example.com/m\n',
  [`${PREFIX}a/b.go`]: 'package b\n',
  [`${PREFIX}empty`]: '',
}

test('the hash depends on the files, not on their order, times or compression', async () => {
  const entries = Object.entries(FILES).map(([name, data]) => ({ name, data }))
  const others = entries.toReversed().map((one, i) => ({ ...one, isDeflated: true, time: 1000 + i }))
  for (const made of [entries, others]) {
    expect(await hashed(save(makeZip(made)))).toMatchObject({ hash: h1(FILES), flaw: undefined })
  }
})

test('an additional file changes the hash', async () => {
  const entries = [...Object.entries(FILES), [`${PREFIX}x`, ''] as const].map(([name, data]) => ({ name, data }))
  expect(await hashed(save(makeZip(entries)))).not.toMatchObject({ hash: h1(FILES) })
})

test('a large file is read in pieces, with the same hash', async () => {
  const data = Buffer.concat([randomBytes(3_000_000), Buffer.alloc(6_000_000, 7)])
  const made = (more: Partial<MadeEntry>): string => save(makeZip([entry('large', data, more)]))
  const stored = await hashZip(made({}), PREFIX)
  expect(await hashZip(made({ isDeflated: true }), PREFIX)).toEqual(stored)
  expect(await hashed(made({ isDeflated: true, crc: 1 }))).toMatchObject({ code: 'MODULE_ZIP_INVALID' })
  expect(await hashed(made({ isDeflated: true, size: data.length - 1 }))).toMatchObject({ code: 'MODULE_ZIP_INVALID' })
})

/** Zips that Go and we refuse to hash. */
const UNREADABLE: [what: string, zip: Uint8Array][] = [
  ['no zip', Buffer.from('PK, and nothing else')],
  ['nothing', new Uint8Array()],
  ['a zip that was cut', makeZip([entry('a', 'text')]).slice(0, -10)],
  ['a checksum that is wrong', makeZip([entry('a', 'text', { crc: 5 })])],
  ['a checksum that is wrong, deflated', makeZip([entry('a', 'text', { crc: 5, isDeflated: true })])],
  ['a file that is larger than it declares', makeZip([entry('a', 'text'.repeat(9), { isDeflated: true, size: 4 })])],
  ['a file that is smaller than it declares', makeZip([entry('a', 'text', { isDeflated: true, size: 40 })])],
  ['an unknown compression method', makeZip([entry('a', 'text', { method: 99 })])],
  ['what does not inflate', makeZip([entry('a', Uint8Array.of(0xff, 0xff, 0xff), { method: 8 })])],
]

/** Zips that have a hash, and are not module zips. */
const FLAWED: [what: string, entries: MadeEntry[]][] = [
  ['another prefix', [{ name: 'example.com/m@v1.0.1/a', data: 'x' }]],
  ['a way out', [entry('../a', 'x')]],
  ['two names that are one on some systems', [entry('a', 'x'), entry('A', 'x')]],
  ['a nested go.mod', [entry('n/go.mod', 'module n')]],
  ['a name of Windows', [entry('aux.go', 'x')]],
]

test.each(UNREADABLE)('refuses %s', async (_, bytes) => {
  const path = save(bytes)
  expect(await hashed(path)).toMatchObject({ code: 'MODULE_ZIP_INVALID' })
  if (modrules !== undefined) expect(await goSays('zip', 'example.com/m', 'v1.0.0', path)).not.toHaveProperty('hash')
})

test.each(FLAWED)('hashes %s, but names the flaw', async (_, entries) => {
  const path = save(makeZip(entries))
  const found = (await hashed(path)) as HashedZip
  expect(found.flaw).toBeTypeOf('string')
  if (modrules === undefined) return
  const theirs = await goSays('zip', 'example.com/m', 'v1.0.0', path)
  expect(theirs).toEqual({ hash: found.hash, error: expect.any(String) as string })
})

test.skipIf(modrules === undefined)('Go hashes folder entries and the empty name as we do', async () => {
  const path = save(makeZip([entry('', ''), entry('a/', ''), entry('a/b', 'x'), entry('ä', 'y')]))
  const { hash, flaw } = await hashZip(path, PREFIX)
  expect(await goSays('zip', 'example.com/m', 'v1.0.0', path)).toEqual({ hash })
  expect(flaw).toBeUndefined()
})

test('a zip bomb is refused by its declared size, before it is unpacked', async () => {
  const zeros = entry('zeros', Buffer.alloc(300 * 1024 * 1024), { isDeflated: true })
  const path = save(makeZip([zeros, { ...zeros, name: `${PREFIX}more` }]))
  expect(await hashed(path)).toMatchObject({
    code: 'MODULE_ZIP_INVALID',
    detail: expect.stringContaining('larger') as string,
  })
})

test('a folder entry without its local header is refused, as by the go command', async () => {
  const zip = makeZip([entry('go.mod', 'module example.com/m\n'), entry('a/', '')])
  expect(await hashed(save(zip))).toMatchObject({ flaw: undefined })
  // The last entry begins with its signature.
  zip[Buffer.from(zip).lastIndexOf('PK\x03\x04')] = 0
  expect(await hashed(save(zip))).toMatchObject({ code: 'MODULE_ZIP_INVALID' })
})

test('a file list at a wrong place, or with a wrong length, is refused', async () => {
  const zip = Buffer.from(makeZip([entry('go.mod', 'module example.com/m\n'), entry('a.go', 'package a\n')]))
  const end = zip.length - 22
  const changed = (at: number, value: number): Buffer => Buffer.from(zip).fill(value, end + at, end + at + 1)
  const spoiled = [changed(12, zip[end + 12]! + 1), changed(10, 1), changed(8, 1).fill(1, end + 10, end + 11)]
  for (const one of spoiled) expect(await hashed(save(one))).toMatchObject({ code: 'MODULE_ZIP_INVALID' })
})

test('a name that is not UTF-8 is refused', async () => {
  const name = Buffer.concat([Buffer.from(PREFIX), Buffer.of(0xff)])
  expect(await hashed(save(makeZip([{ name, data: 'x' }])))).toMatchObject({ code: 'MODULE_ZIP_INVALID' })
})

test('a missing file is unreadable, not an invalid zip', async () => {
  expect(await hashed('/nonexistent.zip')).toMatchObject({ code: 'FILE_UNREADABLE' })
})
