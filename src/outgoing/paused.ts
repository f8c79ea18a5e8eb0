/**
 * Answers that are paused because nobody reads them fast enough, and what is done for them when their connection ends.
 *
 * undici asserts, where nobody can catch it, that its parser is not paused when a server that said "Connection: close", or
 * speaks HTTP/1.0, closes the connection (nodejs/undici#5360; the line of 7 that Node 20 can use has no cure). A server
 * could end this process so, and many would without meaning to.
 */
import type { Socket } from 'node:net'
import { kParser } from 'undici/lib/core/symbols.js'

/** An answer that is paused. */
export interface PausedAnswer {
  /** Takes all that has come in, and pauses again for what is still to come. */
  drain(): void
}

/** They do not know their connections: all are drained when one of those ends. That is a buffer of 64 KiB for each. */
export const paused = new Set<PausedAnswer>()

/** To be called before undici listens to the socket. */
export function guardEnd(socket: Socket): void {
  const parser = (): { paused: boolean } | null | undefined =>
    (socket as { [kParser]?: { paused: boolean } | null })[kParser]
  socket.on('end', () => {
    if (parser()?.paused === true) for (const answer of [...paused]) answer.drain()
    letFinish()
  })
  const letFinish = (): void => {
    const own = parser()
    // It asks llhttp, which knows that it is paused.
    if (own?.paused === true) own.paused = false
  }
  // Nothing more comes; the answer is cut off, and fails.
  socket.on('error', letFinish).on('close', letFinish)
}
