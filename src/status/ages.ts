/**
 * The age of things that carry a time of day. Clocks get set: one that was ahead for a moment must not make what
 * happened then look new for days. So a thing is at least as old as the monotonic time for which we have known it. Pure
 * but for the clocks that it is given.
 */

/** What is known under a name, and since when. */
interface Known {
  readonly timeMs: number
  readonly since: number
}

export class Ages {
  readonly #now: () => number
  readonly #monotonic: () => number
  readonly #known = new Map<string, Known>()

  /** `now` returns milliseconds since 1970, `monotonic` milliseconds since an arbitrary moment. */
  constructor(now: () => number, monotonic: () => number) {
    this.#now = now
    this.#monotonic = monotonic
  }

  /**
   * Seconds since the newest thing of this name, whose own time is `timeMs` (milliseconds since 1970). One thing is
   * known per name; the caller limits the number of names.
   */
  of(name: string, timeMs: number): number {
    const at = this.#monotonic()
    let known = this.#known.get(name)
    if (known?.timeMs !== timeMs) this.#known.set(name, (known = { timeMs, since: at }))
    return Math.max(0, this.#now() - timeMs, at - known.since) / 1000
  }
}
