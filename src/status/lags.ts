/**
 * How long something has been behind the newest proven head of its log: a quorum, our own cosignature, what polls show.
 * It is recorded when heads, quorums and polls arrive, not when people look, so that the first look sees what has
 * lasted. Pure but for the clock that it is given.
 */

interface Behind {
  /** The size at which it stays; undefined when there is none. */
  readonly size: number | undefined
  readonly since: number
}

export class Lags {
  readonly #monotonic: () => number
  readonly #behind = new Map<string, Behind>()

  /** `monotonic` returns milliseconds since an arbitrary moment. */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  /**
   * Records that this name is at `size` while the newest head is at `newest`. Returns for how many seconds it has been
   * behind without moving; undefined when it is not behind. The caller limits the number of names.
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

/** The same for what always moves and is always behind: how long ago it should have reached what it has not. */
export class Trails {
  readonly #monotonic: () => number
  /** The first newest head that was not reached. */
  readonly #missed = new Map<string, { readonly size: number; readonly since: number }>()

  /** `monotonic` as above. */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  /** Like Lags.note(), but returns for how many seconds a head that was once the newest has not been reached. */
  note(name: string, size: number | undefined, newest: number): number | undefined {
    const at = this.#monotonic()
    let missed = this.#missed.get(name)
    if (size !== undefined && size >= newest) {
      this.#missed.delete(name)
      return undefined
    }
    if (missed === undefined || (size !== undefined && size >= missed.size))
      this.#missed.set(name, (missed = { size: newest, since: at }))
    return (at - missed.since) / 1000
  }
}
