/**
 * Watches gossipsub's frames before gossipsub reads them. Gossipsub limits what is in a frame, not how many there are:
 * 64 KiB of zeros are 65,536 empty frames, each decoded and handled separately, and no other peer is served meanwhile.
 * And when it cannot read a stream it forgets the peer, but the connection stays open and everything that arrives on it
 * is read and thrown away for ever. A peer that causes either loses its connection here.
 */
import type { GossipSubComponents } from '@chainsafe/libp2p-gossipsub'
import type { Connection, Stream } from '@libp2p/interface'
import { TokenBuckets } from '../../lib/token-buckets.js'

/**
 * Frames of one peer: at once, and per second in the long run. A message takes at most one frame, and another may say
 * that it need not be sent here. A peer may send us 200 new messages per second, and as many that are not new.
 */
const FRAME_BURST = 5000
const FRAMES_PER_SECOND = 500
/** Bytes of the length prefix of a frame: four hold up to 2^28 - 1. */
const MAX_LENGTH_BYTES = 4

export class FrameLimits {
  readonly #maxFrame: number
  readonly #onOffence: (peer: string) => void
  readonly #frames = new TokenBuckets(FRAME_BURST, FRAMES_PER_SECOND)

  /** `maxFrame`: the most bytes of a frame. */
  constructor(maxFrame: number, onOffence: (peer: string) => void) {
    this.#maxFrame = maxFrame
    this.#onOffence = onOffence
  }

  /** The components of a host for gossipsub, with each stream watched before gossipsub handles it. */
  over(components: GossipSubComponents): GossipSubComponents {
    const { privateKey, peerId, peerStore, registrar, connectionManager, logger } = components
    // Stream middleware would do, but libp2p 3.3 adds the handler to it again with every stream.
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
      // We are the first listener; gossipsub's comes after ours.
      if (isBroken) event.stopImmediatePropagation()
    })
    // Gossipsub does not open a new stream to a peer whose stream broke; a new connection gives it one.
    stream.addEventListener('close', ({ error }) => {
      if (error !== undefined) cut(connection, error)
    })
  }
}

/** Ends a connection once the current handlers have run: it may be about to announce its own end. */
function cut(connection: Connection, error: Error): void {
  queueMicrotask(() => {
    try {
      if (connection.status === 'open') connection.abort(error)
    } catch {
      // It was already closed.
    }
  })
}

/** Follows the frame lengths in a stream, and keeps nothing of the contents. */
class LengthReader {
  readonly #max: number
  /** Bytes of the current frame that are still to come. */
  #left = 0
  /** The partially read length, and the number of its bytes read so far. */
  #length = 0
  #lengthBytes = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Reads on, and calls `allowed` for each frame that begins. Returns what is wrong, if anything. */
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
