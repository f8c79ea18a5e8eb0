/** Runs the built program as a child process, as its users do. */
import { fork, spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { built, program } from './built.js'

export const PROGRAM = program()

export interface CliOptions {
  /** What stdin gives; nothing when absent. */
  readonly input?: string | Uint8Array
  /** Settings on top of an environment that has no setting of ours. */
  readonly env?: Readonly<Record<string, string>>
  /** Where $GOSSUM_HOME points: a place that does not exist when absent, so that no test finds the user's own. */
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

/** Words of commands that run until they are told to end, and so want a process of their own. */
const LASTING = new Set(['run', 'demo', 'serve'])
/** The process in which this file's short commands run, once there is one; and whether one is running. */
let host: ChildProcess | undefined
let isBusy = false

/**
 * Runs `gossum` with these arguments to its end: in a process that ran others before, where nobody can tell, which
 * program.test.ts sees to. Start, signals and streams are for `gossumProcess`.
 */
export async function gossum(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const env = environment(options)
  // Node itself reads its variables when a process begins.
  const isOwn = args.some((word) => LASTING.has(word)) || Object.keys(env).some((name) => name.startsWith('NODE_'))
  if (isOwn || isBusy) return gossumProcess(args, options)
  isBusy = true
  try {
    const child = (host ??= startHost())
    const input = Buffer.from(options.input ?? '').toString('base64')
    child.send({ args, env, cwd: options.cwd, input })
    const ended = new AbortController()
    const said = once(child, 'message', { signal: ended.signal }) as Promise<[CliResult]>
    const broken = once(child, 'exit', { signal: ended.signal }).then(([code]): never => {
      host = undefined
      throw new Error(`gossum ${args.join(' ')} ended its process with ${String(code)}: run it by gossumProcess`)
    })
    const [result] = await Promise.race([said, broken]).finally(() => ended.abort())
    return result
  } finally {
    isBusy = false
  }
}

function startHost(): ChildProcess {
  const script = fileURLToPath(new URL('program-host.js', import.meta.url))
  // It runs the build itself, unpacked: what is packed does not begin anew.
  return fork(script, [built('cli/main.js')], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] })
}

/** Runs `gossum` with these arguments to its end, in a process of its own. */
export async function gossumProcess(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = spawnGossum(args, options)
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
  // A program that does not read its stdin has every right to.
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

/** A program that runs until it is told to stop. */
export interface Running {
  readonly child: ChildProcessWithoutNullStreams
  /** The first line of its stdout. */
  readonly firstLine: string
  /** Its stderr until now. */
  stderr(): string
  /** Sends a signal and resolves to the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts `gossum` and waits for its first line; rejects when it ends before. */
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
