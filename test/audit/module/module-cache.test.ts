/** The module cache as filled by the real go command, and as changed by others. */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { cachedModules, viewsOfCache, type CacheViews } from '../../../src/audit/module/module-cache.js'
import { hashesOfRecord, type HolderView } from '../../../src/audit/module/module-views.js'
import { attempted } from '../../../src/errors/attempt.js'
import { downloadedCache, h1, newestGo, publish, required } from '../../helpers/go.js'
import { scratchFolder } from '../../helpers/home.js'
import { goSays, modrules } from '../../module/modrules.js'

const { dir } = scratchFolder()
const proxy = join(dir, 'proxy')
const records = [
  await publish(proxy, 'example.com/Mod', 'v1.0.0', 'const A = 1'),
  await publish(proxy, 'example.com/Mod', 'v1.1.0-RC.1', 'const A = 2'),
  await publish(proxy, 'example.com/Mod/sub', 'v0.1.0', 'const B = 1'),
]
const MOD = { path: 'example.com/Mod', version: 'v1.0.0' }
const own = hashesOfRecord(records[0]!.text.trim().split('\n'))

/** The cache of a user who has downloaded all of them. */
const original = await downloadedCache(newestGo(), { root: dir, proxy }, records)

test.runIf(required)('go is here, as REQUIRE_PEERS asks', () => {
  expect(original).toBeDefined()
})

let copies = 0
/** A copy of the cache, to be changed. */
function copy(): string {
  const to = join(dir, `copy${++copies}`)
  cpSync(original!, to, { recursive: true })
  onTestFinished(() => rmSync(to, { recursive: true, force: true }))
  return to
}
const look = (root: string): Promise<CacheViews> => viewsOfCache(root, MOD)
const download = (root: string, name: string): string => join(root, 'cache/download/example.com/!mod/@v', name)
const extracted = (root: string): string => join(root, 'example.com/!mod@v1.0.0')
const zipOf = (view: HolderView): string | null | undefined => (view.kind === 'has' ? view.hashes.zip : undefined)

describe.skipIf(original === undefined)('the cache of the go command', () => {
  test('lists its module versions', async () => {
    expect(await cachedModules(original!)).toEqual([
      { path: 'example.com/Mod/sub', version: 'v0.1.0' },
      { path: 'example.com/Mod', version: 'v1.0.0' },
      { path: 'example.com/Mod', version: 'v1.1.0-RC.1' },
    ])
  })

  test('has the hashes of the record in the zip, the hash file and the folder', async () => {
    for (const { path, version, text } of records) {
      const { zip, mod } = hashesOfRecord(text.trim().split('\n'))
      expect(await viewsOfCache(original!, { path, version })).toMatchObject({
        cache: { kind: 'has', hashes: { zip, mod } },
        ziphash: { kind: 'has', hashes: { zip, mod: null } },
        folder: { kind: 'has', hashes: { zip, mod: null } },
      })
    }
  })

  test('reveals a changed byte in an extracted file, and names the file', async () => {
    const root = copy()
    writeFileSync(join(extracted(root), 'lib.go'), 'package lib\n\nconst A = 7\n')
    const { cache, folder } = await look(root)
    expect(zipOf(cache)).toBe(own.zip)
    expect(zipOf(folder)).not.toBe(own.zip)
    expect(folder).toMatchObject({ files: [{ name: 'lib.go', what: 'changed' }] })
    if (modrules !== undefined)
      expect(await goSays('dir', extracted(root), 'example.com/Mod@v1.0.0')).toEqual({ hash: zipOf(folder) })
  })

  test('reveals added and missing files, and links', async () => {
    const root = copy()
    rmSync(join(extracted(root), 'lib.go'))
    mkdirSync(join(extracted(root), 'deep/er'), { recursive: true })
    writeFileSync(join(extracted(root), 'deep/er/x.go'), '')
    symlinkSync('/dev/zero', join(extracted(root), 'zero'))
    rmSync(join(extracted(root), 'go.mod'))
    symlinkSync(download(root, 'v1.0.0.mod'), join(extracted(root), 'go.mod'))
    expect((await look(root)).folder).toMatchObject({
      files: [
        { name: 'deep/er/x.go', what: 'extra' },
        { name: 'go.mod', what: 'changed' },
        { name: 'lib.go', what: 'missing' },
        { name: 'zero', what: 'extra' },
      ],
    })
  })

  test('reveals any changed byte of the zip that matters', async () => {
    const root = copy()
    const zip = readFileSync(download(root, 'v1.0.0.zip'))
    for (let at = 0; at < zip.length; at++) {
      const changed = Buffer.from(zip)
      changed[at]! ^= 1
      writeFileSync(download(root, 'v1.0.0.zip'), changed)
      const { cache } = await look(root)
      // Times, and unused header fields, do not matter for the files: Go sees the same zip, or an invalid one.
      if (cache.kind === 'has' && cache.hashes.zip === own.zip) {
        if (modrules === undefined) continue
        const theirs = await goSays('zip', MOD.path, MOD.version, download(root, 'v1.0.0.zip'))
        expect([own.zip, undefined], `byte ${at}`).toContain(theirs.hash)
      }
    }
  }, 120_000)

  test('has the hash next to the zip read unchanged', async () => {
    const root = copy()
    const other = h1({ x: 'y' })
    writeFileSync(download(root, 'v1.0.0.ziphash'), other)
    expect(zipOf((await look(root)).ziphash)).toBe(other)
    writeFileSync(download(root, 'v1.0.0.ziphash'), 'x'.repeat(300))
    expect((await look(root)).ziphash).toMatchObject({ kind: 'unknown' })
  })

  test('has another hash for a changed go.mod', async () => {
    const root = copy()
    writeFileSync(download(root, 'v1.0.0.mod'), 'module example.com/evil\n')
    expect((await look(root)).cache).toMatchObject({
      hashes: { zip: own.zip, mod: h1({ 'go.mod': 'module example.com/evil\n' }) },
    })
  })

  test('has missing files and partly extracted folders reported as absent', async () => {
    const root = copy()
    rmSync(download(root, 'v1.0.0.zip'))
    writeFileSync(download(root, 'v1.0.0.partial'), '')
    rmSync(join(extracted(root), 'lib.go'))
    expect(await look(root)).toMatchObject({
      cache: { kind: 'has', hashes: { zip: null, mod: own.mod } },
      folder: { kind: 'absent' },
    })
    rmSync(download(root, 'v1.0.0.mod'))
    expect((await look(root)).cache).toMatchObject({ kind: 'absent' })
  })

  test.skipIf(process.getuid?.() === 0)('has unreadable files reported as unknown', async () => {
    const root = copy()
    chmodSync(join(extracted(root), 'lib.go'), 0)
    expect((await look(root)).folder).toMatchObject({ kind: 'unknown' })
  })

  test('is read without hanging on a pipe, a device or a folder in place of a file', async () => {
    const root = copy()
    for (const name of ['v1.0.0.zip', 'v1.0.0.mod', 'v1.0.0.ziphash']) rmSync(download(root, name))
    execFileSync('mkfifo', [download(root, 'v1.0.0.zip')])
    symlinkSync('/dev/zero', download(root, 'v1.0.0.mod'))
    mkdirSync(download(root, 'v1.0.0.ziphash'))
    expect(await look(root)).toMatchObject({ cache: { kind: 'unknown' }, ziphash: { kind: 'unknown' } })
  })

  test('is listed by whatever is left of each module, and other entries are skipped', async () => {
    const root = copy()
    rmSync(join(root, 'cache/download/example.com/!mod'), { recursive: true })
    mkdirSync(join(root, 'cache/download/sumdb/sum.golang.org/@v'), { recursive: true })
    writeFileSync(join(root, 'cache/download/sumdb/sum.golang.org/@v/v1.0.0.mod'), '')
    mkdirSync(join(root, 'example.com/Odd@v1.0.0'))
    mkdirSync(join(root, 'example.com/odd@main'))
    rmSync(join(root, 'example.com/!mod/sub@v0.1.0'), { recursive: true })
    renameSync(join(root, 'example.com/!mod@v1.1.0-!r!c.1'), join(root, 'example.com/!mod@v1.2.0'))
    expect((await cachedModules(root)).map(({ path, version }) => `${path}@${version}`)).toEqual([
      'example.com/Mod@v1.0.0',
      'example.com/Mod@v1.2.0',
    ])
  })
})

test('go.mod copies that the go command makes in a toolchain are not counted as its files', async () => {
  const root = join(dir, 'toolchains')
  const toolchain = { path: 'golang.org/toolchain', version: 'v0.0.1-go1.24.1.linux-amd64' }
  const folder = join(root, `${toolchain.path}@${toolchain.version}`)
  mkdirSync(join(folder, 'src/cmd'), { recursive: true })
  const files = { 'src/_go.mod': 'module std\n', 'src/cmd/_go.mod': 'module cmd\n', VERSION: 'go1.24.1\n' }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const named = Object.fromEntries(
    Object.entries(files).map(([name, text]) => [`${toolchain.path}@${toolchain.version}/${name}`, text]),
  )
  writeFileSync(join(folder, 'src/go.mod'), files['src/_go.mod'])
  expect(zipOf((await viewsOfCache(root, toolchain)).folder)).toBe(h1(named))
  writeFileSync(join(folder, 'src/go.mod'), 'module evil\n')
  expect(zipOf((await viewsOfCache(root, toolchain)).folder)).not.toBe(h1(named))
})

test('a missing folder is an error', async () => {
  expect(await attempted(cachedModules(join(dir, 'nothing')))).toMatchObject({ code: 'FILE_UNREADABLE' })
})
