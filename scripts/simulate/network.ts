/**
 * Connections between nodes, and the traffic over them: frames arrive in order, after half a round trip plus some
 * jitter, and later if a packet was lost, because TCP sends it again. Counts the bytes of each purpose.
 */
import { roundTripMs } from './cities.js'
import type { Dice } from './dice.js'
import type { Frame, Purpose } from './frames.js'
import { Standing } from './mesh/standing.js'
import type { Processor } from './processor.js'
import type { VirtualTime } from './virtual-time.js'

/** How much longer than half a round trip a frame may take, as a fraction of it. */
const JITTER = 0.1
/**
 * How long TCP waits before it retransmits, in milliseconds in addition to the round trip (a lower bound in RFC 6298;
 * 200 in Linux).
 */
const RETRANSMIT_MS = 200

/** A node at an end of a connection. */
export interface Station {
  readonly id: number
  readonly city: number
  /** Whether its bytes are counted: traffic of nodes that follow no rules says nothing about the protocol. */
  readonly isHonest: boolean
  connected(link: Link): void
  disconnected(link: Link): void
  receive(link: Link, frame: Frame): void
}

/** One end of a connection. */
export class Link {
  /** The other end. */
  back!: Link
  isOpen = true
  /** When the last frame that was sent arrives. */
  arrivesAt = 0
  /** The peer's id, as text. */
  readonly name: string
  /** The peer's score in gossipsub. */
  readonly standing = new Standing()

  constructor(
    readonly owner: Station,
    readonly peer: Station,
    /** Whether the owner dialled. */
    readonly isOutbound: boolean,
    /** Milliseconds. */
    readonly oneWay: number,
  ) {
    this.name = String(peer.id)
  }
}

export interface Traffic {
  frames: number
  bytes: number
}

export class Network {
  readonly traffic: Readonly<Record<Purpose, Traffic>> = {
    news: { frames: 0, bytes: 0 },
    gossip: { frames: 0, bytes: 0 },
    mesh: { frames: 0, bytes: 0 },
    sync: { frames: 0, bytes: 0 },
  }
  readonly #time: VirtualTime
  readonly #processor: Processor
  readonly #dice: Dice
  readonly #loss: number
  /** Whether two stations can reach each other. */
  reaches: (a: Station, b: Station) => boolean = () => true

  /** `loss` is the fraction of frames of which a packet is lost. */
  constructor(time: VirtualTime, processor: Processor, dice: Dice, loss: number) {
    this.#time = time
    this.#processor = processor
    this.#dice = dice
    this.#loss = loss
  }

  /** Connects two stations. Returns the dialler's end; undefined if the other cannot be reached. */
  connect(from: Station, to: Station): Link | undefined {
    if (!this.reaches(from, to)) return undefined
    const oneWay = roundTripMs(from.city, to.city) / 2
    const link = new Link(from, to, true, oneWay)
    link.back = new Link(to, from, false, oneWay)
    link.back.back = link
    from.connected(link)
    to.connected(link.back)
    return link
  }

  disconnect(link: Link): void {
    if (!link.isOpen) return
    link.isOpen = link.back.isOpen = false
    link.owner.disconnected(link)
    link.peer.disconnected(link.back)
  }

  send(link: Link, frame: Frame): void {
    this.#processor.work(link.owner, 'send', () => this.#carry(link, frame))
  }

  #carry(link: Link, frame: Frame): void {
    if (!link.isOpen) return
    if (link.owner.isHonest) {
      const traffic = this.traffic[frame.purpose]
      traffic.frames++
      traffic.bytes += frame.bytes
    }
    const { oneWay, back } = link
    let takes = oneWay * (1 + JITTER * this.#dice.share())
    if (this.#loss > 0 && this.#dice.share() < this.#loss) takes += RETRANSMIT_MS + 2 * oneWay
    // A connection is one stream: nothing overtakes what was sent before.
    link.arrivesAt = Math.max(link.arrivesAt, this.#time.ms + takes)
    this.#time.at(link.arrivesAt, () =>
      this.#processor.work(back.owner, 'receive', () => {
        if (back.isOpen) back.owner.receive(back, frame)
      }),
    )
  }
}
