/**
 * Processes one request at a time on a connection. HTTP/1.1 lets a client send more requests before it has its answer:
 * Node reads them all, and would spend the cost of each at once.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Requests that may wait behind one on its connection; hardly any client sends requests ahead. */
const MAX_WAITING = 64
/** Requests ahead of their answers, including refused ones, at which a connection is closed at once. */
const MAX_AHEAD = 256

/** Answers a request; `isLast` if the connection accepts no others. */
type Serve = (isLast: boolean) => void

interface Line {
  readonly waiting: Serve[]
  /** Requests that arrived when there was no room: the client must send them again over another connection. */
  left: number
}

export class Turns {
  /** The requests waiting on each connection, behind the one that is being answered. */
  readonly #lines = new WeakMap<Socket, Line>()

  /** Calls `serve` when the answers to all earlier requests have left, unless the connection ends first. */
  take({ socket }: IncomingMessage, response: ServerResponse, serve: Serve): void {
    const line = this.#lines.get(socket)
    if (line === undefined) {
      this.#lines.set(socket, { waiting: [], left: 0 })
      response.once('close', () => this.#next(socket))
      serve(false)
    } else if (line.left > 0 || line.waiting.length >= MAX_WAITING) {
      // It occupies our memory as long as the connection lasts.
      if (line.waiting.length + ++line.left >= MAX_AHEAD) socket.destroy()
    } else {
      line.waiting.push(serve)
      response.once('close', () => this.#next(socket))
    }
  }

  #next(socket: Socket): void {
    const line = this.#lines.get(socket)
    // Also if the connection ends with the answer being sent: no other would be read.
    const isOver = socket.destroyed || socket.writableEnded
    const serve = isOver ? undefined : line?.waiting.shift()
    if (serve === undefined) this.#lines.delete(socket)
    else serve(line!.waiting.length === 0 && line!.left > 0)
  }
}
