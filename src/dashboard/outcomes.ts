/**
 * The heartbeat: the outcomes of the heads that arrived through each door, one bar for each minute of the last hour.
 * Expected outcomes are filled, rejections hollow, and a conflict is marked by its colour and a cross. Pure.
 */
import { scaleSqrt } from 'd3-scale'
import type { VNode } from 'preact'
import type { OutcomeFacts } from './facts.js'
import { html } from './html.js'
import { grouped } from '../lib/words.js'

type Outcome = OutcomeFacts['outcome']

const DOORS = ['poll', 'push', 'gossip', 'sync'] as const
/** From the bottom of a bar to its top. */
const OUTCOMES: readonly Outcome[] = ['advanced', 'known', 'past', 'pending', 'refused', 'conflict']
const MINUTES = 60
const ROW = 40
/** The heights of the highest bar, and of the lowest visible one. */
const BAR = { highest: 30, lowest: 4 }
const TOP = 8
const HEIGHT = TOP + DOORS.length * ROW + 40

/** Its width, where the bars begin and end, and how many entries of the legend are on one line. */
const WIDE = { width: 720, left: 64, right: 712, legend: 6 }
const NARROW = { width: 340, left: 52, right: 334, legend: 3 }
type Frame = typeof WIDE

/** How often each outcome occurred in the hour, by door. */
export function outcomesText(facts: readonly OutcomeFacts[]): string {
  if (facts.length === 0) return 'no head came in the last hour'
  const doors = DOORS.flatMap((door) => {
    const counts = OUTCOMES.flatMap((outcome) => {
      const sum = total(facts.filter((fact) => fact.door === door && fact.outcome === outcome))
      return sum === 0 ? [] : [`${grouped(sum)} ${outcome}`]
    })
    return counts.length === 0 ? [] : [`${door}: ${counts.join(', ')}`]
  })
  return `heads in the last hour, by ${doors.join('; by ')}`
}

export function outcomes(facts: readonly OutcomeFacts[], isNarrow = false): VNode {
  const frame = isNarrow ? NARROW : WIDE
  const minutes = new Map<string, OutcomeFacts[]>()
  for (const fact of facts) {
    const key = `${fact.door} ${fact.ago}`
    minutes.set(key, [...(minutes.get(key) ?? []), fact])
  }
  const most = Math.max(1, ...[...minutes.values()].map(total))
  const height = scaleSqrt([0, most], [0, BAR.highest])
  const legend = Math.ceil(OUTCOMES.length / frame.legend) * 16
  const text = outcomesText(facts)
  return html`<svg
    class="outcomes"
    viewBox=${`0 0 ${frame.width} ${HEIGHT + legend - 16}`}
    role="img"
    aria-label=${text}
  >
    <title>${text}</title>
    ${DOORS.map((door, row) => {
      const foot = TOP + (row + 1) * ROW - 4
      return html`<g>
        <text x="8" y=${foot - 2}>${door}</text>
        <line class="axis" x1=${frame.left} x2=${frame.right} y1=${foot} y2=${foot} />
        ${Array.from({ length: MINUTES }, (_, ago) => barOf(minutes.get(`${door} ${ago}`) ?? [], ago, foot, frame, height))}
      </g>`
    })}
    <text class="axis" x=${frame.left} y=${HEIGHT - 26}>60 min ago</text>
    <text class="axis" x=${frame.right} y=${HEIGHT - 26} text-anchor="end">now</text>
    ${OUTCOMES.map((outcome, i) => {
      const [column, line] = [i % frame.legend, Math.floor(i / frame.legend)]
      const x = 8 + (column * (frame.width - 16)) / frame.legend
      const y = HEIGHT - 6 + line * 16
      return html`<g>
        ${block(outcome, { x, y: y - 9, width: 9, height: 9 })}
        <text class="axis" x=${x + 14} y=${y}>${outcome}</text>
      </g>`
    })}
  </svg>`
}

function total(facts: readonly OutcomeFacts[]): number {
  return facts.reduce((sum, { count }) => sum + count, 0)
}

interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

function barOf(
  facts: readonly OutcomeFacts[],
  ago: number,
  foot: number,
  { left, right }: Frame,
  height: (count: number) => number,
): VNode | null {
  if (facts.length === 0) return null
  const step = (right - left) / MINUTES
  const all = total(facts)
  let y = foot
  const blocks = OUTCOMES.flatMap((outcome) => {
    const count = total(facts.filter((fact) => fact.outcome === outcome))
    if (count === 0) return []
    const part = Math.max(BAR.lowest, (height(all) * count) / all)
    y -= part
    return block(outcome, { x: right - (ago + 1) * step + 0.5, y, width: step - 1, height: part })
  })
  const words = OUTCOMES.flatMap((outcome) => {
    const count = total(facts.filter((fact) => fact.outcome === outcome))
    return count === 0 ? [] : [`${grouped(count)} ${outcome}`]
  })
  return html`<g>
    <title>${`${ago === 0 ? 'this minute' : `${ago} min ago`}: ${words.join(', ')}`}</title>
    ${blocks}
  </g>`
}

function block(outcome: Outcome, { x, y, width, height }: Box): VNode {
  const [right, foot] = [x + width, y + height]
  return html`<g class=${`block ${outcome}`}>
    <rect x=${x} y=${y} width=${width} height=${height} />
    ${outcome === 'conflict' ? html`<path d=${`M${x},${y}L${right},${foot}M${right},${y}L${x},${foot}`} />` : null}
  </g>`
}
