import { chmod, mkdir, readdir, readFile, stat, symlink, truncate, writeFile, appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { LineCache, MAX_CACHE_BYTES, wholeFile } from '../../src/audit/line-cache.js'
import { temporaryHome } from '../helpers/home.js'

const LINES = ['a v1.0.0 h1:x', 'a v1.0.0/go.mod h1:y', 'b v1.0.0 h1:z']

describe('the cache of lines', () => {
  let path: string
  let cache: LineCache
  const fresh = (log = 'log', trust = 'trust') => new LineCache(path, log, trust)
  /** In the order of the lines. */
  const known = async (lines: readonly string[], of = fresh()) => {
    const found = await of.known([...lines].reverse())
    return lines.filter((line) => found.has(line))
  }

  beforeEach(() => {
    path = join(temporaryHome(), 'cache', 'gossum', 'lines')
    cache = fresh()
  })

  test('contains exactly the added lines, also for other instances', async () => {
    expect(await known(LINES)).toEqual([])
    expect(await cache.add(LINES.slice(0, 2))).toBe(true)
    expect(await known(LINES)).toEqual(LINES.slice(0, 2))
    expect(await cache.add(LINES.slice(2))).toBe(true)
    expect(await known(LINES)).toEqual(LINES)
    expect(await cache.add([])).toBe(true)
    expect((await stat(path)).size).toBe(3 * 32)
  })

  test('finds few lines as well as many', async () => {
    const lines = Array.from({ length: 100 }, (_, i) => `m${i} v1.0.0 h1:x`)
    await cache.add(lines)
    for (const count of [1, 4, 5, 50]) {
      const wanted = [...lines.slice(0, count), ...LINES.slice(0, 1)]
      expect(await known(wanted)).toEqual(lines.slice(0, count))
    }
    // Not in the middle of a key.
    const bytes = await readFile(path)
    await writeFile(path, Buffer.concat([Buffer.alloc(16), bytes]))
    expect(await known(lines)).toEqual([])
    expect(await known(lines.slice(0, 1))).toEqual([])
  })

  test('identifies a whole file by its bytes and its patterns', async () => {
    const bytes = Buffer.from(LINES.join('\n'))
    await cache.add([wholeFile(bytes, 'p')])
    expect(await known([wholeFile(bytes, 'p')])).toHaveLength(1)
    expect(await known([wholeFile(bytes, ''), wholeFile(bytes.subarray(1), 'p'), ...LINES])).toEqual([])
  })

  test('is accessible only to its owner', async () => {
    await cache.add(LINES)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(join(path, '..'))).mode & 0o777).toBe(0o700)
  })

  test('does not contain a line with one changed character', async () => {
    await cache.add(LINES)
    const [line] = LINES as [string]
    for (let i = 0; i < line.length; i++) {
      const changed = `${line.slice(0, i)}${line[i] === 'q' ? 'r' : 'q'}${line.slice(i + 1)}`
      expect(await known([changed])).toEqual([])
    }
    expect(await known([`${line} `, ` ${line}`, line.slice(1)])).toEqual([])
  })

  test('is separate for each log and policy', async () => {
    await cache.add(LINES)
    expect(await known(LINES, fresh('log2'))).toEqual([])
    expect(await known(LINES, fresh('log', 'trust2'))).toEqual([])
    // No two pairs become equal when they are joined.
    await fresh('a', 'b"],"c').add(LINES)
    expect(await known(LINES, fresh('a"],"b', 'c'))).toEqual([])
    expect(await known(LINES)).toEqual(LINES)
  })

  test.each([1, 16, 31])('ignores a torn tail of %i bytes, but not what is added later', async (left) => {
    await cache.add(LINES)
    await truncate(path, 64 + left)
    expect(await known(LINES)).toEqual(LINES.slice(0, 2))
    await cache.add(LINES.slice(2))
    expect(await known(LINES)).toEqual(LINES)
    expect((await stat(path)).size % 32).toBe(0)
  })

  test('loses only damaged entries, and gains none', async () => {
    await cache.add(LINES)
    const bytes = await readFile(path)
    bytes[40]! ^= 1
    await writeFile(path, bytes)
    expect(await known(LINES)).toEqual([LINES[0], LINES[2]])
  })

  test.each([0o620, 0o602, 0o666])(
    'ignores and replaces a file of mode %o, since others could have written it',
    async (mode) => {
      await cache.add(LINES)
      await chmod(path, mode)
      expect(await known(LINES)).toEqual([])
      expect(await cache.add(LINES.slice(0, 1))).toBe(true)
      expect(await known(LINES)).toEqual(LINES.slice(0, 1))
      expect((await stat(path)).mode & 0o777).toBe(0o600)
    },
  )

  test('is not read or written through a link', async () => {
    await cache.add(LINES)
    const link = join(path, '..', 'link')
    await symlink(path, link)
    const through = new LineCache(link, 'log', 'trust')
    expect(await known(LINES, through)).toEqual([])
    expect(await through.add(['c v1.0.0 h1:x'])).toBe(false)
    expect((await stat(path)).size).toBe(96)
  })

  test('starts anew before it becomes too large', async () => {
    await cache.add(LINES)
    await truncate(path, MAX_CACHE_BYTES - 32)
    expect(await known(LINES)).toEqual(LINES)
    await cache.add(LINES.slice(0, 1))
    expect((await stat(path)).size).toBe(MAX_CACHE_BYTES)
    await cache.add(LINES.slice(1, 2))
    expect((await stat(path)).size).toBe(32)
    expect(await known(LINES)).toEqual(LINES.slice(1, 2))
    expect(await readdir(join(path, '..'))).toEqual(['lines'])
  })

  test('ignores a file above the maximum size', async () => {
    await cache.add(LINES)
    await truncate(path, MAX_CACHE_BYTES + 32)
    expect(await known(LINES)).toEqual([])
  })

  test('returns false without an error if it cannot be written', async () => {
    await mkdir(join(path, '..', '..'), { recursive: true })
    await writeFile(join(path, '..'), 'a file where the directory should be')
    expect(await cache.add(LINES)).toBe(false)
    expect(await known(LINES)).toEqual([])
  })

  test('accepts concurrent additions', async () => {
    await cache.add(LINES.slice(0, 1))
    const lines = Array.from({ length: 40 }, (_, i) => `m${i} v1.0.0 h1:x`)
    await Promise.all(lines.map((line) => fresh().add([line])))
    expect((await known(lines)).sort()).toEqual([...lines].sort())
    await appendFile(path, 'torn')
    await Promise.all(lines.map((line) => fresh('other').add([line])))
    // Of the writers that found the torn tail some may lose entries; none is invented, and later ones are found.
    await fresh('other').add(['last v1.0.0 h1:x'])
    expect(await known(['last v1.0.0 h1:x', 'never v1.0.0 h1:x'], fresh('other'))).toEqual(['last v1.0.0 h1:x'])
  })
})
