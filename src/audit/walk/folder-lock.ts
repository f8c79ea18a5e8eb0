/** One process for one folder. The lock names the process, so that one that was killed does not lock it for ever. */
import { readFileSync } from 'node:fs'
import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GossumError } from '../../errors.js'

export interface FolderLock {
  release(): Promise<void>
}

/** Takes the lock of the folder. Throws AUDIT_LOCKED while another process, or somebody in this one, has it. */
export async function lockFolder(dir: string): Promise<FolderLock> {
  const path = join(dir, 'lock')
  for (let tries = 2; tries > 0; tries--) {
    try {
      const file = await open(path, 'wx', 0o600)
      await file.writeFile(`${process.pid} ${startOf(process.pid)}`)
      await file.close()
      return { release: () => rm(path, { force: true }) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      if (await isHeld(path)) break
      await rm(path, { force: true })
    }
  }
  throw new GossumError('AUDIT_LOCKED', dir)
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
