/**
 * What one client may make this node ask of a log: what is known already costs the log nothing and is not counted. A
 * log may take 15 seconds for one lookup, so the requests of one client wait for each other before they can hold up
 * those of another.
 */
import { Budget } from '../budget.js'
import { GossumError } from '../errors.js'

/** Requests to a log that are under way at a time: of all clients, and of one. */
const SLOTS = { all: 64, each: 32 }
/** Requests that one client may cause: at once, and per second in the long run. A large build makes some thousands. */
const BURST = 20_000
const PER_SECOND = 200

/** Runs an act that asks the log, for one client. */
export type Admit = <T>(act: () => Promise<T>) => Promise<T>

interface Waiting {
  readonly client: string
  readonly go: () => void
}

export class Admission {
  readonly #now: () => number
  readonly #budget: Budget
  readonly #slots: typeof SLOTS
  readonly #underWay = new Map<string, number>()
  #total = 0
  /** In the order in which they came. There are no more of them than the server has connections. */
  readonly #line = new Set<Waiting>()

  constructor(now: () => number, { slots = SLOTS, budget = new Budget(BURST, PER_SECOND) } = {}) {
    this.#now = now
    this.#slots = slots
    this.#budget = budget
  }

  /**
   * Runs an act that asks a log, when there is room for it. Throws TOO_MANY_REQUESTS for a client beyond its budget,
   * and the signal's reason when it is aborted while it waits.
   */
  async run<T>(client: string, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    if (!this.#budget.take(client, this.#now())) throw new GossumError('TOO_MANY_REQUESTS', client)
    signal.throwIfAborted()
    if (this.#hasRoom(client)) this.#enter(client)
    else await this.#wait(client, signal)
    try {
      return await act()
    } finally {
      this.#leave(client)
    }
  }

  #hasRoom(client: string): boolean {
    return this.#total < this.#slots.all && (this.#underWay.get(client) ?? 0) < this.#slots.each
  }

  #enter(client: string): void {
    this.#total++
    this.#underWay.set(client, (this.#underWay.get(client) ?? 0) + 1)
  }

  #leave(client: string): void {
    this.#total--
    const left = this.#underWay.get(client)! - 1
    if (left === 0) this.#underWay.delete(client)
    else this.#underWay.set(client, left)
    for (const waiting of this.#line) {
      if (!this.#hasRoom(waiting.client)) continue
      this.#line.delete(waiting)
      this.#enter(waiting.client)
      waiting.go()
      return
    }
  }

  #wait(client: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#line.delete(waiting)
        reject(signal.reason as Error)
      }
      const waiting: Waiting = {
        client,
        go: () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#line.add(waiting)
    })
  }
}
