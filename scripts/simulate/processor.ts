/**
 * Schedules work on cores. Either each node has a core to itself, or all share a number of cores, as processes on one
 * machine do: work waits for a core, first come, first served, and yields it to waiting work after a time slice.
 */
import type { VirtualTime } from './virtual-time.js'

/**
 * The work of nodes: judging a message (a head, a cosignature or evidence); sending and receiving a frame; querying the
 * log, and proving and writing a head from it; depositing what a witness is about to sign, and keeping that as a peer;
 * and constant work in each second. On the same machine, the log answers requests for its newest head or for a proof. A
 * request that repeats one in progress costs no work, but waits its turn.
 */
export type Work =
  | 'judge'
  | 'convict'
  | 'send'
  | 'receive'
  | 'poll'
  | 'advance'
  | 'deposit'
  | 'keep'
  | 'beat'
  | 'answer'
  | 'serve'
  | 'again'

export interface Processor {
  /** Does a piece of work for a worker, which does one thing at a time; calls `done` when it is finished. */
  work(by: object, work: Work, done: () => void): void
}

/** Milliseconds to judge a message, on a core of its own. */
const JUDGE_MS = 2

/** A core for each node: only judging a message takes time, and nothing waits. */
export function coreForEach(time: VirtualTime): Processor {
  return {
    work: (_by, work, done) => {
      if (work === 'judge' || work === 'convict') time.after(JUDGE_MS, done)
      else done()
    },
  }
}

/** Milliseconds after which a core is given to the next worker: a tick of the kernel. */
const SLICE_MS = 4

interface Task {
  readonly ms: number
  readonly done: () => void
}

/** A node, or the log, that has work. */
interface Worker {
  readonly by: object
  readonly tasks: Task[]
}

export class SharedCores implements Processor {
  readonly #time: VirtualTime
  readonly #costs: Readonly<Record<Work, number>>
  /** The workers that have work, at a core or waiting for one. */
  readonly #workers = new Map<object, Worker>()
  readonly #waiting: Worker[] = []
  #free: number

  constructor(time: VirtualTime, cores: number, costs: Readonly<Record<Work, number>>) {
    this.#time = time
    this.#free = cores
    this.#costs = costs
  }

  work(by: object, work: Work, done: () => void): void {
    const task: Task = { ms: this.#costs[work], done }
    const busy = this.#workers.get(by)
    if (busy !== undefined) {
      busy.tasks.push(task)
      return
    }
    const worker: Worker = { by, tasks: [task] }
    this.#workers.set(by, worker)
    this.#waiting.push(worker)
    this.#next()
  }

  /** Gives a free core to the worker that has waited longest. */
  #next(): void {
    if (this.#free === 0) return
    const worker = this.#waiting.shift()
    if (worker === undefined) return
    this.#free--
    this.#run(worker, 0)
  }

  #run(worker: Worker, used: number): void {
    const { by, tasks } = worker
    const { ms, done } = tasks[0]!
    this.#time.after(ms, () => {
      // It stays first in the queue until `done` returns: work that this adds comes after it, and after what waits.
      done()
      tasks.shift()
      if (tasks.length > 0 && used + ms < SLICE_MS) return this.#run(worker, used + ms)
      if (tasks.length > 0) this.#waiting.push(worker)
      else this.#workers.delete(by)
      this.#free++
      this.#next()
    })
  }
}
