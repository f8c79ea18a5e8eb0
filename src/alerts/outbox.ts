/**
 * Undelivered alerts on disk: one file each, written before the first delivery and removed after the last. If the
 * process is killed in between, some receivers get an alert twice, with the same id, but none misses it. A failing disk
 * holds nothing back: alerts in memory are delivered all the same.
 */
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Serial } from '../lib/serial.js'
import { isObject } from '../lib/is-object.js'
import { writeWholeFile } from '../lib/whole-file.js'
import { CONDITIONS, SEVERITIES, type ConditionName } from '../status/conditions.js'
import { isAlert, type Alert } from './alert.js'
import type { Cover } from './holding.js'

/** The most pending alerts, their largest total size in bytes, and how long one is kept, in milliseconds. */
const MAX_ALERTS = 256
const MAX_BYTES = 8 * 1024 * 1024
const MAX_AGE_MS = 3 * 86_400_000
/** The most bytes of a file that are read: an alert contains up to 64 KiB of evidence. */
const MAX_FILE_BYTES = 1024 * 1024
const NAME = /^([0-9]{12})-([0-9a-f]{32})\.json$/

export interface OutboxOptions {
  readonly dir: string
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Receives errors of the disk. */
  readonly onError: (error: unknown) => void
  /**
   * Receives alerts that were given up, because they were too old or too many, with the receivers that have not
   * accepted them.
   */
  readonly onDropped: (alert: Alert, receivers: readonly string[]) => void
}

interface Waiting {
  readonly number: number
  readonly alert: Alert
  readonly bytes: number
  /** Receivers that have not accepted it. */
  readonly receivers: Set<string>
  /** The condition that it covers. */
  readonly covers: Cover | undefined
}

export class Outbox {
  readonly #options: OutboxOptions
  readonly #disk = new Serial()
  /** By alert id, oldest first. */
  readonly #waiting = new Map<string, Waiting>()
  #next = 1

  private constructor(options: OutboxOptions) {
    this.#options = options
  }

  /** Reads the undelivered alerts. Unreadable files are reported and left alone. */
  static async open(options: OutboxOptions): Promise<Outbox> {
    const outbox = new Outbox(options)
    await outbox.#read().catch(options.onError)
    return outbox
  }

  async #read(): Promise<void> {
    const { dir, onError } = this.#options
    for (const name of await namesIn(dir)) {
      const number = Number(NAME.exec(name)?.[1])
      if (Number.isNaN(number)) continue
      this.#next = Math.max(this.#next, number + 1)
      try {
        const waiting = await readWaiting(join(dir, name), number)
        this.#waiting.set(waiting.alert.id, waiting)
      } catch (error) {
        onError(error)
      }
    }
  }

  /** Stores an alert for these receivers; it is on disk when this resolves, if the disk works. */
  async put(alert: Alert, receivers: readonly string[], covers?: Cover): Promise<void> {
    if (receivers.length === 0) return
    const text = JSON.stringify(alert)
    const bytes = Buffer.byteLength(text)
    const waiting = { number: this.#next++, alert, bytes, receivers: new Set(receivers), covers }
    this.#waiting.set(alert.id, waiting)
    this.#makeRoom()
    await this.#write(waiting)
  }

  /** The oldest alert that a receiver has not accepted. */
  oldest(receiver: string): Alert | undefined {
    for (const { alert, receivers } of this.#waiting.values()) if (receivers.has(receiver)) return alert
    return undefined
  }

  /** How many alerts a receiver has not accepted. */
  count(receiver: string): number {
    return [...this.#waiting.values()].filter(({ receivers }) => receivers.has(receiver)).length
  }

  /** All receivers with pending alerts. */
  receivers(): Set<string> {
    return new Set([...this.#waiting.values()].flatMap(({ receivers }) => [...receivers]))
  }

  /** The conditions that pending alerts cover. */
  covers(): Cover[] {
    return [...this.#waiting.values()].flatMap(({ covers }) => (covers === undefined ? [] : [covers]))
  }

  /** A receiver has accepted an alert, or never will. */
  async done(id: string, receiver: string): Promise<void> {
    const waiting = this.#waiting.get(id)
    if (waiting?.receivers.delete(receiver) !== true) return
    if (waiting.receivers.size === 0) this.#waiting.delete(id)
    await this.#write(waiting)
  }

  /** Gives up all pending alerts of a receiver. */
  async forget(receiver: string): Promise<void> {
    const ids = [...this.#waiting].flatMap(([id, { receivers }]) => (receivers.has(receiver) ? id : []))
    for (const id of ids) await this.done(id, receiver)
  }

  /** Gives up alerts that are too old. */
  expire(): void {
    const { now } = this.#options
    for (const waiting of this.#waiting.values())
      if (now() - Date.parse(waiting.alert.at) > MAX_AGE_MS) this.#drop(waiting)
  }

  /** The oldest of the least severe goes first: a flood of doubts must not displace evidence. */
  #makeRoom(): void {
    for (;;) {
      const all = [...this.#waiting.values()]
      const bytes = all.reduce((sum, one) => sum + one.bytes, 0)
      if (all.length <= MAX_ALERTS && bytes <= MAX_BYTES) return
      const order = Object.keys(SEVERITIES)
      const [first] = all.toSorted((a, b) => order.indexOf(b.alert.severity) - order.indexOf(a.alert.severity))
      this.#drop(first!)
    }
  }

  #drop(waiting: Waiting): void {
    this.#waiting.delete(waiting.alert.id)
    this.#options.onDropped(waiting.alert, [...waiting.receivers])
    waiting.receivers.clear()
    void this.#write(waiting)
  }

  /** Brings the disk up to date. */
  #write(waiting: Waiting): Promise<void> {
    const { dir, onError } = this.#options
    const path = join(dir, `${String(waiting.number).padStart(12, '0')}-${waiting.alert.id}.json`)
    return this.#disk
      .run(path, async () => {
        const { alert, receivers, covers } = waiting
        if (receivers.size === 0) return rm(path, { force: true })
        await mkdir(dir, { recursive: true, mode: 0o700 })
        await writeWholeFile(path, JSON.stringify({ receivers: [...receivers], covers, alert }))
      })
      .catch(onError)
  }
}

/** The names of the files in a folder; none if there is no folder. */
async function namesIn(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).toSorted()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Throws the system's error, and a SyntaxError if the file is not an alert. */
async function readWaiting(path: string, number: number): Promise<Waiting> {
  if ((await stat(path)).size > MAX_FILE_BYTES) throw new SyntaxError(`${path} is too large`)
  const kept = JSON.parse(await readFile(path, 'utf8')) as unknown
  if (!isObject(kept) || !Array.isArray(kept['receivers'])) throw new SyntaxError(`${path} is not an alert`)
  const { alert, covers } = kept
  const receivers = kept['receivers'] as unknown[]
  if (!isAlert(alert) || !path.endsWith(`${alert.id}.json`) || !receivers.every((one) => typeof one === 'string'))
    throw new SyntaxError(`${path} is not an alert`)
  const bytes = Buffer.byteLength(JSON.stringify(alert))
  return { number, alert, bytes, receivers: new Set(receivers), covers: coverOf(covers) }
}

/** Undefined if it is missing, or was written by an incompatible version. */
function coverOf(kept: unknown): Cover | undefined {
  if (!Array.isArray(kept)) return undefined
  const [name, log] = kept as unknown[]
  if (typeof name !== 'string' || !Object.hasOwn(CONDITIONS, name)) return undefined
  return log === null || typeof log === 'string' ? [name as ConditionName, log] : undefined
}
