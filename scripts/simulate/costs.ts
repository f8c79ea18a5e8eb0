/** The costs of work, computed from what real fields of different size used; work.ts has the results. Pure. */
import type { Run } from './real.js'

/**
 * Nodes and witnesses of each field, of different number and degree, so that messages and their copies can be told
 * apart.
 */
export const FIELDS: readonly (readonly [number, number])[] = [
  [6, 3],
  [6, 5],
  [14, 4],
  [14, 11],
]

/** Bytes of a frame of news in this scenario, from the simulation: the kernel counts bytes, not frames. */
const FRAME_BYTES = 545
/**
 * Milliseconds per second that a node uses when it polls rarely (docs/benchmarks.md: 0.22 % of a core in a field of
 * ten).
 */
const IDLE_MS = 2.2

/** Milliseconds to read, verify and decide a head or a cosignature (`npm run bench`: 12,821 a second). */
const JUDGE_MS = 0.08

/**
 * The cost to a node of a head, of each frame and of being a witness, in milliseconds: the values that fit the
 * measurements best, in addition to the judging of each message.
 */
export function costsOf(runs: readonly Run[]): Record<string, number> {
  const rows = runs.flatMap(({ witnesses, nodes, judgedPerNodeHead, bytesPerNodeHead, head }) => {
    const frames = bytesPerNodeHead / FRAME_BYTES
    const judged = judgedPerNodeHead * JUDGE_MS
    return [
      { weight: witnesses, of: [1, frames, 1], ms: head.witness - judged },
      { weight: nodes - witnesses, of: [1, frames, 0], ms: head.monitor - judged },
    ]
  })
  const [advance, frame, witness] = leastSquares(rows) as [number, number, number]
  const mean = (value: (run: Run) => number): number => runs.reduce((sum, run) => sum + value(run), 0) / runs.length
  const quiet = mean((run) => Math.min(run.quiet.monitor, run.quiet.witness))
  const costs = {
    ...{ advance, judge: JUDGE_MS, frame, witness, beat: IDLE_MS, poll: quiet - IDLE_MS },
    convict: mean(({ lie, nodes }) => lie.monitor - (nodes - 1) * frame),
    answer: mean(({ quiet: { log } }) => log),
    serve: mean(({ head }) => head.log),
  }
  return Object.fromEntries(Object.entries(costs).map(([name, ms]) => [name, Math.round(100 * ms) / 100]))
}

interface Row {
  readonly weight: number
  readonly of: readonly number[]
  readonly ms: number
}

/** The factors that fit the rows to the measurements by least squares. */
function leastSquares(rows: readonly Row[]): number[] {
  const size = rows[0]!.of.length
  const equations = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (_, j) => rows.reduce((sum, { weight, of }) => sum + weight * of[i]! * of[j]!, 0)),
    rows.reduce((sum, { weight, of, ms }) => sum + weight * of[i]! * ms, 0),
  ])
  for (let i = 0; i < size; i++) {
    const pivot = equations[i]!
    for (const [j, row] of equations.entries()) {
      if (j === i) continue
      const factor = row[i]! / pivot[i]!
      for (let k = i; k <= size; k++) row[k]! -= factor * pivot[k]!
    }
  }
  return equations.map((row, i) => row[size]! / row[i]!)
}
