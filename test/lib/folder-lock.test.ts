/** One process for one folder: never two, and no lock that stays forever. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { lockFolder } from '../../src/lib/folder-lock.js'
import { temporaryHome } from '../helpers/home.js'

/** The id of a process that has ended. */
async function deadProcess(): Promise<number> {
  const child = fork('-e', [], { execPath: process.execPath, execArgv: ['-e', ''], stdio: 'ignore' })
  const { pid } = child
  await once(child, 'exit')
  return pid!
}

describe('the lock of a folder', () => {
  it('is held by one owner at a time', async () => {
    const dir = temporaryHome()
    const lock = await lockFolder(dir)
    expect(await lockFolder(dir)).toBeUndefined()
    await lock!.release()
    await (await lockFolder(dir))!.release()
    expect(readdirSync(dir)).toEqual([])
  })

  it('is held by one owner, however many request it at the same moment', async () => {
    for (let round = 0; round < 20; round++) {
      const dir = temporaryHome()
      const all = await Promise.all(Array.from({ length: 20 }, () => lockFolder(dir)))
      expect(all.filter((lock) => lock !== undefined)).toHaveLength(1)
      expect(readdirSync(dir)).toEqual(['lock'])
    }
  })

  it('names its owner from the first moment', async () => {
    const dir = temporaryHome()
    await lockFolder(dir)
    expect(readFileSync(join(dir, 'lock'), 'utf8')).toMatch(new RegExp(`^${process.pid} \\d*$`))
  })

  it.each<[string, () => Promise<string>]>([
    ['of a process that was killed', async () => `${await deadProcess()} 1`],
    ['of a process whose id now belongs to another', () => Promise.resolve(`${process.ppid} 1`)],
    ['of this process id in an earlier life', () => Promise.resolve(`${process.pid} 1`)],
    ['that is empty, as left by a full disk', () => Promise.resolve('')],
    ['that is malformed', () => Promise.resolve('-1 0')],
  ])('%s is replaced', async (_what, text) => {
    const dir = temporaryHome()
    writeFileSync(join(dir, 'lock'), await text())
    const lock = await lockFolder(dir)
    expect(await lockFolder(dir)).toBeUndefined()
    await lock!.release()
  })
})
