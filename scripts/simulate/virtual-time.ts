/**
 * A clock that moves from event to event: future events wait in a binary heap, and events of the same moment happen in
 * the order in which they were scheduled. Nothing here reads the clock of the machine.
 */
import type { SetTimer } from '../../src/lib/set-timer.js'
import { endOfTurn } from '../../src/lib/timed.js'

interface Event {
  readonly at: number
  readonly order: number
  act: (() => void) | undefined
}

/**
 * When a simulation begins, in milliseconds since 1970. Signatures and cosignatures contain times, which must be the
 * same in each run.
 */
const EPOCH = Date.UTC(2030, 0, 1)

export class VirtualTime {
  /** Milliseconds since the simulation began. */
  ms = 0
  /** Events that have happened. */
  happened = 0
  readonly #heap: Event[] = []
  #order = 0
  #isUnsettled = false

  /** The same in milliseconds since 1970. */
  readonly now = (): number => EPOCH + this.ms

  /** For production code, in which a promise usually follows a timer. */
  readonly setTimer: SetTimer = (act, ms) => {
    const event = this.#add(this.ms + ms, () => {
      this.awaits()
      act()
    })
    return () => (event.act = undefined)
  }

  after(ms: number, act: () => void): void {
    this.#add(this.ms + ms, act)
  }

  at(ms: number, act: () => void): void {
    this.#add(Math.max(ms, this.ms), act)
  }

  /**
   * Promises were created in this event: their consequences belong to this moment, and happen before the next event.
   */
  awaits(): void {
    this.#isUnsettled = true
  }

  async runUntil(ms: number): Promise<void> {
    for (;;) {
      const next = this.#heap[0]
      if (next === undefined || next.at > ms) break
      this.#removeFirst()
      this.ms = next.at
      this.happened++
      next.act?.()
      if (!this.#isUnsettled) continue
      this.#isUnsettled = false
      await endOfTurn()
    }
    this.ms = ms
  }

  #add(at: number, act: () => void): Event {
    const event: Event = { at, order: this.#order++, act }
    const heap = this.#heap
    let i = heap.length
    heap.push(event)
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (isBefore(heap[parent]!, event)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = event
    return event
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()!
    const { length } = heap
    if (length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= length) break
      if (child + 1 < length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (isBefore(last, heap[child]!)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
