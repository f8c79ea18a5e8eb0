/**
 * What is done for paused answers when their connection ends.
 *
 * undici asserts, where nobody can catch it, that its parser is not paused when a server that said "Connection: close", or
 * speaks HTTP/1.0, closes the connection (nodejs/undici#5360; the line of 7 that Node 20 can use has no cure). A server
 * could end this process so, and many would without meaning to.
 */
import type { Socket } from 'node:net'
import symbols from 'undici/lib/core/symbols.js'
import { paused } from './paused.js'

/** As much of undici's parser as is needed. */
type Parser = { paused: boolean } | null | undefined

/** To be called before undici listens to the socket. */
export function guardEnd(socket: Socket): void {
  const parser = (): Parser => (socket as unknown as Record<symbol, Parser>)[symbols.kParser]
  const letFinish = (): void => {
    const own = parser()
    // It asks llhttp, which knows that it is paused.
    if (own?.paused === true) own.paused = false
  }
  socket.on('end', () => {
    if (parser()?.paused === true) for (const answer of [...paused]) answer.drain()
    letFinish()
  })
  // Nothing more comes; the answer is cut off, and fails.
  socket.on('error', letFinish).on('close', letFinish)
}
