/**
 * Events as they happen, as one endless answer (WHATWG HTML, "Server-sent events"). Events are buffered centrally, not
 * per reader: a reader is a position in that buffer. A reader is dropped when its position has been overwritten, or
 * when it reads nothing between two heartbeats although something waits; it may reconnect with its last id.
 */
import type { ServerResponse } from 'node:http'
import type { SentBody } from './sent-body.js'

/** A buffered event. */
export interface KeptEvent {
  readonly name: string
  /** Id of the log that it is about; undefined if none. */
  readonly log: string | undefined
  /** JSON on one line. */
  readonly text: string
}

/** The buffer of events: the newest ones, numbered. */
export interface EventsView {
  /** Identifies one run of the node: hex digits. */
  readonly boot: string
  /** Number of the newest; 0 before the first. */
  readonly newest: number
  /** Number of the oldest in the buffer. */
  readonly oldest: number
  get(number: number): KeptEvent | undefined
  /** Calls back for each event until the returned function is called. */
  onAdded(listener: () => void): () => void
}

export interface EventReading {
  /** The number of the first event to send. */
  readonly from: number
  /** Sent first: JSON that describes the events that are no longer available. */
  readonly gap: string | undefined
  readonly isWanted: (event: KeptEvent) => boolean
  readonly heartbeatMs: number
  /** Called once, when reading ends. */
  readonly onEnd: (why: 'gone' | 'slow') => void
}

/** Milliseconds after which a browser reconnects. */
const RETRY_MS = 2000
/** Roughly how many bytes of ours the buffers of a connection may hold. */
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
  /** Pieces that were written, and how many of them the connection has taken. */
  #written = 0
  #taken = 0
  /** How many were taken at the last heartbeat, if not all. */
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
    // A reader that has had no event yet reconnects with this id.
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
    // A client that has not taken what it was sent is not waited for.
    if (this.#taken < this.#written) this.#response?.destroy()
    else this.#response?.end()
    this.#reading.onEnd(why)
  }
}
