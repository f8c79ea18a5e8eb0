/** Two halves of a mesh and a link between them that can be cut: network namespaces, or TCP on loopback. */
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { FleetOptions } from './fleet.js'
import { freePort } from './free-port.js'

export interface Network extends Pick<FleetOptions, 'addresses' | 'prefix' | 'route' | 'args'> {
  /** The addresses on which a log must listen to be reachable from each half. */
  readonly logHosts: readonly string[]
  cut(): Promise<void>
  heal(): Promise<void>
  /** Removes everything. Safe to call twice. */
  remove(): Promise<void>
}

/** The port of every node, each at an address of its own. */
const PORT = 46_786

/**
 * The same on the loopback device. Nodes of one half dial each other directly. A node of the other half, or one that
 * only learnt the address from another, goes through a relay of ours, where the link is cut.
 */
export async function startRelays(nodes: number, half: (index: number) => 0 | 1): Promise<Network> {
  const mesh = (index: number): string => `127.${64 + (process.pid % 128)}.${(process.pid >> 7) % 256}.${index + 1}`
  const relays = Array.from({ length: nodes }, (_, i) => new Relay(mesh(i), PORT))
  await Promise.all(relays.map((relay) => relay.start()))
  const each = (act: (relay: Relay) => Promise<void>) => async (): Promise<void> => {
    await Promise.all(relays.map(act))
  }
  const through = (index: number): string => `/ip4/127.0.0.1/tcp/${relays[index]!.port}`
  return {
    logHosts: ['127.0.0.1', '127.0.0.1'],
    addresses: (index) => ({ mesh: mesh(index), http: '127.0.0.1', port: PORT }),
    args: (index) => ['--announce', through(index)],
    route: (from, to, address) => {
      const peer = address.slice(address.indexOf('/p2p/'))
      return `${half(from) === half(to) ? `/ip4/${mesh(to)}/tcp/${PORT}` : through(to)}${peer}`
    },
    cut: each((relay) => relay.stop()),
    heal: each((relay) => relay.start()),
    remove: each((relay) => relay.stop()),
  }
}

/** Forwards TCP to one node while it is started. */
class Relay {
  port = 0
  readonly #host: string
  readonly #targetPort: number
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined

  constructor(host: string, targetPort: number) {
    this.#host = host
    this.#targetPort = targetPort
  }

  async start(): Promise<void> {
    const server = createServer((inbound) => {
      const outbound = connect(this.#targetPort, this.#host)
      for (const [from, to] of [
        [inbound, outbound],
        [outbound, inbound],
      ] as const) {
        this.#sockets.add(from)
        from.on('error', () => to.destroy()).on('close', () => this.#sockets.delete(from))
        from.pipe(to)
      }
    })
    // It has to return on the same port, which nothing else may take meanwhile.
    this.port ||= await freePort()
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve))
    this.#server = server
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}
