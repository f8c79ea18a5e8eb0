/**
 * A misbehaving libp2p host: it writes arbitrary bytes to the streams of a node, and counts the consequences for
 * itself.
 */
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { SYNC_PROTOCOL } from '../../src/gossip/sync/messages.js'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'
import { startStranger } from '../gossip/stranger.js'

/** Milliseconds for which a victim may leave our bytes unread; after that it is considered to have stopped reading. */
const PATIENCE_MS = 500
const GOSSIP_PROTOCOL = '/meshsub/1.1.0'

/** The next bytes to send, immediately or later; undefined if there are no more. */
export type Next = () => Uint8Array | undefined | Promise<Uint8Array | undefined>

export class Attacker {
  readonly #host: Libp2p
  readonly #address: string
  /** The number of streams and connections that the victim closed, or refused to open. */
  cut = 0

  private constructor(host: Libp2p, address: string) {
    this.#host = host
    this.#address = address
  }

  /** A host that will attack the node at this address; it is stopped when the test ends. */
  static async start(address: string): Promise<Attacker> {
    const host = await startStranger()
    // A victim opens a gossip stream in return, whose content does not matter.
    await host.handle(GOSSIP_PROTOCOL, (stream) => stream.addEventListener('message', () => undefined))
    return new Attacker(host, address)
  }

  get peerId(): string {
    return this.#host.peerId.toString()
  }

  async connect(): Promise<Connection> {
    return this.#host.dial(multiaddr(this.#address), { signal: AbortSignal.timeout(5_000) })
  }

  /** Opens an additional connection. Undefined if it is refused. */
  async connectAgain(): Promise<Connection | undefined> {
    try {
      const signal = AbortSignal.timeout(5_000)
      return await this.#host.dial(multiaddr(this.#address), { force: true, signal })
    } catch {
      this.cut++
      return undefined
    }
  }

  /** Writes to streams of the gossip protocol until the signal, opening a new one when one is closed. */
  gossip(signal: AbortSignal, next: Next): Promise<void> {
    return this.flood(signal, GOSSIP_PROTOCOL, next)
  }

  /** Like gossip(), with streams of the sync protocol whose answers are read and discarded. */
  sync(signal: AbortSignal, next: Next): Promise<void> {
    return this.flood(signal, SYNC_PROTOCOL, next)
  }

  /** Opens a sync stream, sends as many requests as the victim accepts, and never reads an answer. */
  async askAndNeverRead(signal: AbortSignal, asks: readonly Uint8Array[]): Promise<void> {
    const stream = await this.open(SYNC_PROTOCOL)
    if (stream === undefined) return
    // Nothing is read from it, so its window fills up.
    stream.pause()
    for (const ask of asks) if (!(await send(stream, ask))) break
    if (!isOpen(stream)) this.cut++
    await untilAborted(signal)
  }

  /** Writes the bytes of `next` unchanged, until the signal or until there are no more. */
  async flood(signal: AbortSignal, protocol: string, next: Next): Promise<void> {
    const isOver = (): boolean => signal.aborted
    while (!isOver()) {
      const stream = await this.open(protocol)
      if (stream === undefined) {
        await breathe(20)
        continue
      }
      stream.addEventListener('message', () => undefined)
      while (!isOver() && isOpen(stream)) {
        const bytes = await next()
        if (bytes === undefined) return untilAborted(signal)
        if (!(await send(stream, bytes))) break
      }
      if (!isOver()) this.cut++
      await breathe(0)
    }
  }

  /** A stream of its own, with a new connection if there is none. Undefined if the victim refuses. */
  async open(protocol: string): Promise<Stream | undefined> {
    try {
      const connection = await this.connect()
      return await connection.newStream(protocol, { signal: AbortSignal.timeout(5_000) })
    } catch {
      this.cut++
      return undefined
    }
  }
}

function isOpen(stream: Stream): boolean {
  return stream.status === 'open' && stream.writeStatus === 'writable'
}

/** Sends bytes and waits until they are sent. False if the victim does not read this stream any more. */
async function send(stream: Stream, bytes: Uint8Array): Promise<boolean> {
  try {
    stream.send(bytes)
    const deadline = Date.now() + PATIENCE_MS
    await breathe(0)
    while (isOpen(stream) && stream.writeBufferLength > 0 && Date.now() < deadline) await breathe(5)
    if (isOpen(stream) && stream.writeBufferLength === 0) return true
    throw new Error('not read')
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)))
    return false
  }
}

/** Lets the sockets of this process make progress. */
function breathe(ms: number): Promise<void> {
  return new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms)))
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true }),
  )
}

// ---- frames ----------------------------------------------------------------------------------------------------

/** A protobuf varint: seven bits a byte, least significant first. */
export function varint(value: number): Uint8Array {
  const out: number[] = []
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) + 128)
  return Uint8Array.of(...out, value)
}

/** Bytes preceded by their length. */
export function framed(bytes: Uint8Array): Uint8Array {
  return concatBytes(varint(bytes.length), bytes)
}

/** A JSON request of the sync protocol, preceded by its length. */
export function request(message: object): Uint8Array {
  return framed(utf8(JSON.stringify(message)))
}
