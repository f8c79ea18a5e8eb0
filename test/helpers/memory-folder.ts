/**
 * Where the tests keep their temporary files: in memory on Linux, if there is room, since half of what some of them cost
 * is a disk's time for files that exist for a second. The calls that a node makes are the same, and the tests that
 * kill it lose what they would lose on a disk, since no test stops the machine. $TMPDIR, if it is set, has precedence:
 * `TMPDIR=/tmp npx vitest run` for the disk.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'

const MEMORY = '/dev/shm'
const PREFIX = 'gossum-tests-'
/** Bytes; the tests use at most a tenth of it at a time, besides images of containers. */
const ENOUGH = 8 * 1024 ** 3

/** Sets $TMPDIR for this test run. */
export default function setup(): (() => void) | undefined {
  if (process.env['TMPDIR'] !== undefined || !hasRoom()) return undefined
  for (const name of readdirSync(MEMORY)) {
    // What a test run has left that was killed.
    if (name.startsWith(PREFIX) && !existsSync(`/proc/${name.slice(PREFIX.length)}`)) remove(join(MEMORY, name))
  }
  const folder = join(MEMORY, `${PREFIX}${process.pid}`)
  mkdirSync(folder)
  // As /tmp: some tests run a program as another user.
  chmodSync(folder, 0o1777)
  process.env['TMPDIR'] = folder
  return () => remove(folder)
}

function hasRoom(): boolean {
  if (process.platform !== 'linux' || !existsSync(MEMORY)) return false
  const { bavail, bsize } = statfsSync(MEMORY)
  return bavail * bsize >= ENOUGH
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}
