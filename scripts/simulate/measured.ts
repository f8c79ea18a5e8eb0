/** The recorded figures, the newest for each scenario and number of nodes: the plots are drawn from them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { quantile, type Figures } from './figures.js'

const FILE = new URL('measured.json', import.meta.url)
/** Points of a curve. */
const POINTS = 100

export interface Measurement extends Omit<Figures, 'more'> {
  readonly scenario: string
  readonly more: Omit<Figures['more'], 'quorums' | 'evidence'>
  /** Milliseconds by which each hundredth of the measured events had happened, from none to all. */
  readonly curves: { readonly quorum: readonly number[]; readonly evidence: readonly number[] }
}

export function measurements(): readonly Measurement[] {
  return JSON.parse(readFileSync(FILE, 'utf8')) as Measurement[]
}

export function record(scenario: string, { more, ...line }: Figures): void {
  const { quorums, evidence, ...rest } = more
  const curves = { quorum: curveOf(quorums), evidence: curveOf(evidence) }
  const others = measurements().filter((one) => one.scenario !== scenario || one.nodes !== line.nodes)
  const all = [...others, { scenario, ...line, more: rest, curves }].sort(
    (a, b) => (a.scenario < b.scenario ? -1 : a.scenario > b.scenario ? 1 : 0) || a.nodes - b.nodes,
  )
  writeFileSync(FILE, `[\n${all.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`)
}

function curveOf(ordered: readonly number[]): number[] {
  return ordered.length === 0 ? [] : Array.from({ length: POINTS + 1 }, (_, i) => quantile(ordered, i / POINTS)!)
}
