/**
 * How long something has stayed behind the newest proven head of its log: a quorum, or our own cosignature. It is noted
 * when heads, quorums and polls come, not when people look, so that the first look sees what has lasted. Pure but for the
 * clock that it is given.
 */

interface Behind {
  /** The size that it stays at; undefined when there is none. */
  readonly size: number | undefined
  readonly since: number
}

export class Lags {
  readonly #monotonic: () => number
  readonly #behind = new Map<string, Behind>()

  /** `monotonic` says milliseconds since any moment, by a clock that nobody sets. */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  /**
   * Notes that what has this name is at `size`, where the newest head is at `newest`. Returns for how many seconds it has not moved
   * and been behind; undefined when it is not behind. Whoever notes bounds the names.
   */
  note(name: string, size: number | undefined, newest: number | undefined): number | undefined {
    if (newest === undefined || (size !== undefined && size >= newest)) {
      this.#behind.delete(name)
      return undefined
    }
    const at = this.#monotonic()
    let behind = this.#behind.get(name)
    if (behind === undefined || behind.size !== size) this.#behind.set(name, (behind = { size, since: at }))
    return (at - behind.since) / 1000
  }
}
