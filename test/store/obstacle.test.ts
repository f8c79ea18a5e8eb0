/** A home that cannot be opened names the obstacle; only actual damage is called that. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { describe, expect, onTestFinished, test } from 'vitest'
import { GossumError, HintedError } from '../../src/errors.js'
import { obstacleIn } from '../../src/store/obstacle.js'
import { Store } from '../../src/store/store.js'
import { smallDisk, temporaryHome } from '../helpers/home.js'

async function refusal(home: string): Promise<GossumError> {
  const error: unknown = await Store.open(home).then(
    (store) => store.close(),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof GossumError)) throw new Error(`it was opened, or threw ${String(error)}`)
  return error
}

async function usedHome(home = temporaryHome()): Promise<string> {
  const store = await Store.open(home)
  await store.heads.change('a'.repeat(64), store.heads.get('a'.repeat(64)), {
    tree: { size: 1, root: new Uint8Array(32) },
  })
  await store.close()
  return home
}

describe('a real home', () => {
  test('that is a file, or has a file in place of its database, is unusable', async () => {
    const file = join(temporaryHome(), 'file')
    writeFileSync(file, '')
    const home = temporaryHome()
    writeFileSync(join(home, 'db'), '')
    for (const each of [file, join(file, 'below'), home])
      expect(await refusal(each)).toMatchObject({
        code: 'HOME_UNUSABLE',
        detail: expect.stringMatching(/there is a file where a directory has to be/) as string,
      })
  })

  test('with a directory in place of its journal is unusable', async () => {
    const home = await usedHome()
    rmSync(join(home, 'journal'))
    mkdirSync(join(home, 'journal'))
    expect(await refusal(home)).toMatchObject({
      code: 'HOME_UNUSABLE',
      detail: expect.stringContaining('there is a directory where a file has to be') as string,
    })
  })

  test.for(['.', 'db', 'db/CURRENT', 'db/LOCK', 'journal'])(
    'that another user owns at %s is unusable',
    async (part, { skip }) => {
      if (!isMainThread) skip('only the main thread of a process may change its user: mutants are run in another')
      const home = await usedHome()
      chmodSync(home, 0o777)
      const isRoot = process.getuid?.() === 0
      if (isRoot) execFileSync('chown', ['-R', '65534', home])
      const path = join(home, part)
      if (isRoot) execFileSync('chown', ['0', path])
      chmodSync(path, 0)
      if (isRoot) process.seteuid!(65534)
      try {
        const error = await refusal(home)
        expect(error).toMatchObject({
          code: 'HOME_UNUSABLE',
          detail: expect.stringMatching(/belongs to user \d+ with mode 0/) as string,
        })
        expect(error.hint).toMatch(/user that owns/)
      } finally {
        if (isRoot) process.seteuid!(0)
        chmodSync(path, 0o700)
      }
    },
  )

  test('on a full or read-only disk is unusable', async ({ skip }) => {
    const disk = smallDisk(300)
    if (disk === undefined) {
      if (process.env['REQUIRE_PEERS'] === '1') throw new Error('no small file system can be mounted here')
      return skip('mounting a small file system needs root on Linux')
    }
    const home = await usedHome(join(disk.path, 'home'))
    disk.fill()
    const full = await refusal(home)
    expect(full).toMatchObject({ code: 'HOME_UNUSABLE', detail: expect.stringContaining('no space left') as string })
    expect(full.hint).toMatch(/free some space/)
    disk.free()
    execFileSync('mount', ['-o', 'remount,ro', disk.path])
    expect(await refusal(home)).toMatchObject({
      code: 'HOME_UNUSABLE',
      detail: expect.stringContaining('read-only') as string,
    })
    execFileSync('mount', ['-o', 'remount,rw', disk.path])
    const store = await Store.open(home)
    expect(store.heads.get('a'.repeat(64)).tree?.size).toBe(1)
    await store.close()
  })

  test('that lost part of its database is damaged', async () => {
    const home = await usedHome()
    rmSync(join(home, 'db', 'CURRENT'))
    expect(await refusal(home)).toMatchObject({ code: 'STORE_DAMAGED' })
  })

  test('of a newer version is neither unusable nor damaged, and the error says what to do', async () => {
    const home = await usedHome()
    const error = new GossumError('STORE_SCHEMA', 'it has version 3, this is 2')
    expect(await obstacleIn(home, error)).toBe(error)
    expect(error.hint).toMatch(/use that version/)
  })
})

describe('an error of the system or LevelDB', () => {
  const levelError = (code: string, text: string): Error => Object.assign(new Error(text), { code })

  test.each([
    ['LEVEL_LOCKED', 'IO error: lock /h/db/LOCK: Resource temporarily unavailable', 'STORE_LOCKED', /./],
    ['LEVEL_LOCKED', 'IO error: lock /h/db/LOCK: already held by process', 'STORE_LOCKED', /./],
    ['LEVEL_LOCKED', 'IO error: lock /h/db/LOCK: No locks available', 'HOME_UNUSABLE', /\/h\/db\/LOCK: .*no locks/],
    [
      'LEVEL_IO_ERROR',
      'IO error: /h/db/000005.log: Too many open files',
      'HOME_UNUSABLE',
      /000005.log: too many files/,
    ],
    ['LEVEL_IO_ERROR', 'IO error: /h/db/MANIFEST-4: Input/output error', 'HOME_UNUSABLE', /disk cannot be read/],
    ['LEVEL_CORRUPTION', 'Corruption: CURRENT file: Permission denied', 'STORE_DAMAGED', /./],
    ['LEVEL_CORRUPTION', 'bad record in /h/db/MANIFEST-4: Input/output error', 'STORE_DAMAGED', /bad record/],
    ['', 'Corruption: /h/db/MANIFEST-4: Input/output error', 'STORE_DAMAGED', /^\/h: Corruption/],
    ['LEVEL_DATABASE_NOT_OPEN', 'Database is not open', 'STORE_DAMAGED', /^\/h: Database/],
    ['ERR_FS_FILE_TOO_LARGE', 'File size is greater than 2 GiB', 'STORE_DAMAGED', /^\/h: File size/],
    [
      'LEVEL_INVALID',
      'Invalid argument: /h/db: does not exist (create_if_missing is false)',
      'STORE_DAMAGED',
      /does not exist/,
    ],
    ['EMFILE', 'EMFILE: too many open files', 'HOME_UNUSABLE', /too many files/],
    ['ELOOP', 'ELOOP: too many symbolic links', 'HOME_UNUSABLE', /ELOOP/],
  ])('%s, %s: %s', async (code, text, expected, detail) => {
    const error = await obstacleIn('/h', levelError(code, text))
    expect(error).toMatchObject({ code: expected, detail: expect.stringMatching(detail) as string })
  })

  test('about lack of space in a write names that, and about any other failed write stays as it is', async () => {
    const full = await obstacleIn(
      '/h',
      new GossumError('STORE_WRITE_FAILED', 'IO error: /h/db/3.log: No space left on device'),
    )
    expect(full).toBeInstanceOf(HintedError)
    expect(full).toMatchObject({ code: 'HOME_UNUSABLE' })
    const other = new GossumError('STORE_WRITE_FAILED', 'odd')
    expect(await obstacleIn('/h', other)).toBe(other)
  })

  test('that is our own stays as it is, even if its path reads like an obstacle', async () => {
    const own = new GossumError('STATE_ELSEWHERE', '/srv/EIO/home')
    expect(await obstacleIn('/srv/EIO/home', own)).toBe(own)
  })
})

describe('a path that may not be accessed', () => {
  async function expectDenied(path: string, why: string): Promise<void> {
    const error = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES', path })
    expect(await obstacleIn('/h', error)).toMatchObject({ code: 'HOME_UNUSABLE', detail: `${path}: ${why}` })
  }

  test('is told with its owner and its mode, and one that cannot be seen with those of the nearest above it', async () => {
    const home = temporaryHome()
    chmodSync(home, 0o1750)
    const { uid } = statSync(home)
    const user = process.getuid!()
    const owner = `this is user ${user}, and ${home} belongs to user ${uid} with mode 1750`
    for (const path of [home, join(home, 'db'), join(home, 'db', 'CURRENT')]) await expectDenied(path, owner)
  })

  test('is told without an owner on a system that has none', async () => {
    const getuid = process.getuid!
    onTestFinished(() => void (process.getuid = getuid))
    delete process.getuid
    await expectDenied(temporaryHome(), 'access denied')
  })
})
