/** Answers that are larger than anybody should read. */
import type { ServerResponse } from 'node:http'

/** Ten megabytes of nothing. */
export const FLOOD = Buffer.alloc(10 * 1024 * 1024, '.')

/** Sends so many bytes, as fast as they are read. */
export function endless(bytes: number, status = 200): (response: ServerResponse) => void {
  return (response) => {
    response.on('error', () => undefined)
    response.writeHead(status, { 'content-length': bytes })
    response.end(FLOOD.subarray(0, bytes))
  }
}
