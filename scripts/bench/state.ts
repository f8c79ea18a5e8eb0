/**
 * The cost of sharing the state of a key: advancing pushes to a node that keeps its state in its home, to one with
 * PostgreSQL on the same machine, and to one whose PostgreSQL waits for a synchronous standby, alternating; and how
 * long a failover takes for a log that pushes.
 *
 *   npm run bench:state
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Agent } from 'node:http'
import { gossum } from '../../test/helpers/cli.js'
import { Pair } from '../../test/helpers/failover.js'
import { FleetNode } from '../../test/helpers/fleet-node.js'
import { testSigner } from '../../test/helpers/heart.js'
import { newSchema, startPostgres } from '../../test/helpers/postgres.js'
import { push, PushingLog } from '../../test/helpers/witness-client.js'
import { freePort } from '../../test/helpers/free-port.js'

const ROUNDS = 5
const SLICE_MS = 2_000
const CONNECTIONS = [1, 8]
const LOGS = 8

const logs = Array.from({ length: LOGS }, (_, i) => new PushingLog(testSigner(`bench-${i}.example`, i + 1)))
const folders: string[] = []
const homeOf = (): string => {
  const home = mkdtempSync(join(tmpdir(), 'gossum-bench-'))
  folders.push(home)
  return home
}

interface Contestant {
  readonly name: string
  readonly node: FleetNode
  readonly sizes: number[]
  readonly ms: Map<number, number[]>
  seconds: Map<number, number>
}

async function contestant(name: string, url?: string): Promise<Contestant> {
  const home = homeOf()
  const state = url === undefined ? [] : ['--state', url]
  await gossum(['key', 'new', '--home', home])
  if (url !== undefined) await gossum(['state', 'init', '--home', home, ...state])
  const named = logs.flatMap(({ signer }) => ['--log', `${signer.verifier.vkey} -`])
  const places = ['--http', `127.0.0.1:${await freePort()}`, '--listen', '/ip4/127.0.0.1/tcp/0']
  const node = await FleetNode.start(['--home', home, ...named, ...places, ...state])
  return { name, node, sizes: logs.map(() => 0), ms: new Map(), seconds: new Map() }
}

/** Pushes over this many connections, each to a log of its own. */
async function slice({ node, sizes, ms, seconds, name }: Contestant, connections: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const taken = ms.get(connections) ?? []
  const began = performance.now()
  await Promise.all(
    Array.from({ length: connections }, async (_, i) => {
      while (performance.now() - began < SLICE_MS) {
        const body = logs[i]!.body(sizes[i]!, sizes[i]! + 1)
        const from = performance.now()
        const { status, body: said } = await push(node.ready.http, body, { agent })
        taken.push(performance.now() - from)
        if (status !== 200) throw new Error(`${name} answered ${status}: ${said}`)
        sizes[i]!++
      }
    }),
  )
  ms.set(connections, taken)
  seconds.set(connections, (seconds.get(connections) ?? 0) + (performance.now() - began) / 1000)
  agent.destroy()
}

/** Milliseconds from when the primary is gone and its standby promoted until a push is signed. */
async function failover(pair: Pair): Promise<number> {
  const one = await contestant('failover', pair.url(await newSchema(pair.primary)))
  const log = logs[0]!
  await push(one.node.ready.http, log.body(0, 1))
  const began = performance.now()
  await pair.lose()
  // Without it nothing is committed. The cost of copying the whole folder is not measured.
  await pair.rejoin()
  const ready = performance.now()
  for (;;) {
    const answer = await push(one.node.ready.http, log.body(1, 2)).catch(() => undefined)
    if (answer?.status === 200) break
    await delay(20)
  }
  await one.node.stop()
  process.stdout.write(`database back after ${Math.round(ready - began)} ms\n`)
  return performance.now() - ready
}

const [alone, pair] = [await startPostgres(), await Pair.start()]
try {
  const all = [
    await contestant('home'),
    await contestant('PostgreSQL', alone.url(await newSchema(alone))),
    await contestant('PostgreSQL, synchronous standby', pair.url(await newSchema(pair.primary))),
  ]
  for (let round = 0; round < ROUNDS; round++)
    for (const connections of CONNECTIONS) for (const one of all) await slice(one, connections)
  for (const connections of CONNECTIONS) {
    const rates = all.map(({ ms, seconds }) => ms.get(connections)!.length / seconds.get(connections)!)
    for (const [i, { name, ms }] of all.entries()) {
      const sorted = ms.get(connections)!.toSorted((a, b) => a - b)
      const [p50, p99] = [0.5, 0.99].map((part) => sorted[Math.floor(sorted.length * part)]!.toFixed(1))
      const line = `${rates[i]!.toFixed(0)}/s (x ${(rates[i]! / rates[0]!).toFixed(2)} of home), p50 ${p50} ms, p99 ${p99} ms`
      process.stdout.write(`${connections} connections, ${name}: ${line}\n`)
    }
  }
  for (const { node } of all) await node.stop()
  const times = [await failover(pair), await failover(pair), await failover(pair)]
  process.stdout.write(`signed again after the database was back: ${times.map((ms) => Math.round(ms)).join(', ')} ms\n`)
} finally {
  await Promise.all([alone.remove(), pair.remove()])
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}
