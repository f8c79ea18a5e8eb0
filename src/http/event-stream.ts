/**
 * Events as they happen, as one answer that goes on (WHATWG HTML, "Server-sent events"). Events wait where they are kept, and not here: a
 * reader is a place among them. One whose place is gone before it has taken what comes before it, or that takes nothing
 * between two heartbeats though something waits, is dropped, and may come again with the last id that it has.
 */
import type { ServerResponse } from 'node:http'
import type { SentBody } from './sent-body.js'

/** An event as it is kept. */
export interface KeptEvent {
  readonly name: string
  /** Id of the log that it is about; undefined when it is about none. */
  readonly log: string | undefined
  /** JSON on one line. */
  readonly text: string
}

/** Where events are kept: the newest of them, each with a number. */
export interface EventsView {
  /** Tells one run of the node from another: hex digits. */
  readonly boot: string
  /** Number of the newest; 0 before the first. */
  readonly newest: number
  /** Number of the oldest that is kept. */
  readonly oldest: number
  get(number: number): KeptEvent | undefined
  /** Calls back for each event until what is returned is called. */
  onAdded(listener: () => void): () => void
}

export interface EventReading {
  /** The number of the first event that is sent. */
  readonly from: number
  /** What comes before it: JSON that tells of what cannot be sent any more. */
  readonly gap: string | undefined
  readonly isWanted: (event: KeptEvent) => boolean
  readonly heartbeatMs: number
  /** Called once, when nothing more is read. */
  readonly onEnd: (why: 'gone' | 'slow') => void
}

/** Milliseconds after which a browser comes again. */
const RETRY_MS = 2000
/** What the buffers of a connection may hold of ours, about. */
const HELD_BYTES = 16 * 1024
const HEARTBEAT = ':\n\n'

export class EventStream implements SentBody {
  readonly length = undefined
  readonly heldBytes = HELD_BYTES
  readonly #events: EventsView
  readonly #reading: EventReading
  #next: number
  #response: ServerResponse | undefined
  #isClosed = false
  #stopHearing = (): void => undefined
  #beats: NodeJS.Timeout | undefined
  /** Pieces that were written, and those of them that the connection has taken. */
  #written = 0
  #taken = 0
  /** What was taken at the last heartbeat, when not all was. */
  #takenThen: number | undefined

  constructor(events: EventsView, reading: EventReading) {
    this.#events = events
    this.#reading = reading
    this.#next = reading.from
  }

  send(response: ServerResponse): Promise<void> {
    this.#response = response
    response.once('close', () => this.close())
    if (this.#isClosed) return Promise.resolve(void response.end())
    const before = `id: ${this.#id(this.#next - 1)}\n`
    // Who has had no event yet comes again with this id.
    this.#write(`retry: ${RETRY_MS}\n${before}\n`)
    const { gap, heartbeatMs } = this.#reading
    if (gap !== undefined) this.#write(`${before}event: gap\ndata: ${gap}\n\n`)
    this.#stopHearing = this.#events.onAdded(() => this.#goOn())
    response.on('drain', () => this.#goOn())
    this.#beats = setInterval(() => this.#beat(), heartbeatMs).unref()
    this.#goOn()
    return Promise.resolve()
  }

  close(): void {
    this.#end('gone')
  }

  /** Writes as many events as the connection takes. */
  #goOn(): void {
    const { isWanted } = this.#reading
    while (!this.#isClosed) {
      if (this.#next < this.#events.oldest) return this.#end('slow')
      const event = this.#response!.writableNeedDrain ? undefined : this.#events.get(this.#next)
      if (event === undefined) return
      const id = this.#id(this.#next++)
      if (isWanted(event)) this.#write(`id: ${id}\nevent: ${event.name}\ndata: ${event.text}\n\n`)
    }
  }

  #beat(): void {
    const isWaiting = this.#taken < this.#written
    if (!isWaiting) this.#write(HEARTBEAT)
    else if (this.#takenThen === this.#taken) return this.#end('slow')
    this.#takenThen = isWaiting ? this.#taken : undefined
  }

  #write(text: string): void {
    this.#written++
    this.#response!.write(text, () => {
      this.#taken++
    })
  }

  #id(number: number): string {
    return `${this.#events.boot}-${number}`
  }

  #end(why: 'gone' | 'slow'): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stopHearing()
    clearInterval(this.#beats)
    // Nobody waits for a client that has not taken what it was sent.
    if (this.#taken < this.#written) this.#response?.destroy()
    else this.#response?.end()
    this.#reading.onEnd(why)
  }
}
