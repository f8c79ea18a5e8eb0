/**
 * How long ago something was that has a time of day. Clocks are set: one that was ahead for a moment must not make what
 * happened then look new for days. So a thing is at least as old as the time that we have known it, by a clock that
 * nobody sets. Pure but for the clocks that it is given.
 */

/** What is known of a name, and since when. */
interface Known {
  readonly timeMs: number
  readonly since: number
}

export class Ages {
  readonly #now: () => number
  readonly #monotonic: () => number
  readonly #known = new Map<string, Known>()

  /** `now` says milliseconds since 1970, `monotonic` milliseconds since any moment. */
  constructor(now: () => number, monotonic: () => number) {
    this.#now = now
    this.#monotonic = monotonic
  }

  /**
   * Seconds since the newest thing of this name, which says that it is of the time `timeMs` (milliseconds since 1970). Of
   * each name one thing is known: whoever asks bounds the names.
   */
  of(name: string, timeMs: number): number {
    const at = this.#monotonic()
    let known = this.#known.get(name)
    if (known?.timeMs !== timeMs) this.#known.set(name, (known = { timeMs, since: at }))
    return Math.max(0, this.#now() - timeMs, at - known.since) / 1000
  }
}
