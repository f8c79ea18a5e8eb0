/** A libp2p host without manners: it writes what it likes to the streams of a node, and counts what that costs it. */
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { SYNC_PROTOCOL } from '../../src/gossip/sync/messages.js'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'
import { startStranger } from '../gossip/stranger.js'

/** Milliseconds for which a victim may leave our bytes unread; then it has stopped listening. */
const PATIENCE_MS = 500
const GOSSIP_PROTOCOL = '/meshsub/1.1.0'

/** The next bytes to send: at once, or when the time has come; undefined when there are no more. */
export type Next = () => Uint8Array | undefined | Promise<Uint8Array | undefined>

export class Attacker {
  readonly #host: Libp2p
  readonly #address: string
  /** Streams and connections that the victim ended, or refused to open. */
  cut = 0

  private constructor(host: Libp2p, address: string) {
    this.#host = host
    this.#address = address
  }

  /** A host that is about to attack the node at this address; it ends with the test. */
  static async start(address: string): Promise<Attacker> {
    const host = await startStranger()
    // A victim opens a gossip stream in return; what it says there is of no interest.
    await host.handle(GOSSIP_PROTOCOL, (stream) => stream.addEventListener('message', () => undefined))
    return new Attacker(host, address)
  }

  get peerId(): string {
    return this.#host.peerId.toString()
  }

  async connect(): Promise<Connection> {
    return this.#host.dial(multiaddr(this.#address), { signal: AbortSignal.timeout(5_000) })
  }

  /** One more connection, whether or not there is one. Undefined when it is refused. */
  async connectAgain(): Promise<Connection | undefined> {
    try {
      const signal = AbortSignal.timeout(5_000)
      return await this.#host.dial(multiaddr(this.#address), { force: true, signal })
    } catch {
      this.cut++
      return undefined
    }
  }

  /** Opens streams of the gossip protocol and writes to them until the signal; a new one where one is cut. */
  gossip(signal: AbortSignal, next: Next): Promise<void> {
    return this.flood(signal, GOSSIP_PROTOCOL, next)
  }

  /** As gossip(), with streams of the sync protocol whose answers are read and forgotten. */
  sync(signal: AbortSignal, next: Next): Promise<void> {
    return this.flood(signal, SYNC_PROTOCOL, next)
  }

  /** Opens a sync stream, asks as much as the victim takes, and never reads an answer. */
  async askAndNeverRead(signal: AbortSignal, asks: readonly Uint8Array[]): Promise<void> {
    const stream = await this.open(SYNC_PROTOCOL)
    if (stream === undefined) return
    // Nothing is taken out of it, so that its window fills up.
    stream.pause()
    for (const ask of asks) if (!(await send(stream, ask))) break
    if (!isOpen(stream)) this.cut++
    await untilAborted(signal)
  }

  /** Writes what `next` gives, as it is, until the signal or until it gives nothing. */
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

  /** A stream of its own, and a connection if there is none. Undefined when the victim has enough of us. */
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

/** Sends bytes and waits until they are on their way. False when the victim reads no more of this stream. */
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

/** Lets the sockets of this process work. */
function breathe(ms: number): Promise<void> {
  return new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms)))
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true }),
  )
}

// ---- frames ----------------------------------------------------------------------------------------------------

/** A number as protocols write lengths: seven bits a byte, the lowest first. */
export function varint(value: number): Uint8Array {
  const out: number[] = []
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) + 128)
  return Uint8Array.of(...out, value)
}

/** Bytes behind their length. */
export function framed(bytes: Uint8Array): Uint8Array {
  return concatBytes(varint(bytes.length), bytes)
}

/** A JSON request of the sync protocol, behind its length. */
export function request(message: object): Uint8Array {
  return framed(utf8(JSON.stringify(message)))
}
