/**
 * Locks a folder for one process. The lock names the process, so that one that was killed does not hold it for ever.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface FolderLock {
  release(): Promise<void>
}

/** Takes the lock of the folder; undefined while another process, or another part of this one, holds it. */
export async function lockFolder(dir: string): Promise<FolderLock | undefined> {
  const path = join(dir, 'lock')
  const own = `${path}.${randomBytes(6).toString('hex')}`
  // Linked, not written in place: a process must never see a lock without its owner, and take it for a dead one.
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

/** Gives the file this second name, unless it is taken. */
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
  // Process ids are reused: it is the same process only if it began at the same time.
  return start === startOf(Number(pid))
}

/** When a process began, in ticks since the machine started; empty where the system does not say. */
function startOf(pid: number): string {
  try {
    // The program name is in parentheses, and may itself contain blanks and parentheses.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}
