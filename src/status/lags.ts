/**
 * How long something has been behind the newest proven head of its log: a quorum, our own cosignature, what polls show. It is noted
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

/** The same for what moves all the time and is behind all the time: how long ago it should have been where it is not yet. */
export class Trails {
  readonly #monotonic: () => number
  /** The first newest head that was not reached. */
  readonly #missed = new Map<string, { readonly size: number; readonly since: number }>()

  /** `monotonic` as above. */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  /** As Lags has it, but for what it returns: for how many seconds the newest head of back then is not reached. */
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
