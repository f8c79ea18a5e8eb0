/**
 * Why a home cannot be opened, in words that suggest the remedy. Only accessible files that cannot be read count as
 * damage: an operator who is told of damage may start over with a new key, and that is no answer to a wrong owner or a
 * full disk.
 */
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { GossumError, HintedError, errorText } from '../errors.js'

interface Obstacle {
  /** Matches the code or the text of an error from the system or LevelDB. */
  readonly says: RegExp
  readonly what: string | ((path: string) => Promise<string>)
  readonly hint: string
}

const OBSTACLES: readonly Obstacle[] = [
  {
    says: /EACCES|EPERM|Permission denied|Operation not permitted/,
    what: ownership,
    hint: 'run gossum as the user that owns the home, or give it back to this one: chown -R, and chmod u+rwX',
  },
  {
    says: /ENOSPC|EDQUOT|No space left on device|quota exceeded/i,
    what: 'there is no space left on its file system',
    hint: 'free some space, but remove nothing from the home: nothing in it is damaged',
  },
  {
    says: /EROFS|Read-only file system/,
    what: 'its file system is read-only',
    hint: 'mount it for writing; the system makes a failing disk read-only, and says so in its log',
  },
  {
    says: /EMFILE|ENFILE|Too many open files/,
    what: 'too many files are open',
    hint: 'raise the limit: ulimit -n, or LimitNOFILE= of the service',
  },
  {
    says: /ENOLCK|No locks available|lock .*: (Operation|Function) not/,
    what: 'its file system has no locks, or none left',
    hint: 'a home belongs on a local file system: without locks two processes could sign with one key',
  },
  {
    says: /ENOTDIR|EEXIST|Not a directory|File exists/,
    what: 'there is a file where a directory has to be',
    hint: 'choose another directory with --home',
  },
  {
    says: /EISDIR|Is a directory/,
    what: 'there is a directory where a file has to be',
    hint: 'put back what was there; see "A damaged database" in docs/operating.md',
  },
  {
    says: /EIO|Input\/output error/,
    what: 'its disk cannot be read or written',
    hint: 'check the system log for disk errors, and save a copy of the home',
  },
]

/** The error for a home that could not be opened: HOME_UNUSABLE with the obstacle, STORE_LOCKED or STORE_DAMAGED. */
export async function obstacleIn(home: string, error: unknown): Promise<Error> {
  const { code = '', path } = error as NodeJS.ErrnoException
  const text = errorText(error)
  const isCorrupt = code === 'LEVEL_CORRUPTION' || /Corruption: /.test(text)
  // Our own errors name the obstacle already, except those of a read or a write that met one.
  const isTold = error instanceof GossumError && !['STORE_WRITE_FAILED', 'STORE_DAMAGED'].includes(error.code)
  if (isTold) return error
  const obstacle = isCorrupt ? undefined : OBSTACLES.find(({ says }) => says.test(code) || says.test(text))
  if (obstacle !== undefined) {
    const at = path ?? /(\/[^:]+): /.exec(text)?.[1] ?? home
    const what = typeof obstacle.what === 'string' ? `${at}: ${obstacle.what}` : await obstacle.what(at)
    return new HintedError(new GossumError('HOME_UNUSABLE', what, error), obstacle.hint)
  }
  if (error instanceof GossumError) return error
  if (code === 'LEVEL_LOCKED') return new GossumError('STORE_LOCKED', home, error)
  const isOfSystem = /^E[A-Z0-9]+$/.test(code)
  return new GossumError(isOfSystem ? 'HOME_UNUSABLE' : 'STORE_DAMAGED', isOfSystem ? text : `${home}: ${text}`, error)
}

/** The owner of a path, or of the nearest accessible one above it. */
async function ownership(path: string): Promise<string> {
  const user = process.getuid?.()
  for (let at = path; ; at = dirname(at)) {
    const found = await stat(at).catch(() => undefined)
    if (found === undefined && dirname(at) !== at) continue
    if (found === undefined || user === undefined) return `${path}: access denied`
    const mode = (found.mode & 0o7777).toString(8)
    return `${path}: this is user ${user}, and ${at} belongs to user ${found.uid} with mode ${mode}`
  }
}
