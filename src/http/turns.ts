/**
 * One request at a time on a connection. HTTP/1.1 lets a client send the next ones before it has its answer: Node reads
 * them all, and what each of them costs would be spent at once.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Requests that may wait behind one on its connection; hardly any client sends a second one ahead. */
const MAX_WAITING = 64
/** Requests ahead of their answers, those that are not taken any more among them, with which a connection ends at once. */
const MAX_AHEAD = 256

/** Answers a request; `isLast` when the connection takes no other. */
type Serve = (isLast: boolean) => void

interface Line {
  readonly waiting: Serve[]
  /** Requests that came when there was no room: their client has to send them again, over another connection. */
  left: number
}

export class Turns {
  /** What waits on each connection, behind the one that is being answered. */
  readonly #lines = new WeakMap<Socket, Line>()

  /** Calls `serve` when the answers to all requests before it have left, unless the connection ends before that. */
  take({ socket }: IncomingMessage, response: ServerResponse, serve: Serve): void {
    const line = this.#lines.get(socket)
    if (line === undefined) {
      this.#lines.set(socket, { waiting: [], left: 0 })
      response.once('close', () => this.#next(socket))
      serve(false)
    } else if (line.left > 0 || line.waiting.length >= MAX_WAITING) {
      // Its memory is ours as long as the connection is.
      if (line.waiting.length + ++line.left >= MAX_AHEAD) socket.destroy()
    } else {
      line.waiting.push(serve)
      response.once('close', () => this.#next(socket))
    }
  }

  #next(socket: Socket): void {
    const line = this.#lines.get(socket)
    // Also when it ends with the answer that is leaving: nobody reads another.
    const isOver = socket.destroyed || socket.writableEnded
    const serve = isOver ? undefined : line?.waiting.shift()
    if (serve === undefined) this.#lines.delete(socket)
    else serve(line!.waiting.length === 0 && line!.left > 0)
  }
}
