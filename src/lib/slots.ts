/** Counts how much of something is taken per key and in total, with or without limits. Pure. */

export interface SlotLimits {
  readonly perKey?: number
  readonly total?: number
}

export class Slots<K = string> {
  readonly #limits: Required<SlotLimits>
  readonly #taken = new Map<K, number>()
  #total = 0

  constructor({ perKey = Infinity, total = Infinity }: SlotLimits = {}) {
    this.#limits = { perKey, total }
  }

  /** How much a key has taken. */
  of(key: K): number {
    return this.#taken.get(key) ?? 0
  }

  get total(): number {
    return this.#total
  }

  /** Takes one for a key, or `count`. Returns a function that gives them back; undefined when there is no room. */
  take(key: K, count = 1): (() => void) | undefined {
    const { perKey, total } = this.#limits
    return this.of(key) + count > perKey || this.#total + count > total ? undefined : this.hold(key, count)
  }

  /** The same, even if there is no room: for callers that have checked. */
  hold(key: K, count = 1): () => void {
    this.#count(key, count)
    let isHeld = true
    return () => {
      if (isHeld) this.#count(key, -count)
      isHeld = false
    }
  }

  #count(key: K, change: number): void {
    this.#total += change
    const left = this.of(key) + change
    if (left === 0) this.#taken.delete(key)
    else this.#taken.set(key, left)
  }
}
