/** An independent peer, over libp2p in the usual configuration: its only source about Gossum is docs/protocol.md. */
import { gossipsub, type GossipSub } from '@chainsafe/libp2p-gossipsub'
import { identify } from '@libp2p/identify'
import type { Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { lpStream } from '@libp2p/utils'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { identityText, messageIdOf, type Signer } from './formats.js'

const SYNC = '/gossum/sync/1'

export type Message = Record<string, unknown>

/** The answers of this peer, and what it states about itself. */
export interface Holdings {
  readonly witness: Signer
  readonly counts: readonly string[]
  heads: string[]
}

export class SecondPeer {
  readonly host: Libp2p<{ pubsub: GossipSub }>
  /** The requests it received, in order. */
  readonly asked: Message[] = []
  /** Messages by topic. */
  readonly heard = new Map<string, string[]>()
  readonly #holdings: Holdings

  private constructor(host: Libp2p<{ pubsub: GossipSub }>, holdings: Holdings) {
    this.host = host
    this.#holdings = holdings
  }

  static async start(holdings: Holdings, topics: readonly string[]): Promise<SecondPeer> {
    const host = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: {
        identify: identify(),
        pubsub: gossipsub({
          globalSignaturePolicy: 'StrictNoSign',
          msgIdFn: ({ topic, data }) => messageIdOf(topic, data),
          allowPublishToZeroTopicPeers: true,
        }),
      },
    })
    const peer = new SecondPeer(host, holdings)
    await host.handle(SYNC, (stream) => void peer.#serve(stream).catch(() => undefined), { maxInboundStreams: 8 })
    const { pubsub } = host.services
    pubsub.addEventListener('message', ({ detail: { topic, data } }) => {
      peer.heard.set(topic, [...(peer.heard.get(topic) ?? []), Buffer.from(data).toString()])
    })
    for (const topic of topics) pubsub.subscribe(topic)
    return peer
  }

  async connect(address: string): Promise<void> {
    await this.host.dial(multiaddr(address))
  }

  /** One request to a connected peer, on a stream of its own. */
  async ask(request: Message): Promise<Message> {
    const [connection] = this.host.getConnections()
    const stream = await connection!.newStream(SYNC)
    const frames = lpStream(stream)
    await frames.write(Buffer.from(JSON.stringify(request)))
    const answer = Buffer.from((await frames.read()).subarray()).toString()
    await stream.close()
    return JSON.parse(answer) as Message
  }

  hello(): Message {
    const { witness, counts, heads } = this.#holdings
    const signature = witness.sign(identityText(this.host.peerId.toString(), witness.key.vkey))
    return {
      type: 'hello',
      heads,
      // As Go writes an empty list; and a field of a future version.
      evidence: null,
      counts,
      witness: { key: witness.key.vkey, signature: signature.toString('base64') },
      time: Date.now(),
      madeBy: 'the second implementation',
    }
  }

  /** Publishes to the mesh; returns the number of peers that it was sent to. */
  async publish(topic: string, data: string | Buffer): Promise<number> {
    return (await this.host.services.pubsub.publish(topic, Buffer.from(data))).recipients.length
  }

  async stop(): Promise<void> {
    await this.host.stop()
  }

  async #serve(stream: Stream): Promise<void> {
    const frames = lpStream(stream)
    for (;;) {
      const request = JSON.parse(Buffer.from((await frames.read()).subarray()).toString()) as Message
      this.asked.push(request)
      await frames.write(Buffer.from(JSON.stringify(this.#answer(request))))
    }
  }

  #answer(request: Message): Message {
    switch (request['type']) {
      case 'hello':
        return this.hello()
      case 'signed':
        return { type: 'signed', heads: null, promises: null }
      case 'evidence':
        return { type: 'evidence', files: null }
      default:
        return { type: 'error', code: 'unknown-request' }
    }
  }
}
