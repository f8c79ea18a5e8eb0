/** Reads server-sent events over a real connection like a browser: by WHATWG HTML, "Parsing an event stream". */
import { once } from 'node:events'
import { request, type ClientRequest, type IncomingMessage } from 'node:http'
import { onTestFinished } from 'vitest'

export interface ReadEvent {
  readonly id: string
  readonly event: string
  readonly data: string
}

interface ReaderOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly socketPath?: string
  /** Bytes after which it stops reading. */
  readonly until?: number
}

export class EventReader {
  readonly response: IncomingMessage
  readonly events: ReadEvent[] = []
  /** Resolves when the answer ends, to whether it was complete. */
  readonly ended: Promise<boolean>
  /** The id with which it would reconnect. */
  lastId = ''
  comments = 0
  retry: string | undefined
  readonly #request: ClientRequest
  readonly #waiting = new Set<() => void>()
  #text = ''

  private constructor(asked: ClientRequest, response: IncomingMessage, until: number) {
    this.#request = asked
    this.response = response
    asked.on('error', () => undefined)
    this.ended = new Promise((resolve) => response.once('close', () => resolve(response.complete)))
    response.on('error', () => undefined)
    response.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text
      const blocks = this.#text.split('\n\n')
      this.#text = blocks.pop()!
      for (const block of blocks) {
        if (this.events.length < until) this.#take(block)
      }
      this.#waiting.forEach((look) => look())
    })
  }

  /** Resolves with the answer's headers. */
  static async open(url: string, path = '/api/v1/events', options: ReaderOptions = {}): Promise<EventReader> {
    const { headers = {}, socketPath, until = Infinity } = options
    const asking = { path, headers, agent: false as const }
    const asked = socketPath === undefined ? request(url, asking) : request({ ...asking, socketPath })
    onTestFinished(() => void asked.destroy())
    asked.end()
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    return new EventReader(asked, response, until)
  }

  /** Resolves when the condition holds for what was read. */
  async until(isSo: (reader: EventReader) => boolean): Promise<this> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!isSo(this)) return
        this.#waiting.delete(look)
        resolve(this)
      }
      this.#waiting.add(look)
      void this.ended.then(() => {
        look()
        reject(new Error(`the events ended: ${JSON.stringify(this.events.slice(-3))}`))
      })
      look()
    })
  }

  /** Closes the connection. */
  cut(): void {
    this.#request.destroy()
  }

  #take(block: string): void {
    const fields = new Map<string, string>()
    for (const line of block.split('\n')) {
      if (line.startsWith(':')) this.comments++
      const [, name, value] = /^([a-z]+): (.*)$/.exec(line) ?? []
      if (name !== undefined) fields.set(name, value!)
    }
    this.retry = fields.get('retry') ?? this.retry
    this.lastId = fields.get('id') ?? this.lastId
    const data = fields.get('data')
    if (data !== undefined) this.events.push({ id: this.lastId, event: fields.get('event') ?? 'message', data })
  }
}
