/** A list of authorised releases at a URL or in a file, kept current: it is read again on use once it is too old. */
import { readFile, stat } from 'node:fs/promises'
import { errorText, GossumError, withoutSecrets } from '../errors.js'
import type { WatchSetting } from '../config/watch-setting.js'
import { Fetcher } from '../sumdb/fetcher.js'
import { MAX_RELEASES_BYTES, parseReleases, type Releases } from './releases.js'

/** Milliseconds for which a reading is reused: many new versions may arrive at once. */
const FRESH_MS = 30_000
/** Milliseconds that one reading may take, with all attempts. */
const PATIENCE_MS = 15_000

export class ReleaseList {
  readonly #source: string
  readonly #key: WatchSetting['key']
  readonly #now: () => number
  #reading: { readonly at: number; readonly releases: Promise<Releases> } | undefined
  #failure: string | undefined

  /** `now` is in milliseconds of a monotonic clock. */
  constructor(source: string, key: WatchSetting['key'], now: () => number) {
    this.#source = source
    this.#key = key
    this.#now = now
  }

  /** The source for people, without a login, and why its last reading failed; undefined if it did not. */
  get failing(): { readonly list: string; readonly error: string } | undefined {
    return this.#failure === undefined ? undefined : { list: withoutSecrets(this.#source), error: this.#failure }
  }

  /** Throws RELEASES_INVALID, FILE_UNREADABLE, and what a Fetcher throws. */
  read(signal?: AbortSignal): Promise<Releases> {
    const now = this.#now()
    if (this.#reading !== undefined && now < this.#reading.at + FRESH_MS) return this.#reading.releases
    const releases = this.#read(signal)
    this.#reading = { at: now, releases }
    releases.then(
      () => (this.#failure = undefined),
      (error: unknown) => {
        // After a failure the list is read again with the next request.
        this.#reading = undefined
        this.#failure = errorText(error)
      },
    )
    return releases
  }

  async #read(signal: AbortSignal | undefined): Promise<Releases> {
    const isUrl = /^https?:/.test(this.#source)
    return parseReleases(await (isUrl ? fetched(this.#source, signal) : readList(this.#source)), this.#key)
  }
}

function fetched(url: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const at = url.lastIndexOf('/')
  const fetcher = new Fetcher({ url: url.slice(0, at), timeoutMs: PATIENCE_MS, deadlineMs: PATIENCE_MS })
  return fetcher.get(url.slice(at + 1), MAX_RELEASES_BYTES, signal === undefined ? {} : { signal })
}

async function readList(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    if (size > MAX_RELEASES_BYTES) throw new GossumError('RELEASES_INVALID', 'it is too large or not UTF-8')
    return await readFile(path)
  } catch (error) {
    throw error instanceof GossumError ? error : new GossumError('FILE_UNREADABLE', errorText(error), error)
  }
}
