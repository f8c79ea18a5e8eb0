/**
 * Where the bytes of a log come from: the server that it is served by, or a folder that holds its files at the paths at
 * which they are served. Neither is believed: what they give is authenticated by who asks.
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
   * The bytes at `path` (no leading slash), at most `maxBytes` of them. Throws LOG_UNREACHABLE, LOG_ANSWER_INVALID, a
   * StatusError of 404 for what is not there, and the signal's reason when it is aborted.
   */
  get(path: string, maxBytes: number, options?: GetOptions): Promise<Uint8Array>
}

const SCHEME = 'file:'

/** Whether this names a folder, `file:DIR` or `file:///DIR`, and no server. */
export function isFolderUrl(url: string): boolean {
  return url.startsWith(SCHEME)
}

/** The folder that `file:DIR` or `file:///DIR` names. Throws CONFIG_INVALID. */
export function folderOf(url: string): string {
  try {
    const folder = url.startsWith(`${SCHEME}//`) ? fileURLToPath(url) : url.slice(SCHEME.length)
    if (folder !== '') return folder
  } catch {
    // Of another host, or with a slash spelled out: no folder of ours.
  }
  throw new GossumError('CONFIG_INVALID', `${JSON.stringify(url)} names no folder`)
}

/** The source that a URL names. Throws CONFIG_INVALID for what is neither http, https nor a folder. */
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
    // A small file is here sooner than a thread that would wait for it: reading it at once costs a tenth.
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
