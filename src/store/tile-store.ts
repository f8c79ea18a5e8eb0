/** Proven tiles on disk, bounded. */
import { fromBase64, toBase64 } from '../tlog/bytes.js'
import type { Generations } from './generations.js'

/** Tiles in one generation; a full tile is 8 KiB (11 KiB as stored). */
export const TILES_PER_GENERATION = 4096

/** The tiles of one log, by path. */
export interface LogTiles {
  get(path: string): Promise<Uint8Array | undefined>
  put(path: string, data: Uint8Array): Promise<void>
}

export class TileStore {
  readonly #kept: Generations

  constructor(kept: Generations) {
    this.#kept = kept
  }

  of(log: string): LogTiles {
    return {
      get: async (path) => {
        const data = await this.#kept.get(`${log}/${path}`)
        return data === undefined ? undefined : fromBase64(data)
      },
      /** The authenticated bytes of a full tile. */
      put: (path, data) => this.#kept.put(`${log}/${path}`, toBase64(data)),
    }
  }
}
