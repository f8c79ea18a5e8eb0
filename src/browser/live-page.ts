/**
 * Follows the node: reloads the page's content after an event, at most once a second, and at least every half minute.
 * Shows since when it could not.
 */
import { PageParts } from './page-parts.js'

/** Milliseconds between two reloads: the least, and the most. */
const LEAST_MS = 1_000
const MOST_MS = 30_000
/** Milliseconds that an answer may take. */
const PATIENCE_MS = 20_000

/** The events after which the page may have changed. */
const EVENTS = [
  ...['outcome', 'quorum', 'evidence', 'suspect', 'peer', 'log', 'guard', 'deposit', 'clock', 'audited', 'finding'],
  ...['first-use', 'watch', 'unauthorised', 'exchange', 'bastion', 'log-list', 'mirror', 'gap'],
]

export class LivePage {
  readonly #parts = new PageParts()
  readonly #status: HTMLElement
  #events: EventSource | undefined
  #asked = -Infinity
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Since when events are missing, and since when the page could not be loaded. */
  #silent: Date | undefined
  #lost: Date | undefined

  constructor(status: HTMLElement) {
    this.#status = status
  }

  start(): void {
    this.#listen()
    setInterval(() => this.#soon(), MOST_MS)
    // Timers are suspended in hidden pages.
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#soon()
    })
    window.addEventListener('online', () => this.#soon())
  }

  #listen(): void {
    this.#events?.close()
    const events = new EventSource('/api/v1/events')
    this.#events = events
    events.addEventListener('open', () => {
      this.#silent = undefined
      this.#say()
      // Events that happened before the connection are not sent.
      this.#soon()
    })
    events.addEventListener('error', () => {
      this.#silent ??= new Date()
      this.#say()
    })
    for (const name of EVENTS) events.addEventListener(name, () => this.#soon())
  }

  #soon(): void {
    if (this.#timer !== undefined) return
    const pause = Math.max(0, this.#asked + LEAST_MS - performance.now())
    this.#timer = setTimeout(() => void this.#refresh(), pause)
  }

  async #refresh(): Promise<void> {
    this.#asked = performance.now()
    try {
      this.#parts.update(await pageNow())
      this.#lost = undefined
      // The browser gives up on a server that has refused once.
      if (this.#events?.readyState === EventSource.CLOSED) this.#listen()
    } catch {
      this.#lost ??= new Date()
    } finally {
      this.#timer = undefined
    }
    this.#say()
  }

  #say(): void {
    const { words, isLost } = this.#words()
    this.#status.classList.toggle('lost', isLost)
    if (this.#status.textContent !== words) this.#status.textContent = words
  }

  #words(): { words: string; isLost: boolean } {
    if (this.#lost !== undefined)
      return {
        words: `Not live since ${timeOf(this.#lost)}: this node does not answer, and this page may be out of date.`,
        isLost: true,
      }
    if (this.#silent !== undefined)
      return { words: `Not live since ${timeOf(this.#silent)}: reloaded every half minute.`, isLost: false }
    return { words: 'Live: changes appear automatically.', isLost: false }
  }
}

/** The current page of the node, as a document in which nothing runs. */
function pageNow(): Promise<Document> {
  return new Promise((resolve, reject) => {
    // Not with fetch: its text would have to be turned into markup, which the policy of this page forbids.
    const request = new XMLHttpRequest()
    request.open('GET', '/')
    request.responseType = 'document'
    request.timeout = PATIENCE_MS
    request.onload = () => {
      const page = request.response as Document | null
      if (request.status === 200 && page?.querySelector('main')) resolve(page)
      else reject(new Error(`status ${request.status}`))
    }
    request.onerror = request.ontimeout = () => reject(new Error('no answer'))
    request.send()
  })
}

function timeOf(date: Date): string {
  return `${date.toISOString().slice(11, 19)} UTC`
}
