/**
 * A map of at most so many entries: the least recently used one goes. By hand: it is twenty lines, and the packages that do it
 * bring sizes, ages and disposal that nobody here wants. Pure.
 */
export class Lru<V> {
  readonly #most: number
  /** The least recently used one comes first. */
  readonly #entries = new Map<string, V>()

  constructor(most: number) {
    this.#most = most
  }

  /** Also a use. */
  get(key: string): V | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) this.put(key, value)
    return value
  }

  /** Whether it is there; no use. */
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

  /** The least recently used one first; no use. */
  values(): IterableIterator<V> {
    return this.#entries.values()
  }
}
