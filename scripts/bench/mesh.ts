/**
 * A mesh of real processes on one machine: how fast a head gets its quorum and a lie its conviction, the cost in bytes,
 * messages and CPU, and how the mesh grows and recovers.
 *
 *   npm run bench:mesh -- --nodes 5,10,25,50 [--witnesses W] [--json]
 *   npm run bench:mesh -- --cost --nodes 10,20,40,80 --witnesses 10 [--json]
 *
 * The second form tests whether cosignatures cost N squared: bytes and messages per node and head, for meshes of
 * different size whose policies count the same witnesses. Linux only; bytes are those that the kernel counted (`ss`).
 */
import { parseArgs } from 'node:util'
import { ViewsLog } from '../../test/fakes/views-log.js'
import { isAdvanced, isEvidence, isPeer, isQuorum, type FleetNode } from '../../test/helpers/fleet-node.js'
import { Fleet } from '../../test/helpers/fleet.js'
import { sentBetween, socketBytes } from '../../test/helpers/process-usage.js'

/** Seconds between two polls of a node: the log is on this machine, and grows when this program tells it to. */
const POLL_SECONDS = 1
/** Heads measured, and the milliseconds between them: nodes cosign one head every two seconds. */
const HEADS = 8
const HEAD_INTERVAL_MS = 2_500
/** Seconds between two polls of an idle node (the default), and the time over which it is measured. */
const IDLE_POLL_SECONDS = 60
const IDLE_SECONDS = 30
/** Seconds of measurement of a mesh that polls often without news, and of the wait before it. */
const QUIET_SECONDS = 10
const CALM_MS = 5_000
/** Milliseconds within which a step must happen. */
const STEP_MS = 120_000

const { values: flags } = parseArgs({
  options: {
    nodes: { type: 'string' },
    witnesses: { type: 'string' },
    cost: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const counts = (flags.nodes ?? (flags.cost ? '10,20,40,80' : '5,10,25,50')).split(',').map(Number)
const fixedWitnesses = flags.witnesses === undefined ? (flags.cost ? 10 : undefined) : Number(flags.witnesses)

// ---- figures ---------------------------------------------------------------------------------------------------

type Figures = Record<string, number>

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0)
const mean = (values: readonly number[]): number => sum(values) / values.length

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!
}

const round = (value: number): number => (Math.abs(value) < 10 ? Math.round(value * 100) / 100 : Math.round(value))

/** Counts the messages that nodes judged from gossip, each once. */
function countMessages(fleet: Fleet): { stop: () => number } {
  let messages = 0
  const ends = fleet.nodes.map((node) =>
    node.listen((event) => (messages += event.event === 'outcome' && event.door === 'gossip' ? 1 : 0)),
  )
  return {
    stop: () => {
      ends.forEach((end) => end())
      return messages
    },
  }
}

/** What all nodes together sent to each other and used while `act` ran. */
async function measure(fleet: Fleet, act: () => Promise<void>) {
  const ports = new Set(fleet.nodes.map((node) => Number(/\/tcp\/(\d+)/.exec(node.ready.multiaddrs[0]!)![1])))
  const counter = countMessages(fleet)
  const cpuBefore = fleet.nodes.map((node) => node.usage().cpu)
  const [before, from] = [await socketBytes(ports), Date.now()]
  await act()
  const [after, seconds] = [await socketBytes(ports), (Date.now() - from) / 1000]
  const sent = sentBetween(before, after)
  return {
    seconds,
    messages: counter.stop(),
    bytes: sum(sent.values()),
    worstBytes: Math.max(...sent.values()),
    cpu: fleet.nodes.map((node, i) => (100 * (node.usage().cpu - cpuBefore[i]!)) / seconds),
  }
}

/** Lets the log grow; returns the milliseconds until each node held the quorum, for each head. */
async function heads(fleet: Fleet, log: ViewsLog, count: number): Promise<number[][]> {
  const times: number[][] = []
  for (let i = 0; i < count; i++) {
    const publishedAt = Date.now()
    const size = await log.grow(20)
    const events = await fleet.all((node) => node.when('quorum', isQuorum(log.id, size), STEP_MS))
    times.push(events.map(({ at }) => Date.parse(at) - publishedAt))
    await pause(Math.max(0, publishedAt + HEAD_INTERVAL_MS - Date.now()))
  }
  return times
}

/**
 * Shows the last node a fork smaller than what the others hold; returns the milliseconds until each node has evidence.
 */
async function splitView(fleet: Fleet, log: ViewsLog): Promise<number[]> {
  const fork = await log.fork(1)
  const size = await log.grow(40)
  await Promise.all(fleet.nodes.slice(0, -1).map((node) => node.when('head', isAdvanced(log.id, size), STEP_MS)))
  const shown = log.views[1]!.shown(fork.server.size + 9)
  await fork.grow(9)
  const shownAt = await shown
  const events = await fleet.all((node) => node.when('evidence', isEvidence(log.id), STEP_MS))
  return events.map(({ at }) => Math.max(0, Date.parse(at) - shownAt))
}

/**
 * Milliseconds from a newcomer's first connection until it has the quorum head of one log and the evidence of another.
 */
async function lateJoiner(fleet: Fleet, healthy: ViewsLog, convicted: ViewsLog): Promise<number> {
  const { size } = healthy.views[0]!.history.server
  const node = await fleet.add()
  const connected = await node.when('peer', isPeer(true), STEP_MS)
  const whole = await Promise.all([
    node.when('quorum', isQuorum(healthy.id, size), STEP_MS),
    node.when('evidence', isEvidence(convicted.id), STEP_MS),
  ])
  return Math.max(...whole.map(({ at }) => Date.parse(at))) - Date.parse(connected.at)
}

/** Restarts node 0, which all others dial; returns the milliseconds from ready until all are connected again. */
async function remesh(fleet: Fleet): Promise<number> {
  const { peerId } = fleet.nodes[0]!.ready
  const others = fleet.nodes.slice(1)
  const back = (node: FleetNode, since: number): Promise<number> =>
    new Promise((resolve) => {
      const end = node.listen((event) => {
        if (event.event !== 'peer' || event.peerId !== peerId || !event.connected) return
        end()
        resolve(Math.max(0, Date.parse(event.at) - since))
      })
    })
  await fleet.nodes[0]!.kill()
  const restarted = Date.now()
  const returns = others.map((node) => back(node, restarted))
  const booting = Date.now()
  await fleet.restart(0)
  const ready = Date.now() - booting
  const late = new Promise<number[]>((resolve) => setTimeout(() => resolve([Infinity]), STEP_MS).unref())
  const times = await Promise.race([Promise.all(returns), late])
  return Math.max(0, Math.max(...times) - ready)
}

// ---- runs ------------------------------------------------------------------------------------------------------

async function withFleet(
  nodes: number,
  poll: number,
  act: (fleet: Fleet, log: ViewsLog, liar: ViewsLog) => Promise<Figures>,
): Promise<Figures> {
  const log = await ViewsLog.start('bench.log.example', 100)
  const liar = await ViewsLog.start('liar.log.example', 100, ['127.0.0.1', '127.0.0.1'])
  const witnesses = Math.min(fixedWitnesses ?? nodes, nodes)
  const logs = (i: number): string[] =>
    act === everything ? [log.setting(), liar.setting(i === nodes - 1 ? 1 : 0)] : [log.setting()]
  const startedAt = Date.now()
  const fleet = await Fleet.start({ nodes, witnesses, poll, logs })
  try {
    await fleet.all((node) => node.when('first quorum', isQuorum(log.id, 100), STEP_MS))
    const boot = (Date.now() - startedAt) / 1000
    return { nodes, witnesses, 'boot s': boot, ...(await act(fleet, log, liar)) }
  } finally {
    await fleet.end()
    await Promise.all([log.close(), liar.close()])
  }
}

/** Quorums, and their cost per node and head beyond that of a quiet mesh. */
async function cost(fleet: Fleet, log: ViewsLog): Promise<Figures> {
  await heads(fleet, log, 2)
  await pause(CALM_MS)
  const quiet = await measure(fleet, () => pause(QUIET_SECONDS * 1000))
  let times: number[][] = []
  const busy = await measure(fleet, async () => {
    times = await heads(fleet, log, HEADS)
  })
  const { length } = fleet.nodes
  return {
    'quorum p50 ms': quantile(times.flat(), 0.5),
    'quorum p99 ms': quantile(times.flat(), 0.99),
    'last node p50 ms': quantile(
      times.map((each) => Math.max(...each)),
      0.5,
    ),
    'bytes/node/head': (busy.bytes - (quiet.bytes * busy.seconds) / quiet.seconds) / length / HEADS,
    'bytes/head worst': busy.worstBytes / HEADS,
    'messages/node/head': busy.messages / length / HEADS,
    'quiet bytes/node/s': quiet.bytes / length / quiet.seconds,
    'quiet CPU %': mean(quiet.cpu),
    'busy CPU %': mean(busy.cpu),
  }
}

async function everything(fleet: Fleet, log: ViewsLog, liar: ViewsLog): Promise<Figures> {
  const costs = await cost(fleet, log)
  const rss = mean(fleet.nodes.map((node) => node.usage().rss))
  // Cosignatures of the last head that follow its quorum are still in transit.
  await pause(CALM_MS)
  const again = await remesh(fleet)
  const evidence = await splitView(fleet, liar)
  const joined = await lateJoiner(fleet, log, liar)
  return {
    ...costs,
    'RSS MB': rss,
    'evidence first ms': Math.min(...evidence),
    'evidence last ms': Math.max(...evidence),
    'late joiner ms': joined,
    're-mesh ms': again,
  }
}

async function idle(fleet: Fleet): Promise<Figures> {
  await pause(CALM_MS)
  const { cpu } = await measure(fleet, () => pause(IDLE_SECONDS * 1000))
  return { 'idle CPU %': mean(cpu), 'idle CPU % worst': Math.max(...cpu) }
}

/** One row per figure, one column per mesh. */
function table(results: readonly Figures[]): string {
  const names = Object.keys(results[0]!)
  const width = Math.max(...names.map((name) => name.length)) + 2
  return names
    .map((name) => name.padEnd(width) + results.map((row) => String(round(row[name]!)).padStart(10)).join(''))
    .join('\n')
}

const results: Figures[] = []
for (const nodes of counts) {
  const figures = flags.cost
    ? await withFleet(nodes, POLL_SECONDS, cost)
    : { ...(await withFleet(nodes, POLL_SECONDS, everything)), ...(await withFleet(nodes, IDLE_POLL_SECONDS, idle)) }
  results.push(figures)
  if (flags.json) process.stdout.write(`${JSON.stringify(figures)}\n`)
  else process.stderr.write(`${JSON.stringify(figures)}\n`)
}
if (!flags.json)
  process.stdout.write(
    `${table(results)}\n(polls are ${POLL_SECONDS} s apart, those of idle nodes ${IDLE_POLL_SECONDS})\n`,
  )
