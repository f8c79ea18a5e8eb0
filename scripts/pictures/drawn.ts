/** The pictures of the docs, drawn as on the page, from generated nodes that are always the same. */
import { picturesOf, type NodeReading } from '../../src/dashboard/facts-of.js'
import { markup } from '../../src/dashboard/html.js'
import { mountains } from '../../src/dashboard/mountains.js'
import { outcomes } from '../../src/dashboard/outcomes.js'
import { ring } from '../../src/dashboard/ring.js'
import { rope } from '../../src/dashboard/rope.js'
import { PICTURE_STYLE } from '../../src/dashboard/style.js'
import { CALM, SPLIT } from '../../test/dashboard/states.js'
import { measurements, type Measurement } from '../simulate/measured.js'
import { costs, shares } from './plots.js'

type Drawing = Parameters<typeof markup>[0]

/** A picture as a standalone file, with its colours. */
function alone(drawing: Drawing): string {
  const [open, rest] = markup(drawing).split(/(?<=^<svg[^>]*>)/)
  return `${open!.replace('<svg', '<svg xmlns="http://www.w3.org/2000/svg"')}<style>${PICTURE_STYLE}</style>${rest!}\n`
}

const factsOf = (reading: NodeReading) => picturesOf(reading, reading.status.logs[0]!)

/** By the name of their file in docs/pictures. */
export function drawnFiles(): Map<string, string> {
  const [calm, split] = [factsOf(CALM), factsOf(SPLIT)]
  return new Map([
    ['rope-calm.svg', alone(rope(calm.rope))],
    ['rope-fork.svg', alone(rope(split.rope))],
    ['ring.svg', alone(ring(split.ring))],
    ['mountains.svg', alone(mountains(calm.mountains))],
    ['heartbeat.svg', alone(outcomes(split.outcomes))],
    ...plots(),
  ])
}

/** For each scenario, the measurement with the most nodes. */
function largest(names: readonly string[]): Measurement[] {
  return names.flatMap(
    (name) =>
      measurements()
        .filter(({ scenario }) => scenario === name)
        .at(-1) ?? [],
  )
}

function plots(): [string, string][] {
  const lies = ['victim', 'region', 'time', 'churn', 'byzantine', 'fillers']
  const quorums = ['calm', 'minute', 'second', 'byzantine', 'fillers', 'paid-for-time']
  const calm = measurements().filter(({ scenario }) => scenario === 'calm')
  return [
    ['scale-evidence.svg', alone(shares('Honest nodes that hold the evidence', largest(lies), 'evidence', 5_000))],
    ['scale-quorum.svg', alone(shares('Honest nodes that hold the quorum', largest(quorums), 'quorum', 8_000))],
    ['scale-bytes.svg', alone(costs('Bytes that a node sends for a head', calm))],
  ]
}
