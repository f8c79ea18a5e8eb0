/** Kept files: complete, bounded, pinned, and never served if they do not match their names. */
import { readdirSync, readFileSync, renameSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { answerName, encodeKeptAnswer, fileNameFor, keptName } from '../../src/mirror/kept-checks.js'
import { KeptFiles } from '../../src/mirror/kept-files.js'
import { verifyMirror } from '../../src/mirror/mirror.js'
import { goModHash } from '../../src/module/dirhash.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { temporaryHome } from '../helpers/home.js'
import { madeModule } from './mirroring.js'

const BLOCK = 4096

async function openKept(maxBytes = 1024 * 1024, dir = join(temporaryHome(), 'mirror')) {
  const kept = await KeptFiles.open(dir, maxBytes)
  onTestFinished(() => kept.close())
  return { kept, dir }
}

/** Keeps a go.mod with `module <text>`; returns its name. */
async function keepMod(kept: KeptFiles, text: string, size = 0): Promise<string> {
  const { name, data } = modOf(text, size)
  const scratch = kept.scratch()
  writeFileSync(scratch, data)
  const held = await kept.put(name, scratch)
  held.release()
  return name
}

function modOf(text: string, size = 0): { name: string; data: Uint8Array } {
  const data = utf8(`module ${text}\n`.padEnd(size, '\n'))
  return { name: keptName(goModHash(data), 'mod')!, data }
}

/** Keeps a zip whose hash is known; returns its name. */
async function keepZip(kept: KeptFiles): Promise<string> {
  const { zip, hashes } = madeModule()
  const scratch = kept.scratch()
  writeFileSync(scratch, zip)
  const name = keptName(hashes.zip, 'zip')!
  const held = await kept.put(name, scratch)
  held.release()
  return name
}

async function isThere(kept: KeptFiles, name: string): Promise<boolean> {
  const held = await kept.take(name)
  held?.release()
  return held !== undefined
}

/** The path of the file kept under a name. */
function pathOf(dir: string, name: string): string {
  const [digits, ending] = name.split('.') as [string, string]
  const folder = join(dir, 'files', name.slice(0, 2))
  return join(
    folder,
    readdirSync(folder).find((it) => it.startsWith(digits) && it.endsWith(ending))!,
  )
}

/** Flips one bit of a file. */
function flipBit(file: string, at: number): void {
  const bytes = readFileSync(file)
  bytes[at]! ^= 0x10
  writeFileSync(file, bytes)
}

function writtenTo(file: string, data: Uint8Array): string {
  writeFileSync(file, data)
  return file
}

async function findingsOf(dir: string) {
  const found = []
  for await (const finding of verifyMirror(dir)) found.push(finding)
  return found
}

describe('room', () => {
  it('is made by removing the least recently used files, but not pinned ones', async () => {
    const { kept } = await openKept(3 * BLOCK)
    const [a, b, c] = [await keepMod(kept, 'a'), await keepMod(kept, 'b'), await keepMod(kept, 'c')]
    expect(await isThere(kept, a)).toBe(true)
    const d = await keepMod(kept, 'd')
    expect([a, b, c, d].map((name) => kept.has(name))).toEqual([true, false, true, true])
    kept.pin(new Set([c]))
    const e = await keepMod(kept, 'e')
    const f = await keepMod(kept, 'f')
    expect([a, c, d, e, f].map((name) => kept.has(name))).toEqual([false, true, false, true, true])
    expect(kept).toMatchObject({ files: 3, bytes: 3 * BLOCK })
  })

  it('is not made by removing a file that is being sent', async () => {
    const { kept, dir } = await openKept(2 * BLOCK)
    const a = await keepMod(kept, 'a')
    const sent = await kept.take(a)
    const b = await keepMod(kept, 'b')
    const c = await keepMod(kept, 'c')
    expect([a, b, c].map((name) => kept.has(name))).toEqual([true, false, true])
    const other = await kept.take(c)
    await expect(keepMod(kept, 'd')).rejects.toMatchObject({ code: 'MIRROR_FULL' })
    expect(readFileSync(sent!.file, 'utf8')).toBe('module a\n')
    sent!.release()
    sent!.release()
    await keepMod(kept, 'd')
    expect(kept.has(a)).toBe(false)
    other!.release()
    expect(
      readdirSync(join(dir, 'files'), { recursive: true }).filter((name) => String(name).includes('.')),
    ).toHaveLength(2)
  })

  it('is not made for a file that does not fit anyway', async () => {
    const { kept } = await openKept(3 * BLOCK)
    const a = await keepMod(kept, 'a')
    const b = await keepMod(kept, 'b')
    kept.pin(new Set([b]))
    await expect(keepMod(kept, 'large', 3 * BLOCK)).rejects.toMatchObject({ code: 'MIRROR_FULL' })
    expect(kept.has(a)).toBe(true)
  })

  it('is made by the times on disk after a restart with a smaller limit', async () => {
    const { kept, dir } = await openKept()
    const names = [await keepMod(kept, 'a'), await keepMod(kept, 'b'), await keepMod(kept, 'c')]
    for (const [i, name] of names.entries()) utimesSync(pathOf(dir, name), 1e9, 1e9 - i)
    await kept.close()
    const { kept: again } = await openKept(2 * BLOCK, dir)
    await again.trim()
    expect(names.map((name) => again.has(name))).toEqual([true, true, false])
  })

  it('is counted once for a file kept twice, and adjusted for a replaced one', async () => {
    const { kept } = await openKept()
    await keepMod(kept, 'a')
    await keepMod(kept, 'a')
    expect(kept.bytes).toBe(BLOCK)
    for (const size of [10, 3 * BLOCK, 20]) {
      const scratch = kept.scratch()
      writeFileSync(scratch, encodeKeptAnswer('list x', new Uint8Array(size)))
      const held = await kept.put(answerName('list x'), scratch, true)
      held.release()
    }
    expect(kept).toMatchObject({ files: 2, bytes: 2 * BLOCK })
  })
})

describe('a flipped bit', () => {
  it.each(['zip', 'mod', 'answer'] as const)('in a %s is found, and the file is set aside', async (kind) => {
    const { kept, dir } = await openKept()
    const good = await keepMod(kept, 'good')
    let name: string
    if (kind === 'zip') name = await keepZip(kept)
    else if (kind === 'mod') name = await keepMod(kept, 'bad')
    else {
      const scratch = kept.scratch()
      writeFileSync(scratch, encodeKeptAnswer('list x', utf8('v1.0.0\n')))
      const held = await kept.put((name = answerName('list x')), scratch, true)
      held.release()
    }
    const file = pathOf(dir, name)
    const { size } = statSync(file)
    // The bytes in the middle of a zip are those of a file; headers have some without meaning.
    flipBit(file, kind === 'zip' ? readFileSync(file).indexOf('go.mod') + 10 : size - 2)
    expect(await isThere(kept, name)).toBe(false)
    expect(kept).toMatchObject({ files: 1, damaged: 1 })
    expect(readdirSync(join(dir, 'damaged'))).toEqual([basename(file)])
    expect(await isThere(kept, good)).toBe(true)
  })

  it('is found even if it happened between runs, with an unchanged time', async () => {
    const { kept, dir } = await openKept()
    const name = await keepMod(kept, 'a')
    const { atime, mtime } = statSync(pathOf(dir, name))
    expect(await isThere(kept, name)).toBe(true)
    flipBit(pathOf(dir, name), 3)
    utimesSync(pathOf(dir, name), atime, mtime)
    expect(await isThere(kept, name)).toBe(false)
  })

  it('is found anywhere in a zip, even outside the hashed parts', async () => {
    const { kept, dir } = await openKept()
    const name = await keepZip(kept)
    // The time of the first file, which no hash of a record covers.
    flipBit(pathOf(dir, name), 10)
    expect(await isThere(kept, name)).toBe(false)
  })

  it('is found by verify, which names the file, and keeps the intact ones', async () => {
    const { kept, dir } = await openKept()
    const kepts = [await keepMod(kept, 'a'), await keepMod(kept, 'b'), await keepZip(kept)]
    const files = kepts.map((name) => basename(pathOf(dir, name))).sort()
    const before = statSync(pathOf(dir, kepts[0]!)).mtimeMs
    await kept.close()
    expect(await findingsOf(dir)).toMatchObject(files.map((name) => ({ name, flaw: undefined })))
    expect(statSync(pathOf(dir, kepts[0]!)).mtimeMs).toBe(before)
    for (const bad of kepts.slice(1)) flipBit(pathOf(dir, bad), 5)
    const good = basename(pathOf(dir, kepts[0]!))
    const found = await findingsOf(dir)
    expect(found.map(({ name, flaw }) => [name, flaw === undefined])).toEqual(
      files.map((name) => [name, name === good]),
    )
    expect((await findingsOf(dir)).map(({ name }) => name)).toEqual([good])
  })

  it('cannot be hidden by a matching file name', async () => {
    const { kept, dir } = await openKept()
    const name = await keepZip(kept)
    const file = pathOf(dir, name)
    const other = madeModule({ path: 'example.com/evil', version: 'v1.0.0' }).zip
    const evil = join(dirname(file), await fileNameFor(name, writtenTo(kept.scratch(), other)))
    await kept.close()
    unlinkSync(file)
    writeFileSync(evil, other)
    const { kept: again } = await openKept(undefined, dir)
    expect(again.has(name)).toBe(true)
    expect(await isThere(again, name)).toBe(false)
  })

  it('is not searched for while another process uses the folder', async () => {
    const { dir } = await openKept()
    await expect(findingsOf(dir)).rejects.toMatchObject({ code: 'MIRROR_LOCKED' })
  })

  it('is not searched for without a mirror, and none is created', async () => {
    const dir = join(temporaryHome(), 'mirror')
    expect(await findingsOf(dir)).toEqual([])
    expect(readdirSync(dirname(dir))).toEqual([])
  })
})

describe('a name', () => {
  it('yields no other file: an intact file under another name is damaged', async () => {
    const { kept, dir } = await openKept()
    const [a, b] = [await keepMod(kept, 'a'), await keepMod(kept, 'b')]
    renameSync(pathOf(dir, a), pathOf(dir, b))
    expect(await isThere(kept, b)).toBe(false)
    expect(await isThere(kept, a)).toBe(false)
  })

  it('is recognised, and other files in the folder are left alone', async () => {
    const { kept, dir } = await openKept()
    await keepMod(kept, 'a')
    await kept.close()
    writeFileSync(join(dir, 'files', 'README'), 'mine')
    writeFileSync(
      join(
        dir,
        'files',
        readdirSync(join(dir, 'files')).find((name) => name.length === 2)!,
        'x.zip',
      ),
      'mine',
    )
    const { kept: again } = await openKept(undefined, dir)
    expect(again.files).toBe(1)
    expect(readFileSync(join(dir, 'files', 'README'), 'utf8')).toBe('mine')
  })

  it.each(['h1:', 'h1:AAAA', `h1:${'A'.repeat(44)}`, `h2:${'A'.repeat(43)}=`, `h1:${'A'.repeat(42)}B=`])(
    'is not derived from %s',
    (hash) => expect(keptName(hash, 'zip')).toBeUndefined(),
  )
})
