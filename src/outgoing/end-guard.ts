/**
 * What has to be done for paused answers when their connection ends.
 *
 * undici asserts, where nothing can catch it, that its parser is not paused when a server that sent "Connection:
 * close", or speaks HTTP/1.0, closes the connection (nodejs/undici#5360; version 7, the last that supports Node 20, has
 * no fix). A server could crash this process this way, and many would do so inadvertently.
 */
import type { Socket } from 'node:net'
import symbols from 'undici/lib/core/symbols.js'
import { paused } from './paused.js'

/** The part of undici's parser that is needed. */
type Parser = { paused: boolean } | null | undefined

/** Must be called before undici listens to the socket. */
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
  // Nothing more arrives: an answer whose end was declared is cut off, and fails. For one that lasts as long as the
  // connection, undici takes a reset for its end.
  socket.on('error', letFinish).on('close', letFinish)
}
