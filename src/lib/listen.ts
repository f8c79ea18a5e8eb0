/** Starting a server, and its URL. */
import type { AddressInfo, ListenOptions, Server } from 'node:net'

/** Resolves when the server listens; rejects with the system's error. Later errors go to the server's own listeners. */
export function listen(server: Server, where: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/**
 * The http URL of a server that listens on a port, without a slash at the end. If it listens on every address, the
 * loopback address is used.
 */
export function urlOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
