/**
 * A source of a log's bytes: the server that serves it, or a folder with its files at the paths at which they are
 * served. Neither is trusted: the caller authenticates the bytes.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errorText, GossumError } from '../errors.js'
import { Fetcher, StatusError, type FetcherOptions, type GetOptions } from './fetcher.js'

export interface LogSource {
  /** For people: a URL without a login, or `file:` and a folder. */
  readonly url: string
  /**
   * The bytes at `path` (no leading slash), at most `maxBytes`. Throws LOG_UNREACHABLE, LOG_ANSWER_INVALID, a
   * StatusError of 404 if the file does not exist, and the signal's reason if it is aborted.
   */
  get(path: string, maxBytes: number, options?: GetOptions): Promise<Uint8Array>
}

const SCHEME = 'file:'

/** Whether this names a folder (`file:DIR` or `file:///DIR`) and not a server. */
export function isFolderUrl(url: string): boolean {
  return url.startsWith(SCHEME)
}

/** The folder that `file:DIR` or `file:///DIR` names. Throws CONFIG_INVALID. */
export function folderOf(url: string): string {
  try {
    const folder = url.startsWith(`${SCHEME}//`) ? fileURLToPath(url) : url.slice(SCHEME.length)
    if (folder !== '') return folder
  } catch {
    // It names another host, or has an encoded slash: not a folder of this machine.
  }
  throw new GossumError('CONFIG_INVALID', `${JSON.stringify(url)} does not name a folder`)
}

/** The source that a URL names. Throws CONFIG_INVALID if it is neither http, https nor a folder. */
export function openSource(options: FetcherOptions): LogSource {
  return isFolderUrl(options.url) ? new LogFolder(folderOf(options.url)) : new Fetcher(options)
}

/** A folder of files at the paths at which a log serves them. */
export class LogFolder implements LogSource {
  readonly url: string
  readonly dir: string

  constructor(dir: string) {
    this.dir = dir
    this.url = `${SCHEME}${dir}`
  }

  get(path: string, maxBytes: number, { signal }: GetOptions = {}): Promise<Uint8Array> {
    // Reading a small file synchronously is faster than handing it to a thread: it costs a tenth.
    return new Promise((resolve) => {
      signal?.throwIfAborted()
      resolve(this.#read(path, maxBytes))
    })
  }

  #read(path: string, maxBytes: number): Uint8Array {
    let file: number | undefined
    try {
      file = openSync(join(this.dir, path), 'r')
      const { size } = fstatSync(file)
      if (size > maxBytes)
        throw new GossumError('LOG_ANSWER_INVALID', `${this.url}/${path}: more than ${maxBytes} bytes`)
      const data = new Uint8Array(size)
      return data.subarray(0, readSync(file, data, 0, size, 0))
    } catch (error) {
      if (error instanceof GossumError) throw error
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR')
        throw new StatusError(404, `${this.url}/${path}: there is no such file`)
      throw new GossumError('LOG_UNREACHABLE', `${this.url}/${path}: ${errorText(error)}`, error)
    } finally {
      if (file !== undefined) closeSync(file)
    }
  }
}
