/** Runs the built program as a child process, as its users do. */
import { fork, spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { built, program } from './built.js'

export const PROGRAM = program()

export interface CliOptions {
  /** The content of stdin; empty if absent. */
  readonly input?: string | Uint8Array
  /** Variables in addition to an environment without any setting of ours. */
  readonly env?: Readonly<Record<string, string>>
  /** The value of $GOSSUM_HOME; if absent, a path that does not exist, so that no test finds the user's own home. */
  readonly home?: string
  /** The working directory. */
  readonly cwd?: string
}

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function environment({ env = {}, home = '/nonexistent' }: CliOptions): Readonly<Record<string, string>> {
  // Tests must not find each other's nodes on the network.
  const clean = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', GOSSUM_HOME: home, GOSSUM_MDNS: 'false' }
  return { ...clean, ...env }
}

function spawnGossum(args: readonly string[], options: CliOptions) {
  return spawn(process.execPath, [PROGRAM, ...args], { env: environment(options), cwd: options.cwd })
}

/** Words of commands that run until they are stopped, and so need a process of their own. */
const LASTING = new Set(['run', 'demo', 'serve'])
/** The process that runs this file's short commands, once it exists; and whether a command is running. */
let host: ChildProcess | undefined
let isBusy = false
/** Milliseconds after which a command is taken for one that lasts. */
const HOST_MS = 120_000

/**
 * Runs `gossum` with these arguments to its end. To save time it may run in a process that ran others before, if that
 * makes no difference, which program.test.ts verifies. Tests of start, signals and streams use `gossumProcess`.
 */
export async function gossum(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const isHelp = args[0] === 'help' || args.includes('--help')
  const lasts = !isHelp && args.some((word) => LASTING.has(word))
  // Node itself reads its variables when a process starts.
  const isOwn = lasts || Object.keys(options.env ?? {}).some((name) => name.startsWith('NODE_'))
  return isOwn || isBusy ? gossumProcess(args, options) : inHost(args, options)
}

/**
 * Runs `gossum` with arguments that it has to refuse: then a command that would last ends, too, like the short ones. It
 * must not get as far as a process that others have to see.
 */
export async function gossumRefused(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return isBusy ? gossumProcess(args, options) : inHost(args, options)
}

async function inHost(args: readonly string[], options: CliOptions): Promise<CliResult> {
  isBusy = true
  try {
    const child = (host ??= startHost())
    const input = Buffer.from(options.input ?? '').toString('base64')
    child.send({ args, env: environment(options), cwd: options.cwd, input })
    const ended = new AbortController()
    const said = once(child, 'message', { signal: ended.signal }) as Promise<[CliResult]>
    const broken = once(child, 'exit', { signal: ended.signal }).then(([code, signal]): never => {
      host = undefined
      const how = signal === null ? `ended its process with ${String(code)}` : `did not end within ${HOST_MS} ms`
      throw new Error(`gossum ${args.join(' ')} ${how}: run it by gossumProcess`)
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), HOST_MS)
    const [result] = await Promise.race([said, broken]).finally(() => {
      clearTimeout(timer)
      ended.abort()
    })
    return result
  } finally {
    isBusy = false
  }
}

function startHost(): ChildProcess {
  const script = fileURLToPath(new URL('program-host.js', import.meta.url))
  // It runs the unpacked build, since the packed program cannot be started twice in a process.
  return fork(script, [built('cli/main.js')], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] })
}

/** Runs `gossum` with these arguments to its end, in a process of its own. */
export async function gossumProcess(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = spawnGossum(args, options)
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
  // A program may leave its stdin unread.
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout: stdout(), stderr: stderr() }
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString('utf8')
}

/** A program that runs until it is stopped. */
export interface Running {
  readonly child: ChildProcessWithoutNullStreams
  /** The first line of its stdout. */
  readonly firstLine: string
  /** Its stderr so far. */
  stderr(): string
  /** Sends a signal and resolves to the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts `gossum` and waits for its first line; rejects if it ends before. */
export async function startGossum(args: readonly string[], options: CliOptions = {}): Promise<Running> {
  const child = spawnGossum(args, options)
  const stderr = collect(child.stderr)
  const ended = once(child, 'close') as Promise<[number | null]>
  child.stdin.end(options.input ?? '')
  const lines = createInterface(child.stdout)
  const firstLine = await Promise.race([
    once(lines, 'line').then(([line]) => line as string),
    ended.then(([code]) => Promise.reject(new Error(`ended with ${String(code)}: ${stderr()}`))),
  ])
  return {
    child,
    firstLine,
    stderr,
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      return (await ended)[0]
    },
  }
}

/** The one error line that --json writes to stderr. */
export function jsonError({ stderr }: CliResult): { code: string; message: string; hint: string } {
  const line = stderr.trim().split('\n').at(-1)!
  return (JSON.parse(line) as { error: { code: string; message: string; hint: string } }).error
}
