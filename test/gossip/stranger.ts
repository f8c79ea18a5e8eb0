/** A misbehaving peer: a bare libp2p host that writes arbitrary bytes to the streams of a node. */
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p, PrivateKey, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { lpStream, type LengthPrefixedStream } from '@libp2p/utils'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { afterEach } from 'vitest'
import { SYNC_PROTOCOL } from '../../src/gossip/sync/messages.js'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'
import type { TestNode } from './helpers.js'

const running = new Set<Libp2p>()
afterEach(async () => {
  const hosts = [...running]
  running.clear()
  await Promise.all(hosts.map(async (host) => host.stop()))
})

/** The initial yamux window of a stream, in bytes. */
const WINDOW = 256 * 1024

export async function startStranger(listen: string[] = [], privateKey?: PrivateKey): Promise<Libp2p> {
  const host = await createLibp2p({
    ...(privateKey && { privateKey }),
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    // With the minimum window, unread data stays with its sender.
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: WINDOW } })],
    services: { identify: identify() },
  })
  running.add(host)
  return host
}

export async function connect(host: Libp2p, node: Pick<TestNode, 'address'>): Promise<Connection> {
  return host.dial(multiaddr(node.address))
}

/** Opens the stream on which gossipsub listens, and accepts the one that it opens in return, unless a test does. */
export async function openGossip(
  host: Libp2p,
  node: Pick<TestNode, 'address'>,
  takes = true,
): Promise<LengthPrefixedStream<Stream>> {
  if (takes) await host.handle('/meshsub/1.1.0', (stream) => stream.addEventListener('message', () => undefined))
  const connection = await connect(host, node)
  return lpStream(await connection.newStream('/meshsub/1.1.0'))
}

export interface SyncStream {
  readonly stream: Stream
  /** Sends a request, an object or raw bytes, and reads the answer. */
  readonly ask: (request: object | Uint8Array) => Promise<unknown>
}

export async function openSync(connection: Connection): Promise<SyncStream> {
  const stream = await connection.newStream(SYNC_PROTOCOL)
  const frames = lpStream(stream)
  return {
    stream,
    async ask(request) {
      await frames.write(request instanceof Uint8Array ? request : utf8(JSON.stringify(request)))
      return JSON.parse(Buffer.from((await frames.read()).subarray()).toString()) as unknown
    },
  }
}

export interface Asked {
  readonly type: string
  readonly witness?: string
  readonly after?: string
  readonly promises?: readonly unknown[]
  readonly lines?: readonly unknown[]
}

export interface FakePeer {
  readonly host: Libp2p
  readonly id: string
  readonly address: string
  /** The requests it received, in order. */
  readonly requests: Asked[]
  /** The number of requests of this type. */
  readonly count: (type: string) => number
}

/** A peer with the answers of a test; if there is none, its stream breaks. */
export async function startFake(answer: (request: Asked) => unknown, privateKey?: PrivateKey): Promise<FakePeer> {
  const host = await startStranger(['/ip4/127.0.0.1/tcp/0'], privateKey)
  const requests: Asked[] = []
  const serve = async (stream: Stream): Promise<void> => {
    const frames = lpStream(stream)
    for (;;) {
      const request = JSON.parse(Buffer.from((await frames.read()).subarray()).toString()) as Asked
      requests.push(request)
      const said = await answer(request)
      if (said === undefined) return stream.abort(new Error('broken'))
      await frames.write(utf8(JSON.stringify(said)))
    }
  }
  await host.handle(SYNC_PROTOCOL, (stream) => serve(stream).catch(() => stream.close()), { maxInboundStreams: 8 })
  const count = (type: string): number => requests.filter((request) => request.type === type).length
  return { host, id: host.peerId.toString(), address: host.getMultiaddrs()[0]!.toString(), requests, count }
}

// ---- gossipsub frames, written by hand -------------------------------------------------------------------------

function varint(value: number): Uint8Array {
  const out: number[] = []
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) + 128)
  return Uint8Array.of(...out, value)
}

/** A length-delimited protobuf field. */
function field(number: number, bytes: Uint8Array): Uint8Array {
  return concatBytes(varint(number * 8 + 2), varint(bytes.length), bytes)
}

/** A frame of messages on a topic. */
export function messageFrame(topic: string, ...texts: (string | Uint8Array)[]): Uint8Array {
  return concatBytes(
    ...texts.map((text) =>
      field(2, concatBytes(field(2, typeof text === 'string' ? utf8(text) : text), field(4, utf8(topic)))),
    ),
  )
}

/** A frame that subscribes to topics. */
export function subscriptionFrame(topics: readonly string[]): Uint8Array {
  return concatBytes(...topics.map((topic) => field(1, concatBytes(Uint8Array.of(0x08, 1), field(2, utf8(topic))))))
}

/** A frame that claims to have messages, with this many random ids. */
export function ihaveFrame(topic: string, count: number): Uint8Array {
  const ids = Array.from({ length: count }, (_, i) => field(2, utf8(`made-up message id ${i}`)))
  return field(3, field(1, concatBytes(field(1, utf8(topic)), ...ids)))
}
