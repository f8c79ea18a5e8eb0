/**
 * A port that was free a moment ago, for programs of others that take no 0, and for places that are to be there again after they were
 * gone. It is below those that a system gives to whoever asks for any (from 32768 on): no other test gets it meanwhile, and
 * what it does not answer is not taken for silence of the one that is gone.
 */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** From the first to before the second; well-known programs are below. */
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
