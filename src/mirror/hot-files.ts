/**
 * The bytes of recently requested small files: a build requests hundreds of them, and each would be opened, read and
 * closed again. Limited by their total size.
 */
import { readFile } from 'node:fs/promises'

/** The largest file that is held, and the largest total, in bytes. */
export const MAX_HOT_BYTES = 256 * 1024
export const ALL_HOT_BYTES = 16 * 1024 * 1024

export class HotFiles {
  /** Least recently used first. */
  readonly #files = new Map<string, Uint8Array>()
  #bytes = 0

  /** Their total size. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * The bytes of a file of this size that was just checked; undefined if it is large, or must be opened to find out
   * what is wrong with it. `isSame` is called after reading, and says whether the file is still the one that was
   * checked.
   */
  async read(
    name: string,
    file: string,
    size: number,
    isSame: () => Promise<boolean>,
  ): Promise<Uint8Array | undefined> {
    if (size > MAX_HOT_BYTES) return undefined
    const hot = this.#files.get(name)
    if (hot !== undefined) {
      this.#files.delete(name)
      this.#files.set(name, hot)
      return hot
    }
    const bytes = await readFile(file).catch(() => undefined)
    if (bytes === undefined || bytes.length !== size || !(await isSame().catch(() => false))) return undefined
    this.#put(name, bytes)
    return bytes
  }

  #put(name: string, bytes: Uint8Array): void {
    this.delete(name)
    this.#files.set(name, bytes)
    this.#bytes += bytes.length
    for (const oldest of this.#files.keys()) {
      if (this.#bytes <= ALL_HOT_BYTES) break
      this.delete(oldest)
    }
  }

  /** The file was replaced, or has to be checked again. */
  delete(name: string): void {
    this.#bytes -= this.#files.get(name)?.length ?? 0
    this.#files.delete(name)
  }
}
