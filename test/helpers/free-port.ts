/**
 * A port that was free a moment ago, for programs that do not accept port 0, and for servers that have to return on the
 * same port. It is below the range from which a system assigns ports (from 32768 on), so that no other test gets it
 * meanwhile, and another server's answer is not mistaken for that of the stopped one.
 */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** From the first to before the second; well-known programs use lower ports. */
const RANGE = [15_000, 32_000] as const
const MAX_TRIES = 100

export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const port = randomInt(...RANGE)
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch {
      continue
    }
    server.close()
    await once(server, 'close')
    return port
  }
  throw new Error(`no port is free in ${MAX_TRIES} tries`)
}
