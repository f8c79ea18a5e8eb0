/** What a field of real processes sends and computes while something happens (Linux). */
import { readdirSync, readFileSync } from 'node:fs'
import type { Fleet } from '../../test/helpers/fleet.js'
import { sentBetween, socketBytes } from '../../test/helpers/process-usage.js'

/**
 * Milliseconds of processor time: of a witness, of a node that nobody counts, and of this process, the log, per node.
 */
export interface Spent {
  readonly witness: number
  readonly monitor: number
  readonly log: number
}

export interface Usage {
  readonly seconds: number
  readonly bytes: number
  /** Messages received by gossip and judged. */
  readonly judged: number
  /** Milliseconds of processor time, by the index of the node. */
  readonly cpu: readonly number[]
  readonly log: number
}

export class RealField {
  readonly #fleet: Fleet
  readonly #witnesses: number

  /** The first nodes are the witnesses. */
  constructor(fleet: Fleet, witnesses: number) {
    this.#fleet = fleet
    this.#witnesses = witnesses
  }

  /** What all nodes sent and computed while `act` ran. */
  async measure(act: () => Promise<void>): Promise<Usage> {
    const { nodes } = this.#fleet
    const ports = new Set(nodes.map(({ ready }) => Number(/\/tcp\/(\d+)/.exec(ready.multiaddrs[0]!)![1])))
    let judged = 0
    const ends = nodes.map((node) =>
      node.listen((event) => (judged += event.event === 'outcome' && event.door === 'gossip' ? 1 : 0)),
    )
    const spent = (): number[] => nodes.map(({ pid }) => computedBy(pid))
    const before = { sockets: await socketBytes(ports), cpu: spent(), log: process.cpuUsage(), at: Date.now() }
    await act()
    const { user, system } = process.cpuUsage(before.log)
    const seconds = (Date.now() - before.at) / 1000
    const cpu = spent().map((now, i) => now - before.cpu[i]!)
    for (const end of ends) end()
    const sent = sentBetween(before.sockets, await socketBytes(ports))
    return { seconds, bytes: sum([...sent.values()]), judged, cpu, log: (user + system) / 1000 }
  }

  /** Usage beyond that of a quiet field over the same time. */
  minus(busy: Usage, quiet: Usage): Usage {
    const share = busy.seconds / quiet.seconds
    // The median of all nodes: occasionally one computes for a while, whatever happens.
    const idle = share * middle(quiet.cpu)
    return {
      ...busy,
      bytes: busy.bytes - share * quiet.bytes,
      cpu: busy.cpu.map((ms) => ms - idle),
      log: busy.log - share * quiet.log,
    }
  }

  /** A fraction of it, for the median node of each kind. */
  spentIn({ cpu, log }: Usage, share: number): Spent {
    const rounded = (ms: number): number => Math.round(100 * share * ms) / 100
    const [witness, monitor] = [cpu.slice(0, this.#witnesses), cpu.slice(this.#witnesses)]
    return {
      witness: rounded(middle(witness)),
      monitor: rounded(middle(monitor.length > 0 ? monitor : witness)),
      log: rounded(log / cpu.length),
    }
  }
}

function middle(values: readonly number[]): number {
  const ordered = [...values].sort((a, b) => a - b)
  const half = ordered.length >> 1
  return ordered.length % 2 === 1 ? ordered[half]! : (ordered[half - 1]! + ordered[half]!) / 2
}

/**
 * Milliseconds that a process has computed, all its threads together: finer than the hundredths of a second in its
 * stat.
 */
function computedBy(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  return (
    sum(threads.map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]))) /
    1e6
  )
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0)
}
