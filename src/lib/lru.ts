/**
 * A map with a limited number of entries that evicts the least recently used one. Written here because it takes twenty
 * lines, and packages for it bring sizes, ages and disposal that are not needed. Pure.
 */
export class Lru<V> {
  readonly #most: number
  /** The least recently used one comes first. */
  readonly #entries = new Map<string, V>()

  constructor(most: number) {
    this.#most = most
  }

  /** Counts as a use. */
  get(key: string): V | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) this.put(key, value)
    return value
  }

  /** Whether it is there; does not count as a use. */
  has(key: string): boolean {
    return this.#entries.has(key)
  }

  put(key: string, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size > this.#most) this.#entries.delete(this.#entries.keys().next().value!)
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  get size(): number {
    return this.#entries.size
  }

  /** The least recently used one first; does not count as a use. */
  values(): IterableIterator<V> {
    return this.#entries.values()
  }
}
