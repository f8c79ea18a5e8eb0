/**
 * The body of an answer that is not in memory: it sends itself, such as a file in pieces, or events as they happen.
 * Pure.
 */
import type { ServerResponse } from 'node:http'

export interface SentBody {
  /** In bytes; undefined for one that continues until it is ended, to which no time limit applies. */
  readonly length: number | undefined
  /** Bytes held in memory for the client while it is sent. */
  readonly heldBytes: number
  /** The body for a request of a part; absent if there are no parts. */
  readonly part?: (start: number, length: number) => SentBody
  /**
   * Sends it as the body of an answer whose headers are written, and ends the answer. Never throws: if it cannot
   * continue, the answer is cut off, so that it cannot be mistaken for a complete one, and the error goes to `onError`.
   */
  send(response: ServerResponse, onError: (error: unknown) => void): Promise<void>
  /** Releases its source, and ends a body that has no end of its own. Safe to call twice. */
  close(): void
}
