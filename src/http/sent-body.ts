/** The body of an answer that is no bytes at hand: it sends itself, a file in pieces, or what happens when it does. Pure. */
import type { ServerResponse } from 'node:http'

export interface SentBody {
  /** In bytes; undefined for one that goes on until somebody ends it: no time limit is for that. */
  readonly length: number | undefined
  /** Bytes that wait in memory for the client while it is sent. */
  readonly heldBytes: number
  /** What is sent in place of the whole to who asks for a part; absent where there are none. */
  readonly part?: (start: number, length: number) => SentBody
  /**
   * Sends it as the body of an answer whose headers are written, and ends the answer. Never throws: one that cannot go on is cut off,
   * so that nobody takes it for a whole one, and `onError` is told.
   */
  send(response: ServerResponse, onError: (error: unknown) => void): Promise<void>
  /** Lets go of what it is sent from, and ends one that has no end of its own. Safe to call twice. */
  close(): void
}
