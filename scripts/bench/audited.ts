/** Runs auditing programs from start to end, each in a process of its own, and returns their costs and output. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PROGRAM } from '../../test/helpers/cli.js'

/** Clock ticks per second: USER_HZ, 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100
const SAMPLE_MS = 20

export interface Took {
  readonly seconds: number
  /** User and system time of the process with all its threads. */
  readonly cpu: number
  /** Peak memory in MB (VmHWM). */
  readonly peak: number
  readonly stdout: string
  readonly stderr: string
}

/** The program to run, and the number of cores: with one, it is bound to that core. */
export interface Run {
  readonly file: string
  readonly args: readonly string[]
  readonly cores: number
}

/** Whether a process can be bound to a core on this machine. */
export const CAN_BIND = spawnSync('taskset', ['-V']).error === undefined

export function start({ file, args, cores }: Run): ChildProcess {
  const [command, ...rest] = cores === 1 && CAN_BIND ? ['taskset', '-c', '0', file, ...args] : [file, ...args]
  return spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Runs the program to its end. One at a time, since the CPU time of ended children is only known as a sum. */
export async function take(run: Run): Promise<Took> {
  const before = childrenCpu()
  const from = performance.now()
  const child = start(run)
  let [stdout, stderr, peak] = ['', '', 0]
  child.stdout!.on('data', (data: Buffer) => (stdout += data.toString()))
  child.stderr!.on('data', (data: Buffer) => (stderr += data.toString()))
  const sample = setInterval(() => (peak = Math.max(peak, peakOf(child.pid!))), SAMPLE_MS)
  const [code] = (await once(child, 'close')) as [number | null]
  clearInterval(sample)
  const seconds = (performance.now() - from) / 1000
  if (code !== 0) throw new Error(`${run.file} ${run.args.join(' ')}: ${code}\n${stdout}${stderr}`)
  return { seconds, cpu: childrenCpu() - before, peak, stdout, stderr }
}

/** CPU time of all children that have ended, in seconds. */
function childrenCpu(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)!.split(' ')
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND
}

function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
  } catch {
    return 0 // It has just ended.
  }
}

/** Runs `work` with a temporary folder, and removes the folder afterwards. */
export async function inFolder<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'gossum-bench-'))
  try {
    return await work(dir)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** `gossum audit` of a log, which is given in the form of --log. */
export function gossumAudit(log: string, home: string, threads: number): Run {
  const args = [PROGRAM, 'audit', '--log', log, '--home', home, '--threads', String(threads), '--rate', '0', '--json']
  return { file: process.execPath, args, cores: threads }
}

/** Checks that the last line of `gossum audit --json` reports all records and no findings. */
export function requireClean({ stdout }: Took, records: number): void {
  const last = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Record<string, unknown>
  const { audited, complete, findings } = last
  const isClean = audited === records && complete === true && JSON.stringify(findings) === '{"error":0,"note":0}'
  if (!isClean) throw new Error(`not all was read, or something was found: ${stdout.slice(-500)}`)
}
