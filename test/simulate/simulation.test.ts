/** The guarantees of the mesh with a thousand nodes: `SEED=4711 npx vitest run test/simulate/simulation.test.ts`. */
import { describe, expect, test } from 'vitest'
import type { Figures } from '../../scripts/simulate/figures.js'
import { SCENARIOS, type Scenario, type ScenarioName } from '../../scripts/simulate/scenarios.js'
import { Simulation } from '../../scripts/simulate/simulation.js'

const SEED = Number(process.env.SEED ?? 1)
/** Keys that spammers name here: with as many as a hello allows, a thousand nodes would need minutes. */
const SPAM_KEYS = 4

function run(
  name: ScenarioName,
  nodes: number,
  seed = SEED,
  other: Partial<Scenario> = {},
  cores?: number,
): Promise<Figures> {
  const scenario: Scenario = { ...SCENARIOS[name], ...other }
  const byzantine = Math.round((scenario.byzantine ?? 0) * nodes)
  const shared = cores === undefined ? {} : { cores }
  return new Simulation({ scenario, nodes, byzantine, seed, spamKeys: SPAM_KEYS, ...shared }).run()
}

describe(`seed ${SEED}`, () => {
  test('a head costs a node about the same among a thousand as among a hundred, without false alarms', async () => {
    const short = { heads: 2, tailSeconds: 8 }
    const [hundred, thousand] = [await run('calm', 100, SEED, short), await run('calm', 1_000, SEED, short)]
    for (const { falseAlarms, more } of [hundred, thousand])
      expect({ falseAlarms, missed: more.quorumsMissed, suspects: more.nodesWithSuspects }).toEqual({
        ...{ falseAlarms: 0, missed: 0, suspects: 0 },
      })
    expect(thousand.bytesPerNodeHead / hundred.bytesPerNodeHead).toBeGreaterThan(0.9)
    expect(thousand.bytesPerNodeHead / hundred.bytesPerNodeHead).toBeLessThan(1.1)
  }, 120_000)

  test('every honest node of a thousand has the evidence, 99 of 100 within five seconds, even against a third', async () => {
    const { evidenceMs, quorumMs, falseAlarms, more } = await run('byzantine', 1_000)
    expect(more.evidence).toHaveLength(670)
    expect({ falseAlarms, without: more.withoutEvidence, missed: more.quorumsMissed }).toEqual({
      ...{ falseAlarms: 0, without: 0, missed: 0 },
    })
    expect(evidenceMs.p99).toBeLessThan(5_000)
    expect(quorumMs.p99).toBeLessThan(30_000)
  }, 120_000)

  test.each(['region', 'time', 'partition', 'churn', 'fillers'] as const)(
    'every honest node has the evidence: %s',
    async (name) => {
      const { falseAlarms, more } = await run(name, 100)
      expect({ falseAlarms, without: more.withoutEvidence }).toEqual({ falseAlarms: 0, without: 0 })
      expect(more.evidence.length).toBeGreaterThan(60)
    },
    60_000,
  )

  test('a run is the same each time, and another with another seed', async () => {
    const [once, again, other] = [await run('victim', 60), await run('victim', 60), await run('victim', 60, SEED + 1)]
    expect(again).toEqual(once)
    expect(other.more.evidence).not.toEqual(once.more.evidence)
  })

  test('a run costs about as many bytes on shared cores, takes longer there, and less with more cores', async () => {
    const cores = [undefined, 8, 2] as const
    const figures = await Promise.all(cores.map((count) => run('bench', 50, SEED, { heads: 3 }, count)))
    const [own, eight, two] = figures as [Figures, Figures, Figures]
    for (const { falseAlarms, more } of figures)
      expect({ falseAlarms, without: more.withoutEvidence, missed: more.quorumsMissed }).toEqual({
        ...{ falseAlarms: 0, without: 0, missed: 0 },
      })
    expect(two.bytesPerNodeHead / own.bytesPerNodeHead).toBeGreaterThan(0.8)
    expect(two.bytesPerNodeHead / own.bytesPerNodeHead).toBeLessThan(1.2)
    const times = ({ quorumMs, evidenceMs }: Figures): number[] => [quorumMs.p50!, evidenceMs.max!]
    for (const i of [0, 1]) {
      expect(times(eight)[i]).toBeGreaterThan(times(own)[i]!)
      expect(times(two)[i]).toBeGreaterThan(times(eight)[i]!)
    }
    // Fifty nodes compute for some three and a half seconds on two cores, and then all have their quorum: several
    // messages that wait for one proof cost the work of one.
    expect(two.quorumMs.p99).toBeLessThan(4_500)
    expect(await run('bench', 50, SEED, { heads: 3 }, 2)).toEqual(two)
  })
})
