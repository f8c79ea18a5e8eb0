/** Proven tiles on disk, bounded. */
import type { TwoGenerationCache } from './two-generation-cache.js'

/** Tiles per generation; a full tile is 8 KiB (11 KiB as stored). */
export const TILES_PER_GENERATION = 4096

/** The tiles of one log, by path. */
export interface LogTiles {
  get(path: string): Promise<Uint8Array | undefined>
  put(path: string, data: Uint8Array): Promise<void>
}

export class TileStore {
  readonly #kept: TwoGenerationCache

  constructor(kept: TwoGenerationCache) {
    this.#kept = kept
  }

  of(log: string): LogTiles {
    return {
      get: async (path) => {
        const data = await this.#kept.get(`${log}/${path}`)
        // Readers authenticate every tile: one that is not base64 is a wrong tile like any other.
        return data === undefined ? undefined : new Uint8Array(Buffer.from(data, 'base64'))
      },
      /** Stores the authenticated bytes of a tile. */
      put: (path, { buffer, byteOffset, length }) =>
        this.#kept.put(`${log}/${path}`, Buffer.from(buffer, byteOffset, length).toString('base64')),
    }
  }
}
