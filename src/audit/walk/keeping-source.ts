/**
 * A source that stores what it fetches, as files at the paths at which the log serves them: the folder is a source in
 * turn (sumdb/log-source.ts). Bytes are stored unverified: every reader authenticates them.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorText, GossumError } from '../../errors.js'
import type { GetOptions } from '../../sumdb/fetcher.js'
import type { LogSource } from '../../sumdb/log-source.js'

export class KeepingSource implements LogSource {
  readonly url: string
  readonly #source: LogSource
  readonly #dir: string

  constructor(source: LogSource, dir: string) {
    this.url = source.url
    this.#source = source
    this.#dir = dir
  }

  /** Also throws FILE_UNWRITABLE: a missing copy would otherwise be noticed too late. */
  async get(path: string, maxBytes: number, options: GetOptions = {}): Promise<Uint8Array> {
    const data = await this.#source.get(path, maxBytes, options)
    await this.keep(path, data)
    return data
  }

  /** Stores these bytes at this path. Concurrent calls are safe; one complete version remains. */
  async keep(path: string, data: Uint8Array): Promise<void> {
    const file = join(this.#dir, path)
    const made = `${file}.${randomBytes(6).toString('hex')}.tmp`
    try {
      await mkdir(dirname(file), { recursive: true })
      await writeFile(made, data)
      await rename(made, file)
    } catch (error) {
      await rm(made, { force: true }).catch(() => undefined)
      throw new GossumError('FILE_UNWRITABLE', `${file}: ${errorText(error)}`, error)
    }
  }
}
