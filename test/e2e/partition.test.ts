/**
 * A mesh of real processes is cut in two while the log shows each half another history; then it heals. Tested twice: in
 * network namespaces, where packets are lost silently, and over relays on loopback, where connections break.
 */
import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import type { LogView } from '../../src/status/shapes.js'
import { ViewsLog } from '../fakes/views-log.js'
import { gossum } from '../helpers/cli.js'
import { Fleet } from '../helpers/fleet.js'
import { isAdvanced, isEvidence, isQuorum } from '../helpers/fleet-node.js'
import { startNamespaces } from '../helpers/namespaces.js'
import { startRelays, type Network } from '../helpers/network.js'

const NODES = 6
/** More than a half has: neither can get a quorum while the mesh is cut. */
const NEED = 5
const half = (index: number): 0 | 1 => (index % 2 === 0 ? 0 : 1)

async function tell(network: Network): Promise<void> {
  const log = await ViewsLog.start('partition.log.example', 100, network.logHosts)
  onTestFinished(() => log.close())
  const fleet = await Fleet.start({
    ...network,
    nodes: NODES,
    need: NEED,
    poll: 0.5,
    logs: (i) => [log.setting(half(i))],
  })
  onTestFinished(() => fleet.end())
  await fleet.all((node) => node.when('quorum on the common history', isQuorum(log.id, 100)))

  await network.cut()
  const fork = await log.fork(1)
  const sizes = [await log.grow(10), await fork.grow(14)]
  await fleet.all((node, i) => node.when('head of its half', isAdvanced(log.id, sizes[half(i)]!)))
  for (const { events } of fleet.nodes) {
    expect(events.filter(({ event }) => event === 'evidence')).toEqual([])
    expect(events.filter((event) => event.event === 'quorum' && event.size > 100)).toEqual([])
  }

  await network.heal()
  const evidence = await fleet.all((node) =>
    node.when('evidence after the link was healed', isEvidence(log.id), 50_000),
  )
  // One after the other: only then one process verifies for all of them.
  for (const [i, node] of fleet.nodes.entries()) {
    const { logs } = (await node.json('/api/v1/logs')) as { logs: LogView[] }
    expect(logs.map(({ frozen }) => frozen)).toEqual([true])
    const file = join(fleet.directory, `evidence-${i}.json`)
    writeFileSync(file, await node.ask(`/api/v1/evidence/${evidence[i]!.id}`))
    const { code, stdout } = await gossum(['verify', '--json', '--log', log.signer.verifier.vkey, file])
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'evidence', verdict: 'valid', id: evidence[i]!.id })
    expect(code).toBe(0)
  }
}

test('a mesh of namespaces is cut in two, lied to, and healed', { timeout: 120_000 }, async ({ skip }) => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    if (process.env['REQUIRE_PEERS'] === '1') throw new Error('network namespaces need root on Linux')
    return skip('network namespaces need root on Linux')
  }
  const network = startNamespaces(NODES, half)
  // Root, but not permitted: the kernel or the container has no namespaces. The other variant remains.
  if (typeof network === 'string') return skip(`no network namespaces here: ${network}`)
  onTestFinished(() => network.remove())
  await tell(network)
})

test('a mesh on loopback is cut in two, lied to, and healed', { timeout: 120_000 }, async () => {
  const network = await startRelays(NODES, half)
  onTestFinished(() => network.remove())
  await tell(network)
})
