/** One process for one folder. The lock names the process, so that one that was killed does not lock it for ever. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface FolderLock {
  release(): Promise<void>
}

/** Takes the lock of the folder; undefined while another process, or somebody in this one, has it. */
export async function lockFolder(dir: string): Promise<FolderLock | undefined> {
  const path = join(dir, 'lock')
  const own = `${path}.${randomBytes(6).toString('hex')}`
  // Linked, not written in place: nobody may see a lock that does not say yet whose it is, and take it for a dead one.
  await writeFile(own, `${process.pid} ${startOf(process.pid)}`, { mode: 0o600, flag: 'wx' })
  try {
    for (let tries = 2; tries > 0; tries--) {
      if (await isLinked(own, path)) return { release: () => rm(path, { force: true }) }
      if (await isHeld(path)) break
      await rm(path, { force: true })
    }
  } finally {
    await rm(own, { force: true })
  }
  return undefined
}

/** Gives the file this second name, unless that is taken. */
async function isLinked(file: string, name: string): Promise<boolean> {
  try {
    await link(file, name)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function isHeld(path: string): Promise<boolean> {
  const [pid = '', start = ''] = (await readFile(path, 'utf8').catch(() => '')).split(' ')
  if (!/^[0-9]{1,10}$/.test(pid)) return false
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  // A number is given to another process after a while: it is the same one if it began at the same time.
  return start === startOf(Number(pid))
}

/** When a process began, in ticks since the machine did; empty where that is not said. */
function startOf(pid: number): string {
  try {
    // The name of the program stands in parentheses, and may have blanks and parentheses itself.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}
