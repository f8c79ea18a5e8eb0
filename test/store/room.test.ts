/** The checks before LevelDB opens a database. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { requireDiskSpace, requireReadable } from '../../src/store/room.js'
import { temporaryHome } from '../helpers/home.js'

test('a path without a database is readable and has room, and nothing is left there', async () => {
  const db = join(temporaryHome(), 'db')
  await requireReadable(db)
  await requireDiskSpace(db)
  expect(existsSync(`${db}.room`)).toBe(false)
})

test.each(['000003.log', '000004.ldb', '000005.sst'])('an unreadable %s is the obstacle', async (name) => {
  const db = join(temporaryHome(), 'db')
  mkdirSync(join(db, name), { recursive: true })
  await expect(requireReadable(db)).rejects.toMatchObject({ code: 'EISDIR' })
})

test('files without records are not examined', async () => {
  const db = join(temporaryHome(), 'db')
  for (const name of ['LOG', 'log.old', '000003.logs']) mkdirSync(join(db, name), { recursive: true })
  await requireReadable(db)
})

test('a database that is no directory is the obstacle', async () => {
  const db = join(temporaryHome(), 'db')
  writeFileSync(db, '')
  await expect(requireReadable(db)).rejects.toMatchObject({ code: 'ENOTDIR' })
  await expect(requireDiskSpace(db)).rejects.toMatchObject({ code: 'ENOTDIR' })
})

test('a directory that cannot be written is the obstacle, and what was tried is removed', async () => {
  const home = temporaryHome()
  const db = join(home, 'db')
  mkdirSync(db)
  mkdirSync(`${db}.room`)
  await expect(requireDiskSpace(db)).rejects.toThrow()
  const other = join(home, 'other')
  mkdirSync(other)
  writeFileSync(join(other, '000003.log'), new Uint8Array(1000))
  await requireDiskSpace(other)
  expect(readdirSync(home).sort()).toEqual(['db', 'db.room', 'other'])
})

test('the error is that of the write, where there is nothing to remove either', async () => {
  const error = { code: 'ENOENT', syscall: 'open' }
  await expect(requireDiskSpace(join(temporaryHome(), 'missing', 'db'))).rejects.toMatchObject(error)
})

describe('room', () => {
  /** A database whose logs have 1500 bytes; what is written to try the space goes to `place`. */
  function databaseTrying(place: (home: string) => string): { db: string; home: string } {
    const home = temporaryHome()
    const db = join(home, 'db')
    mkdirSync(db)
    const sizes = { '000003.log': 1000, '000004.log': 500, '000005.ldb': 7000, '000006.logs': 7000, LOG: 7000 }
    for (const [name, size] of Object.entries(sizes)) writeFileSync(join(db, name), new Uint8Array(size))
    symlinkSync(place(home), `${db}.room`)
    return { db, home }
  }

  test('is tried with as much as LevelDB will write: its logs, and 64 KiB', async () => {
    const { db, home } = databaseTrying((home) => join(home, 'tried'))
    await requireDiskSpace(db)
    expect(statSync(join(home, 'tried')).size).toBe(64 * 1024 + 1500)
    expect(readdirSync(home).sort()).toEqual(['db', 'tried'])
  })

  test.runIf(process.platform === 'linux').each([
    ['takes no more', '/dev/full', 'ENOSPC'],
    ['takes everything and cannot bring it to a disk', '/dev/null', 'EINVAL'],
  ])('is missing where a file %s', async (_what, device, code) => {
    const { db, home } = databaseTrying(() => device)
    await expect(requireDiskSpace(db)).rejects.toMatchObject({ code })
    expect(readdirSync(home)).toEqual(['db'])
  })
})

test.runIf(process.platform === 'linux')('what was examined is closed again, readable or not', async () => {
  const db = realpathSync(temporaryHome())
  const open = (): string[] =>
    readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`)
      } catch {
        // It was open for the listing alone.
        return []
      }
    })
  writeFileSync(join(db, '000003.log'), 'records')
  await requireReadable(db)
  mkdirSync(join(db, '000004.ldb'))
  await expect(requireReadable(db)).rejects.toMatchObject({ code: 'EISDIR' })
  expect(open().filter((path) => path.startsWith(db))).toEqual([])
})
