/** A TCP connection on loopback between two nodes that can be slow, held up or cut. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { onTestFinished } from 'vitest'

export class Link {
  /** Milliseconds of delay in each direction. */
  latency: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #target: number | undefined
  #gate = Promise.resolve()
  #open: () => void = () => undefined

  /** A link to the port that a multiaddr names. `atEnd` receives what closes it; by default the test's end does. */
  static async to(address: string, latency = 0, atEnd: (end: () => void) => void = onTestFinished): Promise<Link> {
    const link = new Link(latency)
    link.target(address)
    await new Promise<void>((resolve) => link.#server.listen(0, '127.0.0.1', resolve))
    atEnd(() => {
      link.cut()
      link.#server.close()
    })
    return link
  }

  private constructor(latency: number) {
    this.latency = latency
    this.#server = createServer((near) => {
      if (this.#target === undefined) return void near.destroy()
      const far = connect(this.#target, '127.0.0.1')
      this.#carry(near, far)
      this.#carry(far, near)
    })
  }

  /** The multiaddr with this link's port instead of the node's own. */
  through(address: string): string {
    return address.replace(/\/tcp\/\d+/, `/tcp/${(this.#server.address() as AddressInfo).port}`)
  }

  /** Leads to this multiaddr from now on. */
  target(address: string): void {
    this.#target = Number(/\/tcp\/(\d+)/.exec(address)![1])
  }

  /** Closes all connections, and accepts none until there is a target again. */
  cut(): void {
    this.#target = undefined
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Holds all data back until it is released. */
  hold(): void {
    this.#gate = new Promise((resolve) => (this.#open = resolve))
  }

  release(): void {
    this.#open()
  }

  #carry(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    let last = Promise.resolve()
    const next = (act: () => void): void => {
      const ready = Date.now() + this.latency
      last = last.then(async () => {
        if (ready > Date.now()) await delay(ready - Date.now())
        await this.#gate
        act()
      })
    }
    from.on('data', (chunk) => next(() => void to.write(chunk)))
    from.on('end', () => next(() => void to.end()))
    from.on('error', () => to.destroy())
    from.on('close', () => this.#sockets.delete(from))
  }
}
