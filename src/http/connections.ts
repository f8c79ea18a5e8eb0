/**
 * Who may be connected. Connections cost their makers nothing, so no number of idle ones may shut anybody out: when there
 * is no room, the one that has been waiting for its client for longest makes room, of the network that has the most. Where
 * all are being answered, a few more may come and ask for health alone.
 */
import type { Socket } from 'node:net'
import { networkOf } from '../lib/network.js'

export interface ConnectionLimits {
  /** Connections at a time. */
  readonly most: number
  /** The same of one network; trusted proxies and this machine have no such share. */
  readonly perNetwork: number
  /** Those beyond that may ask for health alone. */
  readonly reserve: number
}

interface Connection {
  readonly socket: Socket
  readonly network: string
  /** Whether it came when there was no room. */
  isReserve: boolean
  /** Whether an answer is being made; else it is the client who has to send or to read something. */
  isAnswered: boolean
}

export class Connections {
  readonly #limits: ConnectionLimits
  readonly #isShared: (address: string) => boolean
  /** The one in which something happened last at the end. */
  readonly #open = new Map<Socket, Connection>()

  /** `isShared`: whether an address is that of many clients. */
  constructor(limits: ConnectionLimits, isShared: (address: string) => boolean) {
    this.#limits = limits
    this.#isShared = isShared
  }

  /** Takes a new connection, or ends it. */
  admit(socket: Socket): void {
    const address = socket.remoteAddress ?? ''
    const network = networkOf(address)
    const { most, perNetwork, reserve } = this.#limits
    const ofNetwork = this.#those((other) => other.network === network)
    const hasShare = this.#isShared(address) || ofNetwork.length < perNetwork || endFirstIdle(ofNetwork)
    if (!hasShare) return void socket.destroy()
    const usual = this.#those(({ isReserve }) => !isReserve)
    const isReserve = usual.length >= most && !endFirstIdle(ofTheBusiest(usual))
    if (isReserve) {
      const others = this.#those((other) => other.isReserve)
      if (others.length >= reserve && !endFirstIdle(others)) return void socket.destroy()
    }
    this.#open.set(socket, { socket, network, isReserve, isAnswered: false })
    socket.once('close', () => this.#open.delete(socket))
  }

  /** An answer is being made from now on. Returns whether it may be about health alone. */
  begin(socket: Socket): boolean {
    const connection = this.#touch(socket)
    if (connection === undefined) return false
    connection.isAnswered = true
    if (connection.isReserve) {
      connection.isReserve = this.#those(({ isReserve }) => !isReserve).length >= this.#limits.most
    }
    return connection.isReserve
  }

  /** The answer is made. */
  end(socket: Socket): void {
    const connection = this.#touch(socket)
    if (connection !== undefined) connection.isAnswered = false
  }

  #touch(socket: Socket): Connection | undefined {
    const connection = this.#open.get(socket)
    if (connection === undefined) return undefined
    this.#open.delete(socket)
    this.#open.set(socket, connection)
    return connection
  }

  /** Those that were not ended, the longest without an event first. */
  #those(question: (connection: Connection) => boolean): Connection[] {
    return [...this.#open.values()].filter((connection) => !connection.socket.destroyed && question(connection))
  }
}

/** Ends the first that waits for its client. False when there is none. */
function endFirstIdle(connections: readonly Connection[]): boolean {
  const first = connections.find(({ isAnswered }) => !isAnswered)
  first?.socket.destroy()
  return first !== undefined
}

/** Those of the network that has the most which wait for their client. */
function ofTheBusiest(connections: readonly Connection[]): Connection[] {
  const counts = new Map<string, number>()
  for (const { network, isAnswered } of connections) {
    if (!isAnswered) counts.set(network, (counts.get(network) ?? 0) + 1)
  }
  const most = Math.max(...counts.values())
  return connections.filter(({ network, isAnswered }) => !isAnswered && counts.get(network) === most)
}
