/**
 * Alerts that some receiver has not taken yet, on disk: one file each, written before anybody is told and removed when all were. A kill
 * between the two tells somebody twice, with the same id, and nobody never. A disk that takes nothing keeps nothing back: what
 * is in memory is told all the same.
 */
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Serial } from '../lib/serial.js'
import { isObject } from '../lib/is-object.js'
import { writeWholeFile } from '../lib/whole-file.js'
import { CONDITIONS, SEVERITIES, type ConditionName } from '../status/conditions.js'
import { isAlert, type Alert } from './alert.js'
import type { Cover } from './holding.js'

/** Alerts that wait at most, the bytes of all of them, and how long one waits, in ms. */
const MAX_ALERTS = 256
const MAX_BYTES = 8 * 1024 * 1024
const MAX_AGE_MS = 3 * 86_400_000
/** Bytes of a file that is read: an alert has evidence of up to 64 KiB in it. */
const MAX_FILE_BYTES = 1024 * 1024
const NAME = /^([0-9]{12})-([0-9a-f]{32})\.json$/

export interface OutboxOptions {
  readonly dir: string
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Is told of what the disk does not take or give. */
  readonly onError: (error: unknown) => void
  /** Is told of alerts that were given up, too old or one too many, with those who have not taken them. */
  readonly onDropped: (alert: Alert, receivers: readonly string[]) => void
}

interface Waiting {
  readonly number: number
  readonly alert: Alert
  readonly bytes: number
  /** Receivers that have not taken it. */
  readonly receivers: Set<string>
  /** What is not to be told beside it. */
  readonly covers: Cover | undefined
}

export class Outbox {
  readonly #options: OutboxOptions
  readonly #disk = new Serial()
  /** By alert id, the oldest first. */
  readonly #waiting = new Map<string, Waiting>()
  #next = 1

  private constructor(options: OutboxOptions) {
    this.#options = options
  }

  /** Reads what was not taken before. What cannot be read is said and left. */
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

  /** Keeps an alert for these receivers; on disk when this resolves, if that is to be had. */
  async put(alert: Alert, receivers: readonly string[], covers?: Cover): Promise<void> {
    if (receivers.length === 0) return
    const text = JSON.stringify(alert)
    const bytes = Buffer.byteLength(text)
    const waiting = { number: this.#next++, alert, bytes, receivers: new Set(receivers), covers }
    this.#waiting.set(alert.id, waiting)
    this.#makeRoom()
    await this.#write(waiting)
  }

  /** The oldest alert that a receiver has not taken. */
  oldest(receiver: string): Alert | undefined {
    for (const { alert, receivers } of this.#waiting.values()) if (receivers.has(receiver)) return alert
    return undefined
  }

  /** How many alerts a receiver has not taken. */
  count(receiver: string): number {
    return [...this.#waiting.values()].filter(({ receivers }) => receivers.has(receiver)).length
  }

  /** All who have something to take. */
  receivers(): Set<string> {
    return new Set([...this.#waiting.values()].flatMap(({ receivers }) => [...receivers]))
  }

  /** What is not to be told beside what waits. */
  covers(): Cover[] {
    return [...this.#waiting.values()].flatMap(({ covers }) => (covers === undefined ? [] : [covers]))
  }

  /** A receiver has taken an alert, or never will. */
  async done(id: string, receiver: string): Promise<void> {
    const waiting = this.#waiting.get(id)
    if (waiting?.receivers.delete(receiver) !== true) return
    if (waiting.receivers.size === 0) this.#waiting.delete(id)
    await this.#write(waiting)
  }

  /** Gives up what a receiver has not taken. */
  async forget(receiver: string): Promise<void> {
    const ids = [...this.#waiting].flatMap(([id, { receivers }]) => (receivers.has(receiver) ? id : []))
    for (const id of ids) await this.done(id, receiver)
  }

  /** Gives up what is too old. */
  expire(): void {
    const { now } = this.#options
    for (const waiting of this.#waiting.values())
      if (now() - Date.parse(waiting.alert.at) > MAX_AGE_MS) this.#drop(waiting)
  }

  /** The oldest of what weighs least goes first: a flood of doubts must not wash evidence away. */
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

  /** Makes the disk say what is so. */
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

/** The files of a folder, by name; none where there is no folder. */
async function namesIn(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).toSorted()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Throws what the system says, and a SyntaxError for what is no alert. */
async function readWaiting(path: string, number: number): Promise<Waiting> {
  if ((await stat(path)).size > MAX_FILE_BYTES) throw new SyntaxError(`${path} is too large`)
  const kept = JSON.parse(await readFile(path, 'utf8')) as unknown
  if (!isObject(kept) || !Array.isArray(kept['receivers'])) throw new SyntaxError(`${path} is no alert`)
  const { alert, covers } = kept
  const receivers = kept['receivers'] as unknown[]
  if (!isAlert(alert) || !path.endsWith(`${alert.id}.json`) || !receivers.every((one) => typeof one === 'string'))
    throw new SyntaxError(`${path} is no alert`)
  const bytes = Buffer.byteLength(JSON.stringify(alert))
  return { number, alert, bytes, receivers: new Set(receivers), covers: coverOf(covers) }
}

/** Undefined for what another version may have written, or none. */
function coverOf(kept: unknown): Cover | undefined {
  if (!Array.isArray(kept)) return undefined
  const [name, log] = kept as unknown[]
  if (typeof name !== 'string' || !Object.hasOwn(CONDITIONS, name)) return undefined
  return log === null || typeof log === 'string' ? [name as ConditionName, log] : undefined
}
