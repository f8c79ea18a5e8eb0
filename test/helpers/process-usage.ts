/** The resource usage of a process, from /proc and from the kernel's socket tables (Linux). */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'

/** Clock ticks per second: USER_HZ, 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100

export interface Usage {
  /** Resident memory in MB. */
  readonly rss: number
  /** CPU time used so far, in seconds. */
  readonly cpu: number
}

/** The current usage of a process. Throws if it does not exist. */
export function usageOf(pid: number): Usage {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const rss = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
  return { rss, cpu: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND }
}

/** Payload bytes of one TCP connection so far, as counted at one end. */
export interface SocketBytes {
  readonly pid: number
  readonly sent: number
  readonly received: number
}

/**
 * The TCP connections of all processes that use one of these local ports at either end, by their addresses. Counted by
 * the kernel, hence exact: what noise and yamux add is included, TCP and IP headers are not.
 */
export async function socketBytes(ports: ReadonlySet<number>): Promise<Map<string, SocketBytes>> {
  const { stdout } = await promisify(execFile)('ss', ['-tinpOH', 'state', 'established'], { maxBuffer: 64 * 2 ** 20 })
  const sockets = new Map<string, SocketBytes>()
  for (const line of stdout.split('\n')) {
    const [, , local, remote] = line.trim().split(/\s+/)
    const pid = Number(/pid=(\d+)/.exec(line)?.[1])
    if (local === undefined || remote === undefined || Number.isNaN(pid)) continue
    if (!ports.has(portOf(local)) && !ports.has(portOf(remote))) continue
    const count = (name: string): number => Number(new RegExp(`\\b${name}:(\\d+)`).exec(line)?.[1] ?? 0)
    sockets.set(`${local} ${remote}`, { pid, sent: count('bytes_acked'), received: count('bytes_received') })
  }
  return sockets
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1))
}

/** Bytes sent by each process between two readings, without connections that ended in between. */
export function sentBetween(
  before: ReadonlyMap<string, SocketBytes>,
  after: ReadonlyMap<string, SocketBytes>,
): Map<number, number> {
  const sent = new Map<number, number>()
  for (const [name, { pid, sent: now }] of after) {
    sent.set(pid, (sent.get(pid) ?? 0) + now - (before.get(name)?.sent ?? 0))
  }
  return sent
}
