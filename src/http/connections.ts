/**
 * Decides who may be connected. Connections cost their makers nothing, so no number of idle ones may shut others out:
 * when there is no room, the connection that has waited for its client longest is closed, of the network that has the
 * most. If all are being answered, a few more are admitted, which may only ask for health.
 */
import type { Socket } from 'node:net'
import { networkOf } from '../lib/network.js'

export interface ConnectionLimits {
  /** The most connections. */
  readonly most: number
  /** The most of one network; trusted proxies and this machine are exempt. */
  readonly perNetwork: number
  /** The number of additional connections that may only ask for health. */
  readonly reserve: number
}

interface Connection {
  readonly socket: Socket
  readonly network: string
  /** Whether it was admitted when there was no room. */
  isReserve: boolean
  /** Whether an answer is being made; otherwise it is the client's turn to send or to read. */
  isAnswered: boolean
}

export class Connections {
  readonly #limits: ConnectionLimits
  readonly #isShared: (address: string) => boolean
  /** In order of their last event, the most recent last. */
  readonly #open = new Map<Socket, Connection>()

  /** `isShared`: whether an address belongs to many clients. */
  constructor(limits: ConnectionLimits, isShared: (address: string) => boolean) {
    this.#limits = limits
    this.#isShared = isShared
  }

  /** Admits a new connection, or ends it. */
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

  /** Marks that an answer is being made. Returns whether it must be about health only. */
  begin(socket: Socket): boolean {
    const connection = this.#touch(socket)
    if (connection === undefined) return false
    connection.isAnswered = true
    if (connection.isReserve) {
      connection.isReserve = this.#those(({ isReserve }) => !isReserve).length >= this.#limits.most
    }
    return connection.isReserve
  }

  /** Marks that the answer is made. */
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

  /** Matching connections that are still open, longest without an event first. */
  #those(question: (connection: Connection) => boolean): Connection[] {
    return [...this.#open.values()].filter((connection) => !connection.socket.destroyed && question(connection))
  }
}

/** Ends the first that waits for its client. Returns false if there is none. */
function endFirstIdle(connections: readonly Connection[]): boolean {
  const first = connections.find(({ isAnswered }) => !isAnswered)
  first?.socket.destroy()
  return first !== undefined
}

/** Connections waiting for their client, of the network that has the most of them. */
function ofTheBusiest(connections: readonly Connection[]): Connection[] {
  const counts = new Map<string, number>()
  for (const { network, isAnswered } of connections) {
    if (!isAnswered) counts.set(network, (counts.get(network) ?? 0) + 1)
  }
  const most = Math.max(...counts.values())
  return connections.filter(({ network, isAnswered }) => !isAnswered && counts.get(network) === most)
}
