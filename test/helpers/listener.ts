/** A peer that only listens: it joins topics and passes their messages to the test, without judging them. */
import { gossipsub } from '@chainsafe/libp2p-gossipsub'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { messageId } from '../../src/gossip/topics.js'

/** Milliseconds between two checks for nodes that are not connected. */
const REDIAL_MS = 250

/** Stays connected to these addresses until it is stopped. */
export async function startListener(
  addresses: readonly string[],
  topics: readonly string[],
  hear: (data: Uint8Array) => void,
): Promise<{ stop: () => Promise<void> }> {
  const host = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { reconnectRetries: 0 },
    services: {
      identify: identify(),
      pubsub: gossipsub({
        globalSignaturePolicy: 'StrictNoSign',
        msgIdFn: (message) => messageId(message.topic, message.data),
        allowedTopics: [...topics],
        // No peer is excluded by its score: all the nodes of a test have one address.
        scoreThresholds: { gossipThreshold: -1e6, publishThreshold: -1e6, graylistThreshold: -1e6 },
      }),
    },
  })
  const { pubsub } = host.services
  pubsub.addEventListener('message', ({ detail }) => hear(detail.data))
  for (const topic of topics) pubsub.subscribe(topic)
  const look = (): void => {
    for (const address of addresses) {
      const peer = address.slice(address.lastIndexOf('/') + 1)
      if (host.getConnections().some(({ remotePeer }) => remotePeer.toString() === peer)) continue
      host.dial(multiaddr(address), { signal: AbortSignal.timeout(5_000) }).catch(() => undefined)
    }
  }
  look()
  const timer = setInterval(look, REDIAL_MS)
  return {
    stop: async () => {
      clearInterval(timer)
      await host.stop()
    },
  }
}
