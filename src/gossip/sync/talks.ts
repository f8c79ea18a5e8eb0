/** Streams that stay open briefly after a question, for the next one. */
import type { Stream } from '@libp2p/interface'
import type { LengthPrefixedStream } from '@libp2p/utils'
import type { SyncAnswer } from './messages.js'

/** Requests on one stream, before another is opened. */
export const REQUESTS_PER_STREAM = 24
/** Milliseconds that a stream waits for another question; less than its other end does. */
const IDLE_MS = 3_000
/** Errors after which a stream can still be used. */
export const HARMLESS: ReadonlySet<string> = new Set(['unknown', 'unknown-request'])

/** An open stream, and how many requests it has carried. */
export interface Talk {
  readonly stream: Stream
  readonly frames: LengthPrefixedStream<Stream>
  requests: number
}

export class OpenTalks {
  /** By peer. */
  readonly #idle = new Map<string, { readonly talk: Talk; readonly timer: NodeJS.Timeout }>()

  /** Takes the open stream to this peer, if there is one. */
  take(peer: string): Talk | undefined {
    const idle = this.#idle.get(peer)
    if (idle === undefined) return undefined
    clearTimeout(idle.timer)
    this.#idle.delete(peer)
    return idle.talk.stream.status === 'open' ? idle.talk : undefined
  }

  /** Keeps a stream for the next question, unless it is used up. */
  keep(peer: string, talk: Talk, answer: SyncAnswer | undefined): void {
    const isOver = answer === undefined || (answer.type === 'error' && !HARMLESS.has(answer.code))
    if (isOver || talk.requests >= REQUESTS_PER_STREAM || this.#idle.has(peer)) return close(talk)
    const timer = setTimeout(() => this.gone(peer), IDLE_MS).unref()
    this.#idle.set(peer, { talk, timer })
  }

  /** A peer has disconnected, or nothing more will be asked. */
  gone(peer: string): void {
    const talk = this.take(peer)
    if (talk !== undefined) close(talk)
  }
}

function close({ stream }: Talk): void {
  stream.close({ signal: AbortSignal.timeout(IDLE_MS) }).catch(() => undefined)
}
