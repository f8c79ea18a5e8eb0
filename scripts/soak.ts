/**
 * A soak test: real processes for ten minutes while the log grows. Does their memory stay flat? After the warm-up a
 * line is fitted through the resident memory of each node, and the mean of the slopes decides.
 *
 *   npm run soak -- [--nodes 20] [--minutes 10] [--bound MB_PER_HOUR] [--json]
 *
 * Exits with 1 if memory grows by more than the bound, or if a head gets no quorum.
 */
import { parseArgs } from 'node:util'
import { ViewsLog } from '../test/fakes/views-log.js'
import { Fleet } from '../test/helpers/fleet.js'
import { isQuorum } from '../test/helpers/fleet-node.js'

/** Seconds between two polls, between two heads, and between two samples of memory. */
const POLL_SECONDS = 5
const HEAD_SECONDS = 5
const LOOK_SECONDS = 5
/** The fraction of the time that is warm-up: caches fill, code is compiled, the heap finds its size. */
const WARM_UP = 0.3
/** Milliseconds until a head must have its quorum everywhere. */
const QUORUM_MS = 60_000

const { values: flags } = parseArgs({
  options: {
    nodes: { type: 'string', default: '20' },
    minutes: { type: 'string', default: '10' },
    // The smallest slope that ten minutes can tell from noise: a leak of 40 kB per head.
    bound: { type: 'string', default: '30' },
    json: { type: 'boolean', default: false },
  },
})
const nodes = Number(flags.nodes)
const durationMs = Number(flags.minutes) * 60_000
const bound = Number(flags.bound)

interface Look {
  /** Hours since the start. */
  readonly at: number
  /** MB by node. */
  readonly rss: readonly number[]
}

/** MB per hour: the slope of the least-squares line through the samples of one node. */
function slope(looks: readonly Look[], node: number): number {
  const x = looks.map(({ at }) => at)
  const y = looks.map(({ rss }) => rss[node]!)
  const [meanX, meanY] = [mean(x), mean(y)]
  const covariance = x.reduce((total, value, i) => total + (value - meanX) * (y[i]! - meanY), 0)
  return covariance / x.reduce((total, value) => total + (value - meanX) ** 2, 0)
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const log = await ViewsLog.start('soak.log.example', 1_000)
const fleet = await Fleet.start({ nodes, poll: POLL_SECONDS, logs: () => [log.setting()] })
const looks: Look[] = []
let heads = 0
try {
  const startedAt = Date.now()
  const isOver = (): boolean => Date.now() - startedAt >= durationMs
  const look = (): void => {
    const at = (Date.now() - startedAt) / 3_600_000
    looks.push({ at, rss: fleet.nodes.map((node) => node.usage().rss) })
  }
  const looking = setInterval(look, LOOK_SECONDS * 1000)
  try {
    while (!isOver()) {
      const next = pause(HEAD_SECONDS * 1000)
      const size = await log.grow(50)
      await fleet.all((node) => node.when(`quorum of size ${size}`, isQuorum(log.id, size), QUORUM_MS))
      heads++
      await next
    }
  } finally {
    clearInterval(looking)
  }
} finally {
  await fleet.end()
  await log.close()
}

const warm = looks.filter(({ at }) => at * 3_600_000 >= WARM_UP * durationMs)
const slopes = fleet.nodes.map((_, i) => slope(warm, i))
const verdict = {
  nodes,
  minutes: durationMs / 60_000,
  heads,
  slopeMbPerHour: Math.round(10 * mean(slopes)) / 10,
  worstMbPerHour: Math.round(10 * Math.max(...slopes)) / 10,
  bound,
  flat: mean(slopes) <= bound,
}
if (flags.json) process.stdout.write(`${JSON.stringify(verdict)}\n`)
else {
  process.stdout.write('minute   mean MB   least    most\n')
  for (const { at, rss } of looks.filter((_, i) => i % Math.ceil(looks.length / 20) === 0)) {
    const row = [at * 60, mean(rss), Math.min(...rss), Math.max(...rss)]
    process.stdout.write(`${row.map((value) => value.toFixed(1).padStart(6)).join('   ')}\n`)
  }
  const { slopeMbPerHour, worstMbPerHour, flat } = verdict
  process.stdout.write(
    `${nodes} nodes, ${heads} heads: ${slopeMbPerHour} MB an hour in the mean, ${worstMbPerHour} at worst; ` +
      `${flat ? 'flat' : 'it grows'} (bound ${bound})\n`,
  )
}
process.exitCode = verdict.flat ? 0 : 1
