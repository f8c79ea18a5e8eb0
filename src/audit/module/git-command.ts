/**
 * Runs the `git` command to read repositories of others. Nothing that a repository, or this machine, configures is
 * followed but what reading needs: no hooks, no filters, no helpers, no fetches of missing objects, no questions; what it
 * prints is bounded, and so is its time.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Writable } from 'node:stream'
import { once } from 'node:events'
import { errorText, GossumError } from '../../errors.js'
import { timed } from '../../lib/timed.js'

/** The most that is read of what git prints, where nothing else is said, in bytes. */
export const MAX_GIT_OUTPUT_BYTES = 16 * 1024 * 1024
/** How much of what it complains about is kept, in characters. */
const MAX_COMPLAINT = 4096
/** What the user's own environment may say: how to reach a server, and nothing of how to read what it gives. */
const KEPT = ['GIT_SSH', 'GIT_SSH_COMMAND', 'GIT_SSL_CAINFO', 'GIT_SSL_CAPATH'] as const
const NO_FILE = process.platform === 'win32' ? 'NUL' : '/dev/null'

export interface GitRun {
  /** The repository: a .git folder, a file of that name, or a bare repository. None for what makes one. */
  readonly repository?: string
  /** Protocols that it may use, such as `https`. None unless said. */
  readonly protocol?: string
  readonly maxBytes?: number
  /** Takes what git prints, in place of the answer. */
  readonly sink?: Writable
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** A git command that ended with a failure of its own. */
export class GitRefusal extends GossumError {
  override readonly name = 'GitRefusal'

  constructor(detail: string) {
    super('GIT_FAILED', detail)
  }
}

/** What git prints. Throws GitRefusal when it fails, GIT_FAILED when it cannot be run or says too much, the signal's reason. */
export async function git(args: readonly string[], run: GitRun): Promise<Buffer> {
  const { repository, maxBytes = MAX_GIT_OUTPUT_BYTES, sink, timeoutMs, signal } = run
  const where = repository === undefined ? [] : [`--git-dir=${repository}`]
  return timed(timeoutMs, [signal], async (ending) => {
    const child = spawn('git', ['--no-pager', ...SETTINGS, ...where, ...args], {
      env: environment(run.protocol),
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
      signal: ending,
      killSignal: 'SIGKILL',
    })
    let complaint = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(0, MAX_COMPLAINT)
    })
    const ended = new Promise<number>((resolve, reject) => {
      child.once('error', (error) => reject(new GossumError('GIT_FAILED', errorText(error), error)))
      child.once('close', (code, killed) => resolve(code ?? 128 + constants.signals[killed!]))
    })
    // Where reading fails first, nobody else hears of the end.
    ended.catch(() => undefined)
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > maxBytes) {
        child.kill('SIGKILL')
        throw new GossumError('GIT_FAILED', `git ${args[0] ?? ''} printed more than ${maxBytes} bytes`)
      }
      if (sink === undefined) chunks.push(chunk)
      else if (!sink.write(chunk)) await once(sink, 'drain', { signal: ending })
    }
    const code = await ended
    if (code !== 0) throw new GitRefusal(`git ${args[0] ?? ''}: ${lastLine(complaint) || `exit code ${code}`}`)
    return Buffer.concat(chunks)
  })
}

/** What outweighs the configuration of a repository. */
const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.attributesFile=/dev/null',
  // As the go command asks for archives: line ends as they are committed, on every system.
  'core.autocrlf=input',
  'core.eol=lf',
  'credential.helper=',
  'gc.auto=0',
  'maintenance.auto=false',
  'submodule.recurse=false',
  'fetch.recurseSubmodules=false',
].flatMap((setting) => ['-c', setting])

function environment(protocol: string | undefined): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'))
  const kept = KEPT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]] as const]))
  return {
    GIT_SSH_COMMAND: 'ssh -oControlMaster=no -oBatchMode=yes',
    ...Object.fromEntries([...own, ...kept]),
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: NO_FILE,
    GIT_ATTR_NOSYSTEM: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_NO_LAZY_FETCH: '1',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
    // No protocol has the name of none.
    GIT_ALLOW_PROTOCOL: protocol ?? 'none',
  }
}

/** What git says last is why it gave up. */
function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)!.trim()
}
