/** Answers that are too large. */
import type { ServerResponse } from 'node:http'

/** Ten megabytes without content. */
export const FLOOD = Buffer.alloc(10 * 1024 * 1024, '.')

/** Sends this many bytes, as fast as they are read. */
export function endless(bytes: number, status = 200): (response: ServerResponse) => void {
  return (response) => {
    response.on('error', () => undefined)
    response.writeHead(status, { 'content-length': bytes })
    response.end(FLOOD.subarray(0, bytes))
  }
}
