/** Runs the built program as a child process, as its users do. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { program } from './built.js'

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

function spawnGossum(args: readonly string[], { env = {}, home = '/nonexistent', cwd }: CliOptions) {
  // Tests must not find each other's nodes on the network.
  const clean = { PATH: process.env['PATH'], HOME: '/nonexistent', GOSSUM_HOME: home, GOSSUM_MDNS: 'false' }
  return spawn(process.execPath, [PROGRAM, ...args], { env: { ...clean, ...env }, cwd })
}

/** Runs `gossum` with these arguments to its end. */
export async function gossum(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
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
