/** Nodes that know nothing of each other meet on their local network: a network namespace of their own. */
import { execFileSync } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import type { NodeEvent } from '../../src/node/events.js'
import { FleetNode } from '../helpers/fleet-node.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'

const log = `${testSigner('log.example', 1).verifier.vkey} http://127.0.0.1:1`

type PeerEvent = Extract<NodeEvent, { event: 'peer' }>

function isMeeting(other: FleetNode) {
  return (event: NodeEvent): event is PeerEvent =>
    event.event === 'peer' && event.connected && event.peerId === other.ready.peerId
}

/** A namespace with one network that supports multicast; the reason, as a string, if the kernel does not allow it. */
function lan(name: string): string | undefined {
  try {
    for (const command of [
      `netns add ${name}`,
      `-n ${name} link set lo up`,
      `-n ${name} link add lan0 type veth peer name lan1`,
      `-n ${name} link set lan1 up`,
      // Reserved for tests of networks (RFC 2544).
      `-n ${name} addr add 198.18.0.1/24 dev lan0`,
      `-n ${name} link set lan0 up multicast on`,
      `-n ${name} route add 224.0.0.0/4 dev lan0`,
    ]) {
      execFileSync('ip', command.split(' '), { stdio: ['ignore', 'ignore', 'pipe'], timeout: 10_000 })
    }
    return undefined
  } catch (error) {
    return String(error)
  }
}

test('two nodes meet by multicast DNS, and one with mDNS off meets nobody', { timeout: 60_000 }, async ({ skip }) => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    if (process.env['REQUIRE_PEERS'] === '1') throw new Error('network namespaces need root on Linux')
    skip('network namespaces need root on Linux')
  }
  const name = `gossum-lan-${process.pid}`
  onTestFinished(() => {
    try {
      execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' })
    } catch {
      // It was never created.
    }
  })
  const refusal = lan(name)
  if (refusal !== undefined) skip(`the kernel does not allow it: ${refusal}`)

  const start = async (mdns: boolean): Promise<FleetNode> => {
    const network = ['--listen', '/ip4/198.18.0.1/tcp/0', '--http', '127.0.0.1:0', '--log', log]
    const node = await FleetNode.start(['--home', temporaryHome(), ...network], ['ip', 'netns', 'exec', name], mdns)
    onTestFinished(() => node.kill())
    return node
  }
  const hermit = await start(false)
  const [one, other] = [await start(true), await start(true)]
  await Promise.all([one.when('meeting the other', isMeeting(other)), other.when('meeting the one', isMeeting(one))])
  expect(hermit.events.filter(({ event }) => event === 'peer')).toEqual([])
})
