/** The checks before LevelDB opens a database. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
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
