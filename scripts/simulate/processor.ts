/**
 * Who computes what, and when. Each node has a core to itself, which does little else; or all share so many, as processes on one
 * machine do: whoever has work waits for a core, first come, first served, and gives it up after a while to those who wait.
 */
import type { VirtualTime } from './virtual-time.js'

/**
 * What nodes compute: a message (a head or a cosignature, or evidence) is judged; a frame is sent, and received; the log is asked, and a
 * head of it proven and written down; a witness deposits what it is about to sign, and a peer keeps that; and what goes on each second
 * whatever happens. The log answers, on the same machine, who asks for its newest head or for a proof. What is asked for
 * again while it is under way is work for nobody, but waits its turn.
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
  /** Does a piece of work for somebody, who does one thing at a time; `done` is called when it is done. */
  work(by: object, work: Work, done: () => void): void
}

/** Milliseconds that a node computes on a message before it is decided, on a core of its own. */
const JUDGE_MS = 2

/** A core for each: what takes time is to judge a message, and nobody waits. */
export function coreForEach(time: VirtualTime): Processor {
  return {
    work: (_by, work, done) => {
      if (work === 'judge' || work === 'convict') time.after(JUDGE_MS, done)
      else done()
    },
  }
}

/** Milliseconds after which a core is given to the next: a tick of the kernel. */
const SLICE_MS = 4

interface Task {
  readonly ms: number
  readonly done: () => void
}

/** Somebody who has work. */
interface Worker {
  readonly by: object
  readonly tasks: Task[]
}

export class SharedCores implements Processor {
  readonly #time: VirtualTime
  readonly #costs: Readonly<Record<Work, number>>
  /** Those who have work, at a core or waiting for one. */
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

  /** Gives a core that is free to whoever has waited longest. */
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
      // It stays the first until it is done: what it brings about comes after it, and after what waits.
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
