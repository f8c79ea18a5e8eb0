/**
 * Watches the frames of gossipsub before gossipsub reads them. It bounds what is in a frame, not how many there are:
 * 64 KiB of zeros are 65,536 frames of nothing, each decoded and handled on its own, and nobody else is served
 * meanwhile. And a stream that it cannot read makes it forget the peer, while the connection stays and what comes on
 * it is read and thrown away for ever. A peer that does either loses its connection here.
 */
import type { GossipSubComponents } from '@chainsafe/libp2p-gossipsub'
import type { Connection, Stream } from '@libp2p/interface'
import { TokenBuckets } from '../../lib/token-buckets.js'

/**
 * Frames of one peer: at once, and per second in the long run. A message is one at the most, and another may say that
 * it need not be sent here; a peer may send us 200 messages that are new in a second, and as many that are not.
 */
const FRAME_BURST = 5000
const FRAMES_PER_SECOND = 500
/** Bytes of the length of a frame: four hold 2^28 - 1. */
const MAX_LENGTH_BYTES = 4

export class FrameLimits {
  readonly #maxFrame: number
  readonly #onOffence: (peer: string) => void
  readonly #frames = new TokenBuckets(FRAME_BURST, FRAMES_PER_SECOND)

  /** A frame has at most so many bytes. */
  constructor(maxFrame: number, onOffence: (peer: string) => void) {
    this.#maxFrame = maxFrame
    this.#onOffence = onOffence
  }

  /** The parts of a host as gossipsub is to see them: each of its streams is watched before it is handled. */
  over(components: GossipSubComponents): GossipSubComponents {
    const { privateKey, peerId, peerStore, registrar, connectionManager, logger } = components
    // Stream middleware would do, were it not for libp2p 3.3, which adds the handler to it again with every stream.
    const watched: typeof registrar = Object.create(registrar) as typeof registrar
    watched.handle = (protocol, handler, options) =>
      registrar.handle(
        protocol,
        (stream, connection) => {
          this.#watch(stream, connection)
          return handler(stream, connection)
        },
        options,
      )
    return { privateKey, peerId, peerStore, registrar: watched, connectionManager, logger }
  }

  #watch(stream: Stream, connection: Connection): void {
    const peer = connection.remotePeer.toString()
    const lengths = new LengthReader(this.#maxFrame)
    let isBroken = false
    stream.addEventListener('message', (event) => {
      const now = performance.now()
      for (const bytes of event.data instanceof Uint8Array ? [event.data] : event.data) {
        const fault = isBroken ? undefined : lengths.read(bytes, () => this.#frames.take(peer, now))
        if (fault === undefined) continue
        isBroken = true
        this.#onOffence(peer)
        cut(connection, new Error(fault))
      }
      // We are the first to listen; gossipsub comes after us.
      if (isBroken) event.stopImmediatePropagation()
    })
    // Gossipsub would never come back to a peer whose stream broke; a new connection starts with a new one.
    stream.addEventListener('close', ({ error }) => {
      if (error !== undefined) cut(connection, error)
    })
  }
}

/** Ends a connection once the current handlers have run: it may be about to say itself that it ends. */
function cut(connection: Connection, error: Error): void {
  queueMicrotask(() => {
    try {
      if (connection.status === 'open') connection.abort(error)
    } catch {
      // It could not say so any more.
    }
  })
}

/** Follows the lengths in a stream of frames, and keeps nothing of what is in them. */
class LengthReader {
  readonly #max: number
  /** Bytes of a frame that are still to come. */
  #left = 0
  /** The length of which a part was read, and the bytes that this part had. */
  #length = 0
  #lengthBytes = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Reads on, and asks `allowed` about each frame that begins. Returns what is wrong, if anything. */
  read(bytes: Uint8Array, allowed: () => boolean): string | undefined {
    for (let at = 0; at < bytes.length;) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, bytes.length - at)
        this.#left -= step
        at += step
        continue
      }
      const byte = bytes[at++]!
      this.#length += (byte % 128) * 128 ** this.#lengthBytes++
      const isWhole = byte < 128
      if (this.#length > this.#max || (!isWhole && this.#lengthBytes >= MAX_LENGTH_BYTES)) return 'a frame is too long'
      if (!isWhole) continue
      if (!allowed()) return 'too many frames'
      this.#left = this.#length
      this.#length = this.#lengthBytes = 0
    }
    return undefined
  }
}
