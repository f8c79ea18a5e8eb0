/**
 * A bounded table for what can be had again. It has two generations, and the older is dropped whole when the younger is
 * full. Entries that are used move to the younger one, so what is needed stays.
 */
import type { Table } from './disk.js'
import { Serial } from '../lib/serial.js'

export class TwoGenerationCache {
  readonly #serial = new Serial()
  readonly #most: number
  #young: Table
  #old: Table
  #count: number | undefined

  /** `most` is the number of entries per generation: up to twice as many are kept. */
  constructor(first: Table, second: Table, most: number) {
    this.#young = first
    this.#old = second
    this.#most = most
  }

  async get(key: string): Promise<string | undefined> {
    const young = await this.#young.get(key)
    if (young !== undefined) return young
    const old = await this.#old.get(key)
    if (old !== undefined) await this.put(key, old)
    return old
  }

  /** One at a time: two puts that find a generation full would both drop one. */
  put(key: string, value: string): Promise<void> {
    return this.#serial.run('', () => this.#put(key, value))
  }

  async #put(key: string, value: string): Promise<void> {
    this.#count ??= (await this.#young.keys()).length
    if (this.#count >= this.#most) {
      await this.#old.clear()
      ;[this.#young, this.#old] = [this.#old, this.#young]
      this.#count = 0
    }
    await this.#young.putLazily(key, value)
    this.#count++
  }
}
