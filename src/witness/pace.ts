/**
 * How often one log is cosigned at the word of others. Every node sees the log at its own moment and tells the
 * others: the first head of a burst is taken up at once, then one in each pause, the largest that waits. So all nodes
 * soon sign the same head, and a log that moves fast costs no more than one that moves every two seconds.
 */

/** Milliseconds that the largest head has before the others that wait. */
const HEAD_START_MS = 250
/** Different sizes that wait for their turn: honest nodes bring one or two. */
const MAX_SIZES = 8

/** Milliseconds between two heads of a burst. */
export const PAUSE_MS = 2_000

interface Waiting {
  readonly size: number
  readonly go: () => void
}

interface Line {
  /** When the pause after the last cosignature ends, in milliseconds since 1970. */
  openAt: number
  readonly waiting: Set<Waiting>
  timer?: NodeJS.Timeout
}

export class Pace {
  readonly #lines = new Map<string, Line>()
  readonly #now: () => number
  readonly #pauseMs: number

  constructor(now: () => number, pauseMs = PAUSE_MS) {
    this.#now = now
    this.#pauseMs = pauseMs
  }

  /**
   * Resolves when it is the turn of a head of this size, when it is too late for it, or when the signal is aborted. False
   * at once when too many others wait.
   */
  turn(log: string, size: number, signal: AbortSignal): Promise<boolean> {
    const line = this.#line(log)
    const left = Math.min(line.openAt - this.#now(), this.#pauseMs)
    if ((left <= 0 && line.waiting.size === 0) || signal.aborted) return Promise.resolve(true)
    const sizes = new Set([...line.waiting].map((waiting) => waiting.size))
    if (!sizes.has(size) && sizes.size >= MAX_SIZES) return Promise.resolve(false)
    return new Promise((resolve) => {
      const waiting: Waiting = {
        size,
        go: () => {
          signal.removeEventListener('abort', waiting.go)
          line.waiting.delete(waiting)
          if (line.waiting.size === 0) this.#rest(line)
          resolve(true)
        },
      }
      line.waiting.add(waiting)
      signal.addEventListener('abort', waiting.go, { once: true })
      line.timer ??= setTimeout(() => this.#next(line), Math.max(left, 0))
    })
  }

  /** A head of this size was cosigned: what is not larger need not wait, what is larger waits for the next turn. */
  signed(log: string, size: number): void {
    const line = this.#line(log)
    const now = this.#now()
    // On the same beat at every node: else each would skip to another head, and no quorum would meet on one.
    line.openAt = this.#pauseMs === 0 ? now : (Math.floor(now / this.#pauseMs) + 1) * this.#pauseMs
    for (const waiting of [...line.waiting]) if (waiting.size <= size) waiting.go()
  }

  /**
   * Lets the largest go, and with it those of its size: they are one head, or a fork that must come to light. The others
   * go a moment later, unless they are too late by then: a log that signs what nobody can prove must not hold up what
   * can be.
   */
  #next(line: Line): void {
    delete line.timer
    const largest = Math.max(...[...line.waiting].map(({ size }) => size))
    for (const waiting of [...line.waiting]) if (waiting.size === largest) waiting.go()
    if (line.waiting.size > 0) line.timer = setTimeout(() => this.#others(line), HEAD_START_MS)
  }

  #others(line: Line): void {
    delete line.timer
    for (const waiting of [...line.waiting]) waiting.go()
  }

  #rest(line: Line): void {
    clearTimeout(line.timer)
    delete line.timer
  }

  #line(log: string): Line {
    let line = this.#lines.get(log)
    if (line === undefined) this.#lines.set(log, (line = { openAt: 0, waiting: new Set<Waiting>() }))
    return line
  }
}
