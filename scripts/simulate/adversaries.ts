/**
 * Nodes that follow no rules. All of them connect to many nodes, ask to be in every mesh, and pass nothing on. In
 * addition:
 *
 * - silent: nothing. It only takes the slot that an honest neighbour would have.
 * - liar: sends heads that the log never signed, and announces messages that nobody has.
 * - eclipser: silent, and connects to all nodes that the log lies to.
 * - spammer: names keys of its own in its hello, so that honest neighbours relay what they sign, and cosigns each head
 * with all of them.
 */
import { utf8 } from '../../src/tlog/bytes.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, type SignerKey } from '../../src/tlog/note.js'
import { withLines } from '../../src/witness/signing.js'
import type { Dice } from './dice.js'
import type { Frame, Message, Messages } from './frames.js'
import type { Link, Network, Station } from './network.js'
import { LIBRARY } from './mesh/rules.js'
import type { VirtualTime } from './virtual-time.js'

export type AdversaryKind = 'silent' | 'liar' | 'eclipser' | 'spammer'

/** Milliseconds between two lies of a liar. */
const LIE_MS = 2_000
/** Messages that nobody has, announced with each lie. */
const MADE_UP = 16

export interface AdversaryWorld {
  readonly time: VirtualTime
  readonly network: Network
  readonly messages: Messages
  readonly spam: Spam
}

/** What all spammers sign together: each line is made once, for all spammers and receivers. */
export class Spam {
  readonly signers: readonly SignerKey[]
  readonly #lines = new Map<string, readonly Message[]>()

  constructor(signers: readonly SignerKey[]) {
    this.signers = signers
  }

  /** The head with the line of each key, one message per key. */
  of(head: Message, messages: Messages, time: number): readonly Message[] {
    const note = parseNote(head.data)
    const bare = { text: note.text, signatures: note.signatures.slice(0, 1) }
    let lines = this.#lines.get(note.text)
    if (lines === undefined) {
      lines = this.signers.map((signer) =>
        messages.of(0, formatNote(withLines(bare, [cosign(note.text, time, signer)]))),
      )
      this.#lines.set(note.text, lines)
    }
    return lines
  }
}

export class Adversary implements Station {
  readonly isHonest = false
  readonly namesKeys: boolean
  readonly #links = new Set<Link>()
  readonly #heads = new Set<number>()
  #lies = 0

  constructor(
    readonly id: number,
    readonly city: number,
    readonly kind: AdversaryKind,
    readonly world: AdversaryWorld,
    readonly dice: Dice,
  ) {
    this.namesKeys = kind === 'spammer'
  }

  start(): void {
    if (this.kind === 'liar') this.world.time.after(this.dice.share() * LIE_MS, () => this.#lie())
  }

  connected(link: Link): void {
    this.#links.add(link)
    this.world.time.after(this.dice.share() * LIBRARY.heartbeatInterval, () => this.#graft(link))
  }

  disconnected(link: Link): void {
    this.#links.delete(link)
  }

  receive(link: Link, { prune, message }: Frame): void {
    // Grafting again too early would cost it its standing.
    if (prune !== undefined)
      this.world.time.after(LIBRARY.pruneBackoff + 2 * LIBRARY.heartbeatInterval, () => this.#graft(link))
    if (this.kind === 'spammer' && message?.topic === 0) this.#spam(message)
  }

  #graft(link: Link): void {
    this.world.network.send(link, this.world.messages.graft([0, 1]))
  }

  #lie(): void {
    const { time, network, messages } = this.world
    const lie = messages.of(
      0,
      utf8(
        `go.sum database tree\n${this.id * 1000 + this.#lies++}\n${'A'.repeat(43)}=\n\n— log.example AAAAA${'A'.repeat(87)}\n`,
      ),
    )
    const told = messages.ihave(
      0,
      Array.from({ length: MADE_UP }, (_, i) => -1 - i - MADE_UP * (this.#lies + 1000 * this.id)),
    )
    for (const link of this.#links) {
      network.send(link, lie.frame)
      network.send(link, told)
    }
    time.after(LIE_MS, () => this.#lie())
  }

  #spam(head: Message): void {
    const { time, network, messages, spam } = this.world
    if (this.#heads.has(head.number)) return
    this.#heads.add(head.number)
    const lines = spam.of(head, messages, Math.floor(time.now() / 1000))
    if (lines.includes(head)) return
    for (const line of lines) {
      if (this.#heads.has(line.number)) continue
      this.#heads.add(line.number)
      for (const link of this.#links) network.send(link, line.frame)
    }
  }
}
