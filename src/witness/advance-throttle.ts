/**
 * How often one log is cosigned because of heads from others. Every node polls the log at its own moment and tells the
 * others. The first head of a burst is cosigned at once; after that, the largest one waiting, once per pause. So all
 * nodes soon sign the same head, and in the long run a fast log costs no more than one that grows every two seconds.
 */

import { setTimer, type SetTimer } from '../lib/set-timer.js'
import { toHex } from '../tlog/bytes.js'
import type { Tree } from '../tlog/merkle.js'

/** Head start of the largest head over the others that wait, in milliseconds. */
const HEAD_START_MS = 250
/** Different heads that may wait or be proven at a time: honest nodes bring one or two. */
const MAX_HEADS = 8

/** Milliseconds between two heads of a log that grows all the time. */
export const PAUSE_MS = 2_000

/**
 * Heads after the first that are let through without a pause. A log that stays quiet beyond its pause regains one per
 * further pause.
 */
export const BURST = 8

interface Waiting {
  readonly size: number
  readonly go: () => void
}

interface Line {
  /** When the pause after the last cosignature ends, in milliseconds since 1970. */
  openAt: number
  /** Heads that may still go without a pause: 0 to BURST. */
  free: number
  /** Messages in progress for each head, by size and root. */
  readonly heads: Map<string, number>
  readonly waiting: Set<Waiting>
  /** Cancels the timer that is set. */
  cancel?: () => void
}

export class AdvanceThrottle {
  readonly #lines = new Map<string, Line>()
  readonly #now: () => number
  readonly #pauseMs: number
  readonly #setTimer: SetTimer

  constructor(now: () => number, pauseMs = PAUSE_MS, setTimerOfClock: SetTimer = setTimer) {
    this.#now = now
    this.#pauseMs = pauseMs
    this.#setTimer = setTimerOfClock
  }

  /**
   * Admits a head. Resolves when it is its turn, when it is too late for it, or when the signal is aborted, to a
   * function that the caller calls once the head is decided. Resolves at once to undefined when too many others are in
   * progress: they wait for proofs that may never come, and must not hold up what can be decided at once.
   */
  async turn(log: string, { size, root }: Tree, signal: AbortSignal): Promise<(() => void) | undefined> {
    const line = this.#line(log)
    const head = `${size} ${toHex(root)}`
    if (!line.heads.has(head) && line.heads.size >= MAX_HEADS) return undefined
    line.heads.set(head, (line.heads.get(head) ?? 0) + 1)
    await this.#wait(line, size, signal)
    return () => {
      const left = line.heads.get(head)! - 1
      if (left === 0) line.heads.delete(head)
      else line.heads.set(head, left)
    }
  }

  #wait(line: Line, size: number, signal: AbortSignal): Promise<void> {
    const left = Math.min(line.openAt - this.#now(), this.#pauseMs)
    if ((left <= 0 && line.waiting.size === 0) || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const waiting: Waiting = {
        size,
        go: () => {
          signal.removeEventListener('abort', waiting.go)
          line.waiting.delete(waiting)
          if (line.waiting.size === 0) this.#rest(line)
          resolve()
        },
      }
      line.waiting.add(waiting)
      signal.addEventListener('abort', waiting.go, { once: true })
      line.cancel ??= this.#setTimer(() => this.#next(line), Math.max(left, 0))
    })
  }

  /**
   * A head of this size was cosigned: smaller or equal ones need not wait any longer, larger ones wait for the next
   * turn.
   */
  signed(log: string, size: number): void {
    const line = this.#line(log)
    const now = this.#now()
    const rested = this.#pauseMs === 0 ? BURST : Math.floor((now - line.openAt) / this.#pauseMs)
    line.free = Math.min(BURST, line.free + Math.max(rested, 0))
    if (line.free > 0) {
      line.free--
      line.openAt = now
    } else {
      // All nodes keep the same beat: otherwise each would sign different heads, and none would get a quorum.
      line.openAt = (Math.floor(now / this.#pauseMs) + 1) * this.#pauseMs
    }
    for (const waiting of [...line.waiting]) if (waiting.size <= size) waiting.go()
  }

  /**
   * Releases the largest head, and with it those of its size: they are the same head, or a fork that must come to
   * light. The others follow a moment later unless they are too late by then: heads that nobody can prove must not hold
   * up heads that can be proven.
   */
  #next(line: Line): void {
    delete line.cancel
    const largest = Math.max(...[...line.waiting].map(({ size }) => size))
    for (const waiting of [...line.waiting]) if (waiting.size === largest) waiting.go()
    if (line.waiting.size > 0) line.cancel = this.#setTimer(() => this.#others(line), HEAD_START_MS)
  }

  #others(line: Line): void {
    delete line.cancel
    for (const waiting of [...line.waiting]) waiting.go()
  }

  #rest(line: Line): void {
    line.cancel?.()
    delete line.cancel
  }

  #line(log: string): Line {
    let line = this.#lines.get(log)
    if (line === undefined)
      this.#lines.set(log, (line = { openAt: 0, free: BURST, heads: new Map(), waiting: new Set() }))
    return line
  }
}
