/**
 * Proven tiles on disk, bounded: two generations, of which the older is dropped whole when the younger is full.
 * A tile that is used moves to the younger one, so what is needed stays.
 */
import { fromBase64, toBase64 } from '../tlog/bytes.js'
import type { Table } from './disk.js'
import { Serial } from './serial.js'

/** Tiles in one generation; a full tile is 8 KiB (11 KiB as stored). */
const GENERATION = 4096

/** The tiles of one log, by path. */
export interface LogTiles {
  get(path: string): Promise<Uint8Array | undefined>
  put(path: string, data: Uint8Array): Promise<void>
}

export class TileStore {
  readonly #serial = new Serial()
  #young: Table
  #old: Table
  #count: number | undefined

  constructor(first: Table, second: Table) {
    this.#young = first
    this.#old = second
  }

  of(log: string): LogTiles {
    return {
      get: (path) => this.#get(`${log}/${path}`),
      put: (path, data) => this.#serial.run('', () => this.#put(`${log}/${path}`, data)),
    }
  }

  async #get(path: string): Promise<Uint8Array | undefined> {
    const young = await this.#young.get(path)
    if (young !== undefined) return fromBase64(young)
    const old = await this.#old.get(path)
    if (old === undefined) return undefined
    const data = fromBase64(old)
    if (data !== undefined) await this.#serial.run('', () => this.#put(path, data))
    return data
  }

  /** Keeps the authenticated bytes of a full tile. One at a time: two that find a generation full would both drop one. */
  async #put(path: string, data: Uint8Array): Promise<void> {
    this.#count ??= (await this.#young.keys()).length
    if (this.#count >= GENERATION) {
      await this.#old.clear()
      ;[this.#young, this.#old] = [this.#old, this.#young]
      this.#count = 0
    }
    await this.#young.putLazily(path, toBase64(data))
    this.#count++
  }
}
