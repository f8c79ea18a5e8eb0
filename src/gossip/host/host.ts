/**
 * Builds the libp2p host: TCP, noise, yamux, identify, ping and gossipsub, with every limit far below its default. A
 * stranger may connect to us; this file bounds what one may cost us.
 */
import { gossipsub, type GossipSub, type GossipSubComponents } from '@chainsafe/libp2p-gossipsub'
import type { TopicScoreParams } from '@chainsafe/libp2p-gossipsub/score'
import { identify, type Identify, type IdentifyComponents } from '@libp2p/identify'
import type { Libp2p, PeerDiscovery, PrivateKey } from '@libp2p/interface'
import { mdns, type MulticastDNSComponents } from '@libp2p/mdns'
import { noise } from '@libp2p/noise'
import { ping, type Ping, type PingComponents } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { VERSION } from '../../version.js'
import { withPeer } from './address.js'
import { forgetStrangers } from './forgetting.js'
import { gatheringWrites } from './gathered-writes.js'
import { FrameLimits } from './frame-limits.js'
import { ConnectionGate } from './connection-gater.js'
import { MESH, SCORE, scoreParams, topicScore, type PeerOpinions } from './score.js'
import { identifyAgain } from './identify-again.js'
import { cancelLastUpdate, withoutLastHeartbeat } from './last-timers.js'
import { libp2pLogger } from './silent-logger.js'
import { noiseCrypto } from './noise-crypto.js'
import { IDENTIFY_LIMITS, PING_LIMITS, StreamWatch } from './stream-limits.js'
import { MAX_MESSAGE_BYTES, messageId } from '../topics.js'

/** Limits of connections, in addition to those of connection-gater.ts. */
const CONNECTION_LIMITS = {
  /** Connections in total, including those about to be closed. */
  connections: 160,
  /** Inbound connections from one address per second: all nodes of a site may start at once. */
  perAddressPerSecond: 64,
  /** Inbound connections with an unfinished handshake. */
  pending: 128,
  /** Parallel dials. */
  parallelDials: 16,
  queuedDials: 64,
  /** Addresses tried per peer: the peer chose them, and we would dial every one. */
  addressesPerPeer: 8,
} as const

/** In milliseconds. */
const TIMEOUTS = {
  dial: 5_000,
  inboundUpgrade: 5_000,
  /** Gossipsub opens its streams one after the other: a peer that stalls one delays all others. */
  negotiation: 3_000,
  identify: 5_000,
  ping: 5_000,
  /** Between two pings of a connection, which end a dead one: each is a separate stream at both ends. */
  pingInterval: 60_000,
} as const

/** Streams that a peer may hold open on one connection; honest ones need about six. */
const STREAMS_PER_CONNECTION = 32
/** Streams of one gossipsub version on one connection: the current one, and one that replaces it. */
const GOSSIP_STREAMS = 2
/** Bytes queued for a peer that reads slowly, per stream; beyond that the stream is reset. */
const WRITE_BUFFER_BYTES = 1024 * 1024
/** Bytes received and not yet read by us, per stream. */
const READ_BUFFER_BYTES = 1024 * 1024
/** The yamux window of a stream, in bytes: the smallest possible, since our messages are small. */
const STREAM_WINDOW_BYTES = 256 * 1024
/** The largest identify message, in bytes. */
const IDENTIFY_BYTES = 8 * 1024

/**
 * The largest gossipsub frame, in bytes. One frame may carry all the messages of three seconds that a peer asked for,
 * so it must hold several of the largest. A longer frame costs its sender the stream.
 */
const MAX_RPC_BYTES = 16 * MAX_MESSAGE_BYTES
/**
 * Entries of one gossipsub frame. A frame that exceeds one of these limits is dropped whole and unread (CVE-2026-46679:
 * a 4 MiB frame held 349,525 subscriptions). So they are above what an honest node sends with 96 logs, the most that
 * one follows.
 */
const RPC_LIMITS = {
  maxSubscriptions: 256,
  maxMessages: 512,
  maxIhaveMessageIDs: 1024,
  maxIwantMessageIDs: 1024,
  maxIdontwantMessageIDs: 512,
  maxControlMessages: 256,
  maxPeerInfos: 16,
} as const
/** Bytes of topic names that gossipsub remembers per peer, each counted as 1 KiB. */
const TOPIC_BYTES_PER_PEER = 256 * 1024

/**
 * The parts of gossipsub that its interface does not declare: scores, the recipients and other senders of a message,
 * and which peers have an outbound stream.
 */
export interface PubSub extends GossipSub {
  getScore(peer: string): number
  /** With floodPublish, sends to every peer on an allowed topic, otherwise to the mesh. */
  publish(topic: string, data?: Uint8Array, options?: { floodPublish?: boolean }): ReturnType<GossipSub['publish']>
  readonly streamsOutbound: ReadonlyMap<string, unknown>
  /** The only topics whose messages are processed. */
  readonly allowedTopics: Set<string>
  /** The neighbours on a topic, as peer ids. */
  getMeshPeers(topic: string): string[]
  readonly score: {
    readonly params: { readonly topics: Record<string, TopicScoreParams> }
    readonly deliveryRecords: { getRecord(id: string): { readonly peers: ReadonlySet<string> } | undefined }
  }
  readonly msgIdToStrFn: (id: Uint8Array) => string
}

export type Host = Libp2p<{ pubsub: PubSub; ping: Ping; identify: Identify }>

export interface HostOptions {
  readonly peerKey: PrivateKey
  readonly listen: readonly Multiaddr[]
  /** Every topic that this node is on; it ignores all others. */
  readonly topics: readonly string[]
  readonly peers: PeerOpinions & {
    /** Called with a peer that lost its connection because of what it opened or sent. */
    readonly onOffence: (peer: string) => void
    /** Whether a connected peer keeps its connection when there are too many. */
    readonly isKept?: (peer: string) => boolean
  }
  /** Addresses to tell peers instead of the listening ones; if empty, those that were discovered. */
  readonly announce?: readonly Multiaddr[]
  /** Called with the addresses of a node that announces itself on the local network; if absent, mDNS is off. */
  readonly onDiscovered?: ((addresses: readonly string[]) => void) | undefined
}

/** The mDNS service name of our nodes; other libp2p hosts use others. */
const MDNS_SERVICE = '_gossum._udp.local'

/** Builds a host that is not started: handlers must be installed before the first peer asks what we speak. */
export async function createHost(options: HostOptions): Promise<Host> {
  const { overBudget, onOffence, isKept = () => false } = options.peers
  const gate = new ConnectionGate(overBudget, isKept)
  const streams = new StreamWatch(onOffence)
  const pubsub = createPubSub(options)
  const frames = new FrameLimits(MAX_RPC_BYTES, onOffence)
  const host = await createLibp2p({
    start: false,
    ...libp2pLogger(),
    privateKey: options.peerKey,
    nodeInfo: { name: 'gossum', version: VERSION, userAgent: `gossum/${VERSION}` },
    addresses: {
      listen: options.listen.map((address) => address.toString()),
      announce: (options.announce ?? []).map((address) => address.toString()),
    },
    transports: [tcp()],
    connectionEncrypters: [gatheringWrites(noise({ crypto: noiseCrypto }))],
    streamMuxers: [
      streams.muxers(
        yamux({
          maxInboundStreams: STREAMS_PER_CONNECTION,
          maxOutboundStreams: STREAMS_PER_CONNECTION,
          streamOptions: {
            initialStreamWindowSize: STREAM_WINDOW_BYTES,
            maxStreamWindowSize: STREAM_WINDOW_BYTES,
            maxReadBufferLength: READ_BUFFER_BYTES,
            maxWriteBufferLength: WRITE_BUFFER_BYTES,
          },
        }),
      ),
    ],
    connectionGater: gate,
    // At libp2p's ten seconds, pings would be more than half of the work of an idle node.
    connectionMonitor: { pingInterval: TIMEOUTS.pingInterval },
    connectionManager: {
      maxConnections: CONNECTION_LIMITS.connections,
      inboundConnectionThreshold: CONNECTION_LIMITS.perAddressPerSecond,
      maxIncomingPendingConnections: CONNECTION_LIMITS.pending,
      maxParallelDials: CONNECTION_LIMITS.parallelDials,
      maxDialQueueLength: CONNECTION_LIMITS.queuedDials,
      maxPeerAddrsToDial: CONNECTION_LIMITS.addressesPerPeer,
      dialTimeout: TIMEOUTS.dial,
      inboundUpgradeTimeout: TIMEOUTS.inboundUpgrade,
      inboundStreamProtocolNegotiationTimeout: TIMEOUTS.negotiation,
      outboundStreamProtocolNegotiationTimeout: TIMEOUTS.negotiation,
      // The bootstrap dialer decides better which peers to reconnect to.
      reconnectRetries: 0,
    },
    peerDiscovery: options.onDiscovered === undefined ? [] : [localNetwork(options.onDiscovered)],
    services: {
      identify: (components: IdentifyComponents) =>
        identify({ timeout: TIMEOUTS.identify, maxMessageSize: IDENTIFY_BYTES })(
          streams.service(components, IDENTIFY_LIMITS),
        ),
      ping: (components: PingComponents) => ping({ timeout: TIMEOUTS.ping })(streams.service(components, PING_LIMITS)),
      pubsub: (components: GossipSubComponents) => withoutLastHeartbeat(pubsub(frames.over(components))),
    },
  })
  // The class behind the service has everything that PubSub declares.
  const typed = host as unknown as Host
  gate.watch(host)
  typed.addEventListener('connection:open', ({ detail }) => streams.opened(detail))
  forgetStrangers(host, typed.services.pubsub)
  identifyAgain(typed)
  cancelLastUpdate(host)
  return typed
}

function createPubSub(options: HostOptions): ReturnType<typeof gossipsub> {
  return gossipsub({
    // Notes and evidence authenticate themselves; the sender's signature would add nothing but its name.
    globalSignaturePolicy: 'StrictNoSign',
    msgIdFn: (message) => messageId(message.topic, message.data),
    allowedTopics: [...options.topics],
    decodeRpcLimits: RPC_LIMITS,
    maxInboundDataLength: MAX_RPC_BYTES,
    maxTopicBytesPerPeer: TOPIC_BYTES_PER_PEER,
    maxOutboundBufferSize: WRITE_BUFFER_BYTES,
    maxInboundStreams: GOSSIP_STREAMS,
    maxOutboundStreams: GOSSIP_STREAMS,
    fallbackToFloodsub: false,
    D: MESH.degree,
    Dhi: MESH.most,
    opportunisticGraftTicks: MESH.heartbeatsToBetter,
    // To the mesh, not to all connections: the cost of a head must not grow with their number.
    floodPublish: false,
    emitSelf: false,
    // Hellos name other peers, with addresses that were checked; gossipsub would dial any signed address.
    doPX: false,
    // A single node has no peers to publish to, and a head may come back to its publisher: neither is an error.
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    scoreParams: scoreParams(options.topics, options.peers),
    scoreThresholds: {
      gossipThreshold: SCORE.gossip,
      publishThreshold: SCORE.publish,
      graylistThreshold: SCORE.graylist,
      acceptPXThreshold: Infinity,
      opportunisticGraftThreshold: SCORE.opportunisticGraft,
    },
  })
}

/** The peers besides the first that have sent a message still being judged: none of them can have it from us. */
export function otherSenders({ score, msgIdToStrFn }: PubSub, topic: string, data: Uint8Array): readonly string[] {
  return [...(score.deliveryRecords.getRecord(msgIdToStrFn(messageId(topic, data)))?.peers ?? [])]
}

/** From now on a host takes part in these topics, and no others. */
export function allowTopics({ services: { pubsub } }: Pick<Host, 'services'>, topics: readonly string[]): void {
  const { params } = pubsub.score
  for (const name of pubsub.allowedTopics) if (!topics.includes(name)) pubsub.allowedTopics.delete(name)
  for (const name of topics) {
    pubsub.allowedTopics.add(name)
    // A peer's score on a topic that we left is kept while the peer is connected.
    params.topics[name] ??= topicScore()
  }
}

/** Announces this node on the local network and reports others. Without multicast it stays silent. */
function localNetwork(onDiscovered: (addresses: readonly string[]) => void) {
  return (components: MulticastDNSComponents): PeerDiscovery => {
    const service = mdns({ serviceTag: MDNS_SERVICE })(components)
    service.addEventListener('peer', ({ detail: { id, multiaddrs } }) => {
      onDiscovered(multiaddrs.map((address) => withPeer(address, id)))
    })
    return service
  }
}
