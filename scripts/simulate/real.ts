/**
 * The scenario `bench` with real processes on this machine, one line of JSON per run: the simulation is compared with
 * it, and takes its costs from it. Linux only; bytes are those that the kernel counted (`ss`).
 *
 *   npm run simulate:real -- [--nodes 50] [--witnesses 10] [--runs 3] [--seed 1]
 *   npm run simulate:real -- --costs
 *
 * The second form runs small fields of different size, and prints what a message, a byte, a head and a lie cost a node.
 */
import { parseArgs } from 'node:util'
import { ViewsLog } from '../../test/fakes/views-log.js'
import { isAdvanced, isEvidence, isQuorum } from '../../test/helpers/fleet-node.js'
import { Fleet } from '../../test/helpers/fleet.js'
import { costsOf, FIELDS } from './costs.js'
import { quantile } from './figures.js'
import { RealField, type Spent } from './real-field.js'
import { SCENARIOS } from './scenarios.js'

const { values: flags } = parseArgs({
  options: {
    nodes: { type: 'string', default: '50' },
    witnesses: { type: 'string', default: '10' },
    runs: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
    costs: { type: 'boolean', default: false },
  },
})

const { heads: HEADS, headSeconds, truthSeconds, pollSeconds, policy } = SCENARIOS.bench
/** Small fields finish their work quickly, so the pauses are shorter. */
const PACE = flags.costs
  ? { headSeconds: 3, truthSeconds: 5, calmSeconds: 12 }
  : { headSeconds, truthSeconds, calmSeconds: 15 }
/** Records that the log has at the beginning, and gains with each head. */
const AT_FIRST = 1_000
const PER_HEAD = 20
/** Heads that are not counted: during the first ones the mesh is still forming. */
const FIRST_HEADS = 2
/** Seconds over which a field without news is measured. */
const QUIET_SECONDS = 10
/** Seconds after the last evidence during which the cost of a lie is still counted. */
const LIE_SECONDS = 1
/** Milliseconds within which a step must happen. */
const STEP_MS = 120_000

const pause = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000))

export interface Run {
  readonly nodes: number
  readonly witnesses: number
  readonly quorumMs: { readonly p50: number; readonly p99: number }
  readonly evidenceMs: { readonly p50: number; readonly last: number }
  readonly bytesPerNodeHead: number
  readonly judgedPerNodeHead: number
  /** Milliseconds of processor time of a node in a second without news. */
  readonly quiet: Spent
  /** Of a node per head, in addition. */
  readonly head: Spent
  /** Of a node per lie, in addition. */
  readonly lie: Spent
}

async function heads(fleet: Fleet, log: ViewsLog, count: number): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const publishedAt = Date.now()
    const size = await log.grow(PER_HEAD)
    const events = await fleet.all((node) => node.when('quorum', isQuorum(log.id, size), STEP_MS))
    times.push(...events.map(({ at }) => Date.parse(at) - publishedAt))
    await pause(Math.max(0, publishedAt / 1000 + PACE.headSeconds - Date.now() / 1000))
  }
  return times
}

/**
 * Shows the last node another history, shorter than what all nodes know; returns the milliseconds until each has
 * evidence.
 */
async function lie(fleet: Fleet, log: ViewsLog): Promise<number[]> {
  const { server } = log.views[1]!.history
  const shown = log.views[1]!.shown(server.size + PER_HEAD)
  await log.views[1]!.history.grow(PER_HEAD)
  const shownAt = await shown
  const events = await fleet.all((node) => node.when('evidence', isEvidence(log.id), STEP_MS))
  return events.map(({ at }) => Math.max(0, Date.parse(at) - shownAt))
}

async function run(nodes: number, witnesses: number, seed: number): Promise<Run> {
  const log = await ViewsLog.start('bench.log.example', AT_FIRST, ['127.0.0.1', '127.0.0.1'])
  const logs = (i: number): string[] => [log.setting(i === nodes - 1 ? 1 : 0)]
  // Seven of ten witnesses; with other numbers, the default of a fleet: more than two thirds.
  const need = witnesses === policy.witnesses ? { need: policy.need } : {}
  const fleet = await Fleet.start({ nodes, witnesses, ...need, poll: pollSeconds, logs, seed })
  try {
    await fleet.all((node) => node.when('first quorum', isQuorum(log.id, AT_FIRST), STEP_MS))
    await pause(PACE.calmSeconds)
    await heads(fleet, log, FIRST_HEADS)
    const field = new RealField(fleet, witnesses)
    let quorums: number[] = []
    const busy = await field.measure(async () => {
      quorums = await heads(fleet, log, HEADS)
    })
    await pause(PACE.calmSeconds)
    const quiet = await field.measure(() => pause(QUIET_SECONDS))
    await log.fork(1)
    const size = await log.grow(2 * PER_HEAD)
    await Promise.all(fleet.nodes.slice(0, -1).map((node) => node.when('head', isAdvanced(log.id, size), STEP_MS)))
    await pause(PACE.truthSeconds)
    let evidence: number[] = []
    const lied = await field.measure(async () => {
      evidence = await lie(fleet, log)
      await pause(LIE_SECONDS)
    })
    const [q, e] = [quorums, evidence].map((times) => times.sort((a, b) => a - b)) as [number[], number[]]
    return {
      ...{ nodes, witnesses },
      quorumMs: { p50: quantile(q, 0.5)!, p99: quantile(q, 0.99)! },
      evidenceMs: { p50: quantile(e, 0.5)!, last: quantile(e, 1)! },
      bytesPerNodeHead: Math.round(field.minus(busy, quiet).bytes / nodes / HEADS),
      judgedPerNodeHead: Math.round((10 * busy.judged) / nodes / HEADS) / 10,
      quiet: field.spentIn(quiet, 1 / quiet.seconds),
      head: field.spentIn(field.minus(busy, quiet), 1 / HEADS),
      lie: field.spentIn(field.minus(lied, quiet), 1),
    }
  } finally {
    await fleet.end()
    await log.close()
  }
}

const fields = flags.costs
  ? FIELDS
  : Array.from({ length: Number(flags.runs) }, () => [Number(flags.nodes), Number(flags.witnesses)] as const)
const runs: Run[] = []
for (const [nodes, witnesses] of fields) {
  const one = await run(nodes, witnesses, Number(flags.seed) + runs.length)
  runs.push(one)
  process.stdout.write(`${JSON.stringify(one)}\n`)
}
if (flags.costs) process.stdout.write(`${JSON.stringify(costsOf(runs))}\n`)
