/**
 * A field of thousands of nodes on virtual time, with the code that runs in production.
 *
 *   npm run simulate -- --nodes 10000 --byzantine 0.33 --seed 1 --scenario byzantine --json
 *
 * The last line is JSON. With --record the figures are kept in measured.json, from which `npm run pictures` draws the
 * plots of docs/scale.md; that page describes what is real and what is modelled.
 */
import { parseArgs } from 'node:util'
import { lineOf } from './figures.js'
import { record } from './measured.js'
import { SCENARIOS, type ScenarioName, type Scenario } from './scenarios.js'
import { Simulation } from './simulation.js'

const USAGE = `usage: npm run simulate -- [--scenario NAME] [--nodes N] [--byzantine SHARE|COUNT] [--seed N]
                            [--spam-keys N] [--cores N] [--record] [--json]

scenarios:
${Object.entries(SCENARIOS)
  .map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`)
  .join('\n')}
`

const { values: flags } = parseArgs({
  options: {
    scenario: { type: 'string', default: 'byzantine' },
    nodes: { type: 'string', default: '1000' },
    byzantine: { type: 'string' },
    seed: { type: 'string', default: '1' },
    'spam-keys': { type: 'string' },
    cores: { type: 'string' },
    record: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

function fail(why: string): never {
  process.stderr.write(`${why}\n\n${USAGE}`)
  process.exit(2)
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < least) fail(`--${name} must be a whole number of at least ${least}`)
  return value
}

if (flags.help) {
  process.stdout.write(USAGE)
  process.exit(0)
}
if (!Object.hasOwn(SCENARIOS, flags.scenario)) fail(`there is no scenario ${JSON.stringify(flags.scenario)}`)
const scenario: Scenario = SCENARIOS[flags.scenario as ScenarioName]
const nodes = wholeNumber('nodes', flags.nodes, 10)
const seed = wholeNumber('seed', flags.seed, 0)
const given = flags.byzantine === undefined ? (scenario.byzantine ?? 0) : Number(flags.byzantine)
const byzantine = given < 1 ? Math.round(given * nodes) : given
if (!(byzantine >= 0 && byzantine <= nodes / 2)) fail('--byzantine must be a share, or a count, of at most a half')

const startedAt = performance.now()
const figures = await new Simulation({
  ...{ scenario, nodes, byzantine, seed },
  ...(flags.cores !== undefined && { cores: wholeNumber('cores', flags.cores, 1) }),
  ...(flags['spam-keys'] !== undefined && { spamKeys: wholeNumber('spam-keys', flags['spam-keys'], 0) }),
}).run()
const seconds = (performance.now() - startedAt) / 1000
if (!flags.json) {
  const { quorums, evidence, ...more } = figures.more
  process.stdout.write(`${flags.scenario}: ${scenario.about}\n${JSON.stringify(more, null, 2)}\n`)
  process.stdout.write(`${quorums.length} quorums, ${evidence.length} nodes with evidence; ${seconds.toFixed(1)} s, `)
  process.stdout.write(`${Math.round(process.resourceUsage().maxRSS / 1024)} MB\n`)
}
process.stdout.write(`${lineOf({ ...figures, byzantine: given })}\n`)
if (flags.record) record(flags.scenario, { ...figures, byzantine: given })
const { falseAlarms, more } = figures
if (falseAlarms > 0 || more.withoutEvidence > 0) {
  process.stderr.write(
    `seed ${seed}: ${falseAlarms} false alarms, ${more.withoutEvidence} honest nodes without evidence\n`,
  )
  process.exitCode = 1
}
