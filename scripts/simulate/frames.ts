/** The frames between nodes, and their length in bytes: gossipsub's frames as the library itself encodes them. */
import { RPC } from '@chainsafe/libp2p-gossipsub/message'
import { evidenceTopic, headsTopic, messageId, type TopicKind } from '../../src/gossip/topics.js'
import { toHex } from '../../src/tlog/bytes.js'
import type { SimulatedNode } from './node.js'
import type { Link } from './network.js'

/** The two topics of the log that is followed. */
export const TOPICS = ['heads', 'evidence'] as const satisfies readonly TopicKind[]
/** An index into TOPICS. */
export type TopicIndex = 0 | 1

/** The purposes of traffic: messages, announcements of messages, the mesh itself, and requests of sync. */
export type Purpose = 'news' | 'gossip' | 'mesh' | 'sync'

/** Bytes around each frame: its length, yamux's header, and noise's length and tag. */
const AROUND_FRAME = 2 + 12 + 2 + 16
/** Bytes of a message id. */
const ID_BYTES = 32

export interface Message {
  /** Counted from 0 in the order in which messages were first sent. */
  readonly number: number
  readonly topic: TopicIndex
  readonly data: Uint8Array
  readonly frame: Frame
}

export interface Frame {
  readonly purpose: Purpose
  readonly bytes: number
  readonly message?: Message
  readonly graft?: readonly TopicIndex[]
  readonly prune?: readonly TopicIndex[]
  /** Numbers of messages. */
  readonly ihave?: { readonly topic: TopicIndex; readonly numbers: readonly number[] }
  readonly iwant?: readonly number[]
  /** A request or answer of sync, executed at the receiving node; `link` is the connection that it came over. */
  readonly call?: (at: SimulatedNode, link: Link) => void
}

/** All messages of a simulation, each once: nodes pass on numbers instead of bytes. */
export class Messages {
  readonly names: readonly string[]
  readonly #all: Message[] = []
  readonly #numbers = new Map<string, number>()
  /** Lengths of frames with ids, by topic (none for requests) and count: all ids have one length. */
  readonly #lengths = new Map<string, number>()

  constructor(log: string) {
    this.names = [headsTopic(log), evidenceTopic(log)]
  }

  of(topic: TopicIndex, data: Uint8Array): Message {
    const id = toHex(messageId(this.names[topic]!, data))
    const known = this.#numbers.get(id)
    if (known !== undefined) return this.#all[known]!
    const bytes = encodedLength({ messages: [{ topic: this.names[topic]!, data }] })
    const frame: { -readonly [Field in keyof Frame]: Frame[Field] } = { purpose: 'news', bytes }
    const message: Message = { number: this.#all.length, topic, data, frame }
    frame.message = message
    this.#numbers.set(id, message.number)
    this.#all.push(message)
    return message
  }

  numbered(number: number): Message | undefined {
    return this.#all[number]
  }

  ihave(topic: TopicIndex, numbers: readonly number[]): Frame {
    const bytes = this.#length(`${topic} ${numbers.length}`, () => ({
      ihave: [{ topicID: this.names[topic]!, messageIDs: idsOf(numbers) }],
    }))
    return { purpose: 'gossip', bytes, ihave: { topic, numbers } }
  }

  iwant(numbers: readonly number[]): Frame {
    const bytes = this.#length(String(numbers.length), () => ({ iwant: [{ messageIDs: idsOf(numbers) }] }))
    return { purpose: 'gossip', bytes, iwant: numbers }
  }

  graft(topics: readonly TopicIndex[]): Frame {
    const graft = topics.map((topic) => ({ topicID: this.names[topic]! }))
    return { purpose: 'mesh', bytes: encodedLength({ control: { ...NO_CONTROL, graft } }), graft: topics }
  }

  prune(topics: readonly TopicIndex[]): Frame {
    const prune = topics.map((topic) => ({ topicID: this.names[topic]!, peers: [], backoff: 60 }))
    return { purpose: 'mesh', bytes: encodedLength({ control: { ...NO_CONTROL, prune } }), prune: topics }
  }

  #length(name: string, control: () => Partial<RPC.ControlMessage>): number {
    let length = this.#lengths.get(name)
    if (length === undefined)
      this.#lengths.set(name, (length = encodedLength({ control: { ...NO_CONTROL, ...control() } })))
    return length
  }
}

const NO_CONTROL = { ihave: [], iwant: [], graft: [], prune: [], idontwant: [] }

/** Only the length of ids matters here. */
function idsOf(numbers: readonly number[]): Uint8Array[] {
  return numbers.map(() => new Uint8Array(ID_BYTES))
}

function encodedLength(rpc: Partial<RPC>): number {
  return RPC.encode({ subscriptions: [], messages: [], ...rpc }).length + AROUND_FRAME
}
