/** The model of gossipsub compared with gossipsub: its parameters, and how a message spreads in a mesh of hosts. */
import { multiaddr } from '@multiformats/multiaddr'
import { TopicValidatorResult } from '@chainsafe/libp2p-gossipsub'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Dice } from '../../scripts/simulate/dice.js'
import { Messages, type Frame } from '../../scripts/simulate/frames.js'
import { SimulatedMesh } from '../../scripts/simulate/mesh/mesh.js'
import { LIBRARY, productionRules } from '../../scripts/simulate/mesh/rules.js'
import { coreForEach } from '../../scripts/simulate/processor.js'
import { Network, type Link, type Station } from '../../scripts/simulate/network.js'
import { VirtualTime } from '../../scripts/simulate/virtual-time.js'
import { createHost, type Host } from '../../src/gossip/host/host.js'
import { headsTopic } from '../../src/gossip/topics.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { LOG, newPeerKey, until } from '../gossip/helpers.js'

const HOSTS = 16
/** Earlier nodes that each one dials. */
const DIALS = 5
const MESSAGES = 20
/** Heartbeats after which a mesh has settled, real or simulated. */
const SETTLING_BEATS = 6
const TOPIC = headsTopic(LOG)
const NO_OPINIONS = { overBudget: () => false, worth: () => 0 }

/** The connections to dial, the same for both. */
function dials(): [from: number, to: number][] {
  const dice = new Dice(7)
  return Array.from({ length: HOSTS }, (_, i) => i).flatMap((i) =>
    dice
      .shuffled(Array.from({ length: i }, (_, j) => j))
      .slice(0, DIALS)
      .map((to): [number, number] => [i, to]),
  )
}

/** Members of the class behind the service that its interface does not declare. */
interface Inside {
  readonly opts: Readonly<Record<string, unknown>> & { readonly scoreThresholds: unknown }
  readonly mesh: ReadonlyMap<string, ReadonlySet<string>>
  handleReceivedRpc(from: unknown, rpc: { readonly messages: readonly unknown[] }): Promise<void>
}

const inside = (host: Host): Inside => host.services.pubsub as unknown as Inside

/** Resolves after this many heartbeats of a host. */
function beats(host: Host, count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count
    host.services.pubsub.addEventListener('gossipsub:heartbeat', () => {
      if (--left === 0) resolve()
    })
  })
}

const hosts: Host[] = []
let received = 0

beforeAll(async () => {
  for (let i = 0; i < HOSTS; i++) {
    const host = await createHost({
      peerKey: await newPeerKey(),
      listen: [multiaddr('/ip4/127.0.0.1/tcp/0')],
      topics: [TOPIC],
      peers: { ...NO_OPINIONS, onOffence: () => undefined },
    })
    hosts.push(host)
    await host.start()
    host.services.pubsub.topicValidators.set(TOPIC, () => TopicValidatorResult.Accept)
    host.services.pubsub.subscribe(TOPIC)
  }
  for (const [from, to] of dials()) await hosts[from]!.dial(hosts[to]!.getMultiaddrs()[0]!)
  const sizes = (): number[] => hosts.map((host) => inside(host).mesh.get(TOPIC)?.size ?? 0)
  await until(() => Math.min(...sizes()) >= LIBRARY.Dout, 'all are in the mesh')
  await beats(hosts[0]!, SETTLING_BEATS)
}, 60_000)
afterAll(async () => {
  await Promise.all(hosts.map(async (host) => host.stop()))
})

describe('the simulated parameters', () => {
  test('are those of a real host', () => {
    const { opts } = inside(hosts[0]!)
    const rules = productionRules([TOPIC], NO_OPINIONS)
    expect(opts).toMatchObject({
      ...LIBRARY,
      D: rules.degree,
      Dhi: rules.most,
      opportunisticGraftTicks: rules.heartbeatsToBetter,
    })
    const { gossip, publish, graylist, opportunisticGraft } = rules.thresholds
    expect(opts.scoreThresholds).toMatchObject({
      gossipThreshold: gossip,
      publishThreshold: publish,
      graylistThreshold: graylist,
      opportunisticGraftThreshold: opportunisticGraft,
    })
  })
})

/** A simulated node that accepts everything. */
class Listener implements Station {
  readonly isHonest = true
  readonly city = 0
  received = 0
  readonly heard = new Set<number>()
  readonly mesh: SimulatedMesh

  constructor(
    readonly id: number,
    world: { time: VirtualTime; network: Network; messages: Messages },
    dice: Dice,
  ) {
    this.mesh = new SimulatedMesh({
      ...{ world, dice, rules: productionRules([TOPIC, 'another'], NO_OPINIONS) },
      validate: ({ number }, _link, decided) => {
        this.heard.add(number)
        decided('accept')
      },
    })
  }

  connected(link: Link): void {
    this.mesh.connected(link)
  }

  disconnected(link: Link): void {
    this.mesh.disconnected(link)
  }

  receive(link: Link, frame: Frame): void {
    if (frame.message !== undefined) this.received++
    this.mesh.receive(link, frame)
  }
}

async function simulated(): Promise<{ copies: number; heard: number[] }> {
  const time = new VirtualTime()
  const dice = new Dice(1)
  const world = { time, network: new Network(time, coreForEach(time), dice.fork(), 0), messages: new Messages(LOG) }
  const nodes = Array.from({ length: HOSTS }, (_, i) => new Listener(i, world, dice.fork()))
  for (const [from, to] of dials()) world.network.connect(nodes[from]!, nodes[to]!)
  for (let beats = 0; beats < SETTLING_BEATS; beats++) {
    for (const { mesh } of nodes) mesh.beat()
    await time.runUntil(time.ms + LIBRARY.heartbeatInterval)
  }
  for (let i = 0; i < MESSAGES; i++) {
    nodes[i % HOSTS]!.mesh.publish(world.messages.of(0, utf8(`message ${i}`)), false)
    await time.runUntil(time.ms + 100)
  }
  const copies = nodes.reduce((sum, node) => sum + node.received, 0) / MESSAGES / HOSTS
  return { copies, heard: nodes.map(({ heard }) => heard.size) }
}

describe('a message', () => {
  test('reaches a host as often as it reaches a simulated one, give or take a quarter', async () => {
    const heard = new Map<Host, Set<string>>(hosts.map((host) => [host, new Set()]))
    for (const host of hosts) {
      const handle = inside(host).handleReceivedRpc.bind(inside(host))
      vi.spyOn(inside(host), 'handleReceivedRpc').mockImplementation((from, rpc) => {
        received += rpc.messages.length
        return handle(from, rpc)
      })
      host.services.pubsub.addEventListener('message', ({ detail }) =>
        heard.get(host)!.add(Buffer.from(detail.data).toString()),
      )
    }
    for (let i = 0; i < MESSAGES; i++) {
      const data = utf8(`message ${i}`)
      await hosts[i % HOSTS]!.services.pubsub.publish(TOPIC, data)
      const others = hosts.filter((_, j) => j !== i % HOSTS)
      const all = (): boolean => others.every((host) => heard.get(host)!.has(`message ${i}`))
      await until(all, 'everybody has it')
    }
    const real = received / MESSAGES / HOSTS
    const { copies, heard: numbers } = await simulated()
    // Each receives all but those that it published itself.
    expect(numbers.every((count) => count >= MESSAGES - 2)).toBe(true)
    expect(copies / real).toBeGreaterThan(0.75)
    expect(copies / real).toBeLessThan(1.25)
  }, 60_000)
})
