/**
 * Limits what may be opened on a connection over its whole life, not only at a time. libp2p counts the open streams: a
 * peer that opens one and resets it pays twelve bytes, while we negotiate a protocol, a hundred thousand times if it
 * likes. So streams, frames without data, and requests to libp2p's own services are all charged to budgets. A peer that
 * exceeds one loses the connection, and is not let in for a while.
 */
import type { GossipSubComponents } from '@chainsafe/libp2p-gossipsub'
import type { Connection, Stream, StreamMuxerFactory } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { TokenBuckets } from '../../lib/token-buckets.js'
import { networkOfAddress } from './address.js'

/**
 * Streams that a peer opens on one connection: at once, and per second in the long run. A node opens about ten when it
 * connects, and then one per 24 requests, of which it may send 450 a second.
 */
const STREAM_BURST = 256
const STREAMS_PER_SECOND = 24
/** The same for all connections from one network: a new connection costs an attacker little. */
const NETWORK_STREAM_BURST = 2048
const NETWORK_STREAMS_PER_SECOND = 256
/** Frames without data on one connection: each stream has a few. For each frame with data that we sent, one is free. */
const BARE_FRAME_BURST = 8192
const BARE_FRAMES_PER_SECOND = 1024

type Registrar = GossipSubComponents['registrar']

/** What one peer may ask of a libp2p service: streams and messages, each at once and per second in the long run. */
interface ServiceLimits {
  readonly streams: readonly [burst: number, perSecond: number]
  readonly messages: readonly [burst: number, perSecond: number]
}

/** Honest peers identify once per connection, and ping once a minute. */
export const IDENTIFY_LIMITS: ServiceLimits = { streams: [12, 0.2], messages: [64, 1] }
export const PING_LIMITS: ServiceLimits = { streams: [24, 0.5], messages: [64, 1] }

/** The parts of a yamux muxer that every frame passes through; an error thrown there ends the connection. */
interface FrameReader {
  handleFrame(frame: { readonly header: YamuxHeader; readonly data?: unknown }): void
  sendFrame(header: YamuxHeader, data?: unknown): unknown
}

interface YamuxHeader {
  readonly flag: number
  readonly length: number
  readonly type: number
}

/** The yamux flag of a frame that opens a stream, and the yamux type of one that carries data. */
const SYN = 1
const DATA = 0
const PING = 2

/** Why a connection ends here. */
export class TooMuchOpened extends Error {
  override readonly name = 'TooMuchOpenedError'
}

export class StreamWatch {
  readonly #onOffence: (peer: string) => void
  readonly #networks = new TokenBuckets(NETWORK_STREAM_BURST, NETWORK_STREAMS_PER_SECOND)

  constructor(onOffence: (peer: string) => void) {
    this.#onOffence = onOffence
  }

  /** The same muxers, but counting what the other side opens. */
  muxers(create: () => StreamMuxerFactory): () => StreamMuxerFactory {
    return () => {
      const factory = create()
      const createMuxer = factory.createStreamMuxer.bind(factory)
      factory.createStreamMuxer = (connection) => {
        const muxer = createMuxer(connection)
        // A private property of libp2p: there is no event for a stream that is refused or reset at once.
        this.#watch(muxer as unknown as FrameReader, connection as { readonly remoteAddr?: Multiaddr })
        return muxer
      }
      return factory
    }
  }

  /** Reports the peers whose connections ended because of it; call with every connection. */
  opened(connection: Connection): void {
    connection.addEventListener('close', ({ error }) => {
      if (error instanceof TooMuchOpened) this.#onOffence(connection.remotePeer.toString())
    })
  }

  /** The components of a host for a libp2p service, with the requests of peers counted first. */
  service<T extends { readonly registrar: Registrar }>(components: T, { streams, messages }: ServiceLimits): T {
    const opened = new TokenBuckets(...streams)
    const said = new TokenBuckets(...messages)
    const handle: Registrar['handle'] = (protocol, handler, options) =>
      components.registrar.handle(
        protocol,
        (stream, connection) => {
          const peer = connection.remotePeer.toString()
          if (!opened.take(peer, performance.now())) return this.#hangUp(connection, 'too many streams of one service')
          countMessages(stream, () => {
            if (!said.take(peer, performance.now())) this.#hangUp(connection, 'too many messages to one service')
          })
          return handler(stream, connection)
        },
        options,
      )
    const registrar = Object.create(components.registrar, { handle: { value: handle } }) as Registrar
    return Object.create(components, { registrar: { value: registrar } }) as T
  }

  #watch(muxer: FrameReader, { remoteAddr }: { readonly remoteAddr?: Multiaddr }): void {
    const network = remoteAddr === undefined ? '' : networkOfAddress(remoteAddr)
    const streams = new TokenBuckets(STREAM_BURST, STREAMS_PER_SECOND)
    const bare = new TokenBuckets(BARE_FRAME_BURST, BARE_FRAMES_PER_SECOND)
    const handleFrame = muxer.handleFrame.bind(muxer)
    const sendFrame = muxer.sendFrame.bind(muxer)
    muxer.sendFrame = (header, data) => {
      // The other side acknowledges it with a frame of its own.
      if (header.type === DATA) bare.giveBack('')
      return sendFrame(header, data)
    }
    muxer.handleFrame = (frame) => {
      const { type, flag, length } = frame.header
      const now = performance.now()
      if ((type !== DATA || length === 0) && !bare.take('', now))
        throw new TooMuchOpened('too many frames without data')
      const isNew = flag % 2 === SYN && type !== PING
      if (isNew && !streams.take('', now)) throw new TooMuchOpened('too many streams were opened')
      if (isNew && !this.#networks.take(network, now)) throw new TooMuchOpened('too many streams from one network')
      handleFrame(frame)
    }
  }

  #hangUp(connection: Connection, why: string): void {
    this.#onOffence(connection.remotePeer.toString())
    connection.abort(new TooMuchOpened(why))
  }
}

function countMessages(stream: Stream, count: () => void): void {
  stream.addEventListener('message', count)
}
