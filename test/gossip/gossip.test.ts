import { multiaddr } from '@multiformats/multiaddr'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { TokenBuckets } from '../../src/lib/token-buckets.js'
import { DeliveredNews } from '../../src/gossip/host/delivered-news.js'
import { FloodMeter } from '../../src/gossip/host/flood.js'
import { GossipDoor } from '../../src/gossip/gossip.js'
import { createHost } from '../../src/gossip/host/host.js'
import { evidenceTopic, headsTopic } from '../../src/gossip/topics.js'
import { utf8 } from '../../src/tlog/bytes.js'
import type { Candidate } from '../../src/witness/head.js'
import type { Outcome } from '../../src/witness/outcome.js'
import { LOG, MemoryHandlers, newPeerKey, publishWhenHeard, startNode, until, type TestNode } from './helpers.js'
import { ihaveFrame, messageFrame, openGossip, startStranger, subscriptionFrame } from './stranger.js'

const TOPIC = headsTopic(LOG)

function scoreOf(node: TestNode, peerId: string): number {
  return node.mesh.peers().find((peer) => peer.peerId === peerId)?.score ?? NaN
}

describe('the gossip door', () => {
  it('lowers the score of a peer that sends provably invalid messages', async () => {
    const node = await startNode()
    const stranger = await startStranger()
    const gossip = await openGossip(stranger, node)
    await gossip.write(messageFrame(TOPIC, 'bad 1', 'bad 2', 'bad 3'))
    await until(() => scoreOf(node, stranger.peerId.toString()) < -100, 'not listened to')
  })

  it('rejects evidence that proves nothing, and messages over the size limit', async () => {
    const node = await startNode()
    const [liar, shouter] = [await startStranger(), await startStranger()]
    await (await openGossip(liar, node)).write(messageFrame(evidenceTopic(LOG), 'bad evidence'))
    await (await openGossip(shouter, node)).write(messageFrame(TOPIC, new Uint8Array(65_537)))
    await until(() => scoreOf(node, liar.peerId.toString()) < 0, 'the liar is scored')
    await until(() => scoreOf(node, shouter.peerId.toString()) < 0, 'the shouter is scored')
    // The message that is too long was not examined.
    expect(node.handlers.texts).toEqual([])
  })

  it('ignored messages are neither relayed nor held against their senders', async () => {
    const node = await startNode()
    const third = await startNode({ bootstrap: [node.address] })
    const warm = await publishWhenHeard(node, 'warm')
    await third.handlers.receives(warm)
    const stranger = await startStranger()
    const gossip = await openGossip(stranger, node)
    const known = await publishWhenHeard(node, 'known')
    await node.handlers.submit({ source: 'poll', note: utf8(`${known} again`), receivedAt: 0 })
    await gossip.write(messageFrame(TOPIC, 'stranger 1', 'throw 1', `${known} again`, 'news'))
    await third.handlers.receives('news')
    expect(node.handlers.texts).toEqual(expect.arrayContaining(['stranger 1', 'throw 1', `${known} again`, 'news']))
    expect(third.handlers.texts.filter((text) => !/^(warm|known) \d+$/.test(text))).toEqual(['news'])
    // An exception in a handler is our bug: reported, without a penalty.
    expect(node.errors).toEqual([expect.objectContaining({ message: 'a bug of ours' })])
    await until(() => scoreOf(node, stranger.peerId.toString()) > 0, 'the news were to its credit')
  })

  it('credits a peer for evidence, but not a second peer for the same evidence', async () => {
    const node = await startNode()
    const [first, second] = [await startStranger(), await startStranger()]
    await (await openGossip(first, node)).write(messageFrame(evidenceTopic(LOG), '{"evidence":1}', '{"evidence":2}'))
    await node.handlers.when(() => node.handlers.files.size === 2)
    const gossip = await openGossip(second, node)
    await gossip.write(messageFrame(evidenceTopic(LOG), '{"evidence":1}', '{"evidence":2}'))
    await gossip.write(messageFrame(TOPIC, 'stranger'))
    await node.handlers.receives('stranger')
    await until(() => scoreOf(node, first.peerId.toString()) > 1, 'the first was paid')
    expect(scoreOf(node, second.peerId.toString())).toBe(0)
  })

  it('credits each peer that sends a message before it is judged', async () => {
    let release: () => void = () => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    class SlowHandlers extends MemoryHandlers {
      override async submit(candidate: Candidate): Promise<Outcome> {
        await released
        return super.submit(candidate)
      }
    }
    const node = await startNode({ handlers: new SlowHandlers() })
    const strangers = await Promise.all(Array.from({ length: 3 }, () => startStranger()))
    const streams = await Promise.all(strangers.map((stranger) => openGossip(stranger, node)))
    const ids = strangers.map(({ peerId }) => peerId.toString())
    for (const stream of streams.slice(0, 2)) await stream.write(messageFrame(TOPIC, 'news'))
    // Later messages on the same stream show that it has arrived.
    for (const [i, stream] of streams.entries()) await stream.write(messageFrame(evidenceTopic(LOG), `{"n":${i}}`))
    await node.handlers.when(() => node.handlers.files.size === 3)
    release()
    await node.handlers.receives('news')
    await streams[2]!.write(messageFrame(TOPIC, 'news'))
    await until(() => ids.slice(0, 2).every((id) => scoreOf(node, id) > 1.5), 'both were paid')
    expect(scoreOf(node, ids[2]!), 'for its evidence alone').toBeLessThanOrEqual(1)
  })

  it('does not read messages of topics that it is not subscribed to', async () => {
    const node = await startNode()
    const gossip = await openGossip(await startStranger(), node)
    await gossip.write(messageFrame(headsTopic('0'.repeat(64)), 'elsewhere'))
    await gossip.write(messageFrame('chat', 'hello'))
    await gossip.write(messageFrame(TOPIC, 'here'))
    await node.handlers.receives('here')
    expect(node.handlers.texts).toEqual(['here'])
  })

  it('limits the undecided messages of each peer', async () => {
    const node = await startNode()
    const [busy, other] = [await startStranger(), await startStranger()]
    const gossip = await openGossip(busy, node)
    const hanging = Array.from({ length: 518 }, (_, i) => `hang ${i}`)
    await gossip.write(messageFrame(TOPIC, ...hanging.slice(0, 300)))
    await gossip.write(messageFrame(TOPIC, ...hanging.slice(300)))
    await until(() => node.handlers.texts.length + node.drops.length === 518, 'all of them')
    expect(node.drops).toEqual(Array(6).fill('gossip-busy'))
    expect(node.handlers.texts).toHaveLength(512)
    await (await openGossip(other, node)).write(messageFrame(TOPIC, 'still open'))
    await node.handlers.receives('still open')
  })

  it('stops listening to a peer that floods', async () => {
    const node = await startNode()
    const stranger = await startStranger()
    const gossip = await openGossip(stranger, node)
    for (let frame = 0; frame < 25; frame++) {
      const texts = Array.from({ length: 100 }, (_, i) => `stranger ${frame} ${i}`)
      await gossip.write(messageFrame(TOPIC, ...texts))
    }
    await until(() => scoreOf(node, stranger.peerId.toString()) < -100, 'not listened to')
    expect(node.drops).toContain('gossip-flood')
  })

  it('survives a frame that is too long: only its sender is disconnected', async () => {
    const node = await startNode()
    const friend = await startNode({ bootstrap: [node.address] })
    const stranger = await startStranger()
    const gossip = await openGossip(stranger, node)
    // A length of 1 MiB and one byte, with nothing after it.
    gossip.unwrap().send(new Uint8Array([0x81, 0x80, 0x40]))
    await expect.poll(() => stranger.getConnections(), { timeout: 20_000 }).toHaveLength(0)
    const text = await publishWhenHeard(node, 'head')
    await friend.handlers.receives(text)
  })

  it('keeps no state from floods of subscriptions and message ids', async () => {
    const handlers = new MemoryHandlers()
    const meter = new FloodMeter()
    const host = await createHost({
      peerKey: await newPeerKey(),
      listen: [multiaddr('/ip4/127.0.0.1/tcp/0')],
      topics: [TOPIC],
      peers: { worth: () => 0, overBudget: () => false, onOffence: () => undefined },
    })
    await host.start()
    try {
      const reports = { onError: () => undefined, onDropped: () => undefined }
      new GossipDoor(
        host.services.pubsub,
        new Set([LOG]),
        { meter, news: new DeliveredNews(() => []) },
        handlers,
        reports,
      ).start()
      const gossip = await openGossip(await startStranger(), { address: host.getMultiaddrs()[0]!.toString() })
      // Subscribed to one topic, so that its score counts for the flood.
      await gossip.write(subscriptionFrame([TOPIC]))
      await until(() => host.services.pubsub.getSubscribers(TOPIC).length === 1, 'subscribed')
      const before = heapUsed()
      const topics = (from: number, count: number): string[] =>
        Array.from({ length: count }, (_, i) => `/flood/${from + i}/${'x'.repeat(40)}`)
      for (let i = 0; i < 100_000; i += 10_000) await gossip.write(subscriptionFrame(topics(i, 10_000)))
      for (let i = 0; i < 100_000; i += 250) await gossip.write(subscriptionFrame(topics(i, 250)))
      for (let i = 0; i < 5; i++) await gossip.write(ihaveFrame(TOPIC, 10_000))
      await gossip.write(messageFrame(TOPIC, 'after the flood'))
      await handlers.receives('after the flood')
      const { topics: known } = host.services.pubsub as unknown as { topics: Map<string, unknown> }
      expect([...known.keys()]).toEqual([TOPIC])
      expect(heapUsed() - before).toBeLessThan(8 * 1024 * 1024)
    } finally {
      await host.stop()
    }
  })
})

/** Bytes in use after a full collection. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}

describe('a budget', () => {
  it('allows a burst, and then a fixed rate', () => {
    const budget = new TokenBuckets(3, 2)
    const takes = (now: number, times: number): boolean[] => Array.from({ length: times }, () => budget.take('a', now))
    expect(takes(1000, 4)).toEqual([true, true, true, false])
    expect(takes(1499, 1)).toEqual([false])
    expect(takes(2000, 3)).toEqual([true, true, false])
    // It never saves up more than the burst, and a clock that goes back changes nothing.
    expect(takes(1_000_000, 4)).toEqual([true, true, true, false])
    expect(takes(0, 1)).toEqual([false])
    expect(budget.take('b', 0)).toBe(true)
  })

  it('stays bounded with any number of peers', () => {
    const budget = new TokenBuckets(1, 0.001)
    for (let i = 0; i < 5000; i++) expect(budget.take(`peer ${i}`, i)).toBe(true)
    // Remembered peers stay in debt; a peer displaced by 1024 others starts again.
    for (const peer of [4999, 4500, 4000]) expect(budget.take(`peer ${peer}`, 5000)).toBe(false)
    expect(budget.take('peer 0', 5000)).toBe(true)
  })

  it('pauses only the flooding peer, and only for a while', () => {
    const meter = new FloodMeter()
    for (let i = 0; i < 2000; i++) expect(meter.count('a', 0)).toBe(true)
    expect(meter.isPaused('a', 0)).toBe(false)
    expect(meter.count('a', 0)).toBe(false)
    expect([meter.isPaused('a', 9_999), meter.isPaused('a', 10_000), meter.isPaused('b', 0)]).toEqual([
      true,
      false,
      false,
    ])
  })
})
