/**
 * Log lists are read at the start and once a day, and only ever add logs: a log that a list no longer names stays, and
 * no list changes a key, a URL, or what the operator has disabled. New logs are stored in the home.
 */
import { open } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { errorText, GossumError, type ErrorCode } from '../errors.js'
import { Fetcher } from '../sumdb/fetcher.js'
import { lastingController } from '../lib/timed.js'
import { fromUtf8 } from '../tlog/bytes.js'
import { logId, SUMDB_ORIGIN } from '../tlog/checkpoint.js'
import { parseLogList, type ListedLog, type LogListFormat } from '../tlog/log-list.js'
import { changeBook, readBook, withBook } from './followed-logs.js'
import { followedOf, MAX_LISTED, type LogSetting } from './log-setting.js'

/** The largest list, in bytes. */
const MAX_BYTES = 4 * 1024 * 1024
/** Milliseconds for reading a list, with all attempts; a starting node waits for it. */
const PATIENCE_MS = 5_000
/**
 * Milliseconds between two readings, give or take a tenth, so that the witnesses of a list do not all read it at once.
 */
const DAY_MS = 24 * 60 * 60 * 1000

/** A log of a list that was refused. */
export interface Refused {
  readonly name: string
  readonly origin: string
  readonly code: ErrorCode
  readonly message: string
}

/** The result of reading a list. */
export interface ListNews {
  /** Its URL or path. */
  readonly list: string
  /** Its format; null if it could not be read. */
  readonly format: LogListFormat | null
  /** Logs that were not known before. */
  readonly added: readonly LogSetting[]
  readonly refused: readonly Refused[]
  /** Why it could not be read, or stored; null if it was. */
  readonly error: string | null
  /** Whether added logs are followed only from the next start on, because the node is already running. */
  readonly atNextStart: boolean
}

export interface LogListsParts {
  readonly home: string
  /** URLs, or paths of files. */
  readonly sources: readonly string[]
  /** Key names of this witness: no log may have one as its origin. */
  readonly witnesses: readonly string[]
  /** The logs of the settings. */
  readonly logs: readonly LogSetting[]
  /** Receives the result of each reading that added or refused something, or failed. */
  readonly onNews: (news: ListNews) => void
  readonly everyMs?: number
}

export class LogLists {
  readonly #parts: LogListsParts
  readonly #stopped = lastingController()
  #running: Promise<void> = Promise.resolve()
  readonly #failing = new Map<string, string>()

  constructor(parts: LogListsParts) {
    this.#parts = parts
  }

  /** The lists whose last reading failed, and why. */
  get failing(): readonly { readonly list: string; readonly error: string }[] {
    return [...this.#failing].map(([list, error]) => ({ list, error }))
  }

  /**
   * Reads every list once. Returns the logs of the settings and of the home, including all that the lists have added.
   * Throws what readBook throws.
   */
  async read(): Promise<readonly LogSetting[]> {
    await this.#read(false)
    return withBook(this.#parts.logs, false, readBook(this.#parts.home))
  }

  async #read(atNextStart: boolean): Promise<void> {
    const { sources, home, logs, witnesses } = this.#parts
    const onNews = (list: string, news: Partial<ListNews>): void => {
      if (this.#stopped.signal.aborted) return
      if (typeof news.error === 'string') this.#failing.set(list, news.error)
      this.#parts.onNews({ list, format: null, added: [], refused: [], error: null, atNextStart, ...news })
    }
    for (const [i, reading] of sources.map((source) => this.#listed(source)).entries()) {
      const list = sources[i]!
      const { listed, format, error } = await reading
      if (error !== undefined) {
        onNews(list, { error: errorText(error) })
        continue
      }
      let merged: Merged | undefined
      try {
        // The file in the home decides which logs are known: another process may have changed it.
        await changeBook(home, (kept) => {
          merged = withListed(withBook(logs, false, kept), kept, listed, { list, witnesses })
          return merged.book
        })
      } catch (failure) {
        onNews(list, { format, error: errorText(failure) })
        continue
      }
      this.#failing.delete(list)
      const { added, refused } = merged!
      if (added.length > 0 || refused.length > 0) onNews(list, { format, added, refused })
    }
  }

  /** Reads the lists once a day from now on. */
  start(): void {
    if (this.#parts.sources.length > 0) this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { everyMs = DAY_MS } = this.#parts
    const { signal } = this.#stopped
    const pause = (): number => everyMs * (0.9 + 0.2 * Math.random())
    for (;;) {
      await delay(pause(), undefined, { signal, ref: false }).catch(() => undefined)
      if (signal.aborted) return
      await this.#read(true)
    }
  }

  async #listed(source: string): Promise<Listed> {
    try {
      const bytes = await (/^https?:/.test(source) ? this.#fetch(source) : readListFile(source))
      const text = fromUtf8(bytes)
      if (text === undefined) throw new GossumError('LOG_LIST_MALFORMED', 'not UTF-8')
      const { format, logs: listed } = parseLogList(text)
      return { format, listed }
    } catch (error) {
      return { format: null, listed: [], error }
    }
  }

  #fetch(url: string): Promise<Uint8Array> {
    const at = url.lastIndexOf('/')
    const fetcher = new Fetcher({ url: url.slice(0, at), timeoutMs: PATIENCE_MS, deadlineMs: PATIENCE_MS })
    return fetcher.get(url.slice(at + 1), MAX_BYTES, { signal: this.#stopped.signal })
  }
}

/** A list that was read, or why it was not. */
interface Listed {
  readonly format: LogListFormat | null
  readonly listed: readonly ListedLog[]
  readonly error?: unknown
}

async function readListFile(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r')
    try {
      const stat = await file.stat()
      if (!stat.isFile() || stat.size > MAX_BYTES) throw new GossumError('FILE_UNREADABLE', `${path}: not a log list`)
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    throw error instanceof GossumError ? error : new GossumError('FILE_UNREADABLE', errorText(error), error)
  }
}

interface Merged {
  readonly book: LogSetting[]
  readonly added: LogSetting[]
  readonly refused: Refused[]
}

/**
 * The logs of the home plus those that a list adds. `known` are all logs of the node. A log that the same list added
 * before gets the list's current limit.
 */
function withListed(
  known: readonly LogSetting[],
  book: readonly LogSetting[],
  listed: readonly ListedLog[],
  { list, witnesses }: { list: string; witnesses: readonly string[] },
): Merged {
  const all = [...known]
  const added: LogSetting[] = []
  const refused: Refused[] = []
  const perDay = new Map<string, number>()
  let room = MAX_LISTED - followedOf(known).filter((log) => log.list !== null).length
  for (const one of listed) {
    const { key, origin } = one
    const id = logId(key.name, origin)
    const refuse = (code: ErrorCode, why: string): void => {
      const { message } = new GossumError(code, why)
      refused.push({ name: key.name, origin, code, message })
    }
    // Checksum databases share their origin; any other origin belongs to one log, with one key.
    const same = all.find((log) => log.id === id || (log.origin === origin && origin !== SUMDB_ORIGIN))
    if (same !== undefined) {
      if (same.key.vkey !== key.vkey) refuse('LOG_KEY_CHANGED', `${same.key.vkey} is known here, not ${key.vkey}`)
      else if (same.list === list) perDay.set(id, one.perDay)
    } else if (witnesses.includes(origin)) {
      refuse('CONFIG_INVALID', `log: ${origin} is the name of this witness`)
    } else if (room-- <= 0) {
      refuse('CONFIG_INVALID', `log-list: more than ${MAX_LISTED} logs from lists`)
    } else {
      const log = { id, key, origin, url: null, upstream: null, disabled: false, list, perDay: one.perDay }
      all.push(log)
      added.push(log)
    }
  }
  const kept = book.map((log) => ({ ...log, perDay: perDay.get(log.id) ?? log.perDay }))
  return { book: [...kept, ...added], added, refused }
}
