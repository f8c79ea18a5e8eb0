/**
 * Runs the `git` command to read untrusted repositories. Of the configuration of a repository and of this machine, only
 * what reading needs takes effect: no hooks, filters or helpers, no fetches of missing objects, no prompts. Output and
 * time are limited.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Writable } from 'node:stream'
import { once } from 'node:events'
import { errorText, GossumError } from '../../errors.js'
import { timed } from '../../lib/timed.js'

/** The default limit for git's output, in bytes. */
export const MAX_GIT_OUTPUT_BYTES = 16 * 1024 * 1024
/** How much of git's error output is kept, in characters. */
const MAX_COMPLAINT = 4096
/**
 * The variables of the user's environment that are passed on: they say how to reach a server, not how to read its data.
 */
const KEPT = ['GIT_SSH', 'GIT_SSH_COMMAND', 'GIT_SSL_CAINFO', 'GIT_SSL_CAPATH'] as const
const NO_FILE = process.platform === 'win32' ? 'NUL' : '/dev/null'

export interface GitRun {
  /** The repository: a .git folder, a file of that name, or a bare repository. Absent for commands that create one. */
  readonly repository?: string
  /** Protocols that it may use, such as `https`; none by default. */
  readonly protocol?: string
  readonly maxBytes?: number
  /** Receives git's output, instead of the caller. */
  readonly sink?: Writable
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** The failure of a git command that ran. */
export class GitRefusal extends GossumError {
  override readonly name = 'GitRefusal'

  constructor(detail: string) {
    super('GIT_FAILED', detail)
  }
}

/**
 * Returns git's output. Throws GitRefusal if the command fails, GIT_FAILED if it cannot be run or prints too much, and
 * the signal's reason.
 */
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
    // If reading fails first, the rejection of this promise has no other listener.
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

/** Overrides the configuration of a repository. */
const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.attributesFile=/dev/null',
  // As for the go command's archives: line endings as committed, on every system.
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
    // No protocol is named `none`.
    GIT_ALLOW_PROTOCOL: protocol ?? 'none',
  }
}

/** The last line of git's output is the reason of its failure. */
function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)!.trim()
}
