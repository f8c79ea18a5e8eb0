import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ALL_HOT_BYTES, HotFiles, MAX_HOT_BYTES } from '../../src/mirror/hot-files.js'
import { temporaryHome } from '../helpers/home.js'

const yes = (): Promise<boolean> => Promise.resolve(true)

/** Files in a folder, by their names. */
function folder(files: Readonly<Record<string, number>>): { file: (name: string) => string } {
  const dir = temporaryHome()
  for (const [name, size] of Object.entries(files)) writeFileSync(join(dir, name), new Uint8Array(size).fill(7))
  return { file: (name) => join(dir, name) }
}

test('a small file is read once, until it is deleted from the cache', async () => {
  const { file } = folder({ a: 10 })
  const hot = new HotFiles()
  expect(await hot.read('a', file('a'), 10, yes)).toHaveLength(10)
  writeFileSync(file('a'), 'other')
  expect(await hot.read('a', file('a'), 10, yes)).toHaveLength(10)
  hot.delete('a')
  expect(hot.bytes).toBe(0)
  expect(await hot.read('a', file('a'), 10, yes)).toBeUndefined()
})

test.each([
  ['is large', MAX_HOT_BYTES + 1, MAX_HOT_BYTES + 1, yes],
  ['has a different size', 10, 11, yes],
  ['has changed since it was checked', 10, 10, () => Promise.resolve(false)],
  ['was deleted since it was checked', 10, 10, () => Promise.reject(new Error('gone'))],
])('a file that %s is not cached', async (_, real, said, isSame) => {
  const { file } = folder({ a: real })
  const hot = new HotFiles()
  expect(await hot.read('a', file('a'), said, isSame)).toBeUndefined()
  expect(hot.bytes).toBe(0)
})

test('the total size is limited, and the least recently used file is dropped', async () => {
  const names = Array.from({ length: ALL_HOT_BYTES / MAX_HOT_BYTES + 1 }, (_, i) => `f${i}`)
  const { file } = folder(Object.fromEntries(names.map((name) => [name, MAX_HOT_BYTES])))
  const hot = new HotFiles()
  const read = (name: string) => hot.read(name, file(name), MAX_HOT_BYTES, yes)
  const first = await read('f0')
  for (const name of names.slice(1, -1)) await read(name)
  expect(hot.bytes).toBe(ALL_HOT_BYTES)
  expect(await read('f0')).toBe(first)
  await read(names.at(-1)!)
  expect(hot.bytes).toBe(ALL_HOT_BYTES)
  expect(await read('f0')).toBe(first)
  // Read again: it had been dropped.
  writeFileSync(file('f1'), '')
  expect(await read('f1')).toBeUndefined()
})
