/**
 * The rope: one strand for each witness, showing the size of the tree over time. Witnesses that agree lie side by side
 * as one rope; one that signed another history leaves it; one that has fallen silent is a loose end. Pure.
 */
import { scaleLinear } from 'd3-scale'
import { curveMonotoneX, line } from 'd3-shape'
import type { VNode } from 'preact'
import type { RopeFacts, SignedPoint, Strand } from './facts.js'
import { html } from './html.js'
import { plain } from './plain.js'
import { grouped, span } from '../lib/words.js'

const HEIGHT = 240
const MARGIN = { left: 12, top: 20, bottom: 28 }
/**
 * Its width, where the strands end, and how much of a name follows them: less for a loose end, since its age follows.
 */
const WIDE = { width: 720, end: 544, name: 24, loose: 15, nameOf: (name: string) => name }
const NARROW = { width: 340, end: 216, name: 12, loose: 7, nameOf: (name: string) => name.split('.', 1)[0]! }
type Frame = typeof WIDE
/** The distance of two strands that agree, in pixels: they touch. */
const GAP = 4
/** The distance at which a strand that has left the rope ends, in pixels. */
const STRAYED_BY = 56
/** Milliseconds after which a strand is a loose end: witnesses sign an unchanged head again well before. */
const SILENT_MS = 3_600_000
/** The longest period that is shown, in milliseconds. */
const LONGEST_MS = 24 * 3_600_000
/** The most strands that are drawn; the rest of a larger policy is described in words. */
const MAX_STRANDS = 24

/** Describes the picture for readers who cannot see it. */
export function ropeText({ strands, now }: RopeFacts): string {
  const witnesses = strands.filter((strand) => strand.of === 'witness')
  const strayed = strands.filter((strand) => strand.strayed.length > 0)
  const silent = witnesses.filter((strand) => strand.strayed.length === 0 && isSilent(strand, now))
  const together = witnesses.filter((strand) => !strayed.includes(strand) && !silent.includes(strand))
  const names = (some: readonly Strand[]): string => some.map(({ name }) => plain(name)).join(', ')
  return [
    `${together.length} of ${witnesses.length} witnesses lie in one rope`,
    ...(strayed.length === 0 ? [] : [`left it: ${names(strayed)}`]),
    ...(silent.length === 0 ? [] : [`silent: ${names(silent)}`]),
  ].join('; ')
}

export function rope(facts: RopeFacts, isNarrow = false): VNode {
  const frame = isNarrow ? NARROW : WIDE
  const strands = facts.strands.slice(0, MAX_STRANDS)
  const points = strands.flatMap((strand) => [...strand.points, ...strand.strayed])
  const scales = scalesOf(points, facts.now, frame)
  const drawn = strands.map((strand, i) => strandOf(strand, (i - (strands.length - 1) / 2) * GAP, facts.now, scales))
  const labels = spread(drawn.flatMap(({ label }) => label))
  const newest = Math.max(0, ...points.map(({ size }) => size))
  const [begin, foot] = [ago(facts.now - scales.from), HEIGHT - 8]
  return html`<svg class="rope" viewBox=${`0 0 ${frame.width} ${HEIGHT}`} role="img" aria-label=${ropeText(facts)}>
    <title>${ropeText(facts)}</title>
    <line class="axis" x1=${MARGIN.left} x2=${frame.end} y1=${HEIGHT - 24} y2=${HEIGHT - 24} />
    <text class="axis" x=${MARGIN.left} y=${foot}>${begin} ago</text>
    <text class="axis" x=${frame.end} y=${foot} text-anchor="end">now</text>
    <text class="axis" x=${MARGIN.left} y="14">size ${grouped(newest)}</text>
    ${drawn.map(({ shape }) => shape)}
    ${labels.map(({ y, text, kind }) => html`<text class=${`label ${kind}`} x=${frame.end + 8} y=${y}>${text}</text>`)}
  </svg>`
}

interface Scales {
  readonly x: (time: number) => number
  readonly y: (size: number) => number
  /** When the picture begins. */
  readonly from: number
  readonly frame: Frame
}

function scalesOf(points: readonly SignedPoint[], now: number, frame: Frame): Scales {
  // A witness may claim any time, so the picture begins no earlier than this, and ends now.
  const from = Math.max(now - LONGEST_MS, Math.min(now - 60_000, ...points.map(({ time }) => time)))
  const sizes = points.map(({ size }) => size)
  const [low, high] = [Math.min(...sizes, Infinity), Math.max(...sizes, 0)]
  const x = scaleLinear([from, now], [MARGIN.left, frame.end]).clamp(true)
  const y = scaleLinear([Math.min(low, high - 1), high], [HEIGHT - MARGIN.bottom - STRAYED_BY, MARGIN.top + 24])
  return { x, y, from, frame }
}

type Place = [x: number, y: number]

interface Label {
  readonly y: number
  readonly text: string
  readonly kind: string
}

function strandOf(
  strand: Strand,
  offset: number,
  now: number,
  { x, y, frame }: Scales,
): { shape: VNode; label: Label[] } {
  const { name, own, strayed } = strand
  const [leaving] = strayed
  const points = strand.points.toSorted((a, b) => a.time - b.time)
  const isLoose = isSilent(strand, now)
  const kind = leaving !== undefined ? 'strayed' : isLoose ? 'loose' : own ? 'own' : 'together'
  const at = points.map(({ time, size }): Place => [x(time), y(size) + offset])
  const last = at.at(-1)
  // A strand that was recently heard of continues to now: nothing says that it has left.
  if (last !== undefined && !isLoose && strand.of === 'witness') at.push([x(now), last[1]])
  const text = plain(name)
  const short = plain(frame.nameOf(name), isLoose ? frame.loose : frame.name)
  const path = line().curve(curveMonotoneX)(at) ?? ''
  const shape = (...more: VNode[]): VNode =>
    html`<g class=${`strand ${kind}`}>
      <title>${text}</title>
      <path d=${path} />
      ${more}
    </g>`
  if (leaving !== undefined) {
    // The common part of both histories ends before the smaller of the two heads.
    const common = points.findLastIndex(({ size }) => size < leaving.size)
    const start = at[Math.max(0, common)] ?? [MARGIN.left, y(leaving.size) + offset]
    const end: Place = [frame.end, HEIGHT - MARGIN.bottom - 20 + offset]
    const middle = (start[0] + end[0]) / 2
    const bend = `M${start.join(',')}C${middle},${start[1]} ${middle},${end[1]} ${end.join(',')}`
    const ends = [html`<path class="leaving" d=${bend} />`, html`<path class="mark" d=${cross(end)} />`]
    return { shape: shape(...ends), label: [{ y: end[1] + 4, text: `${short} ✕`, kind }] }
  }
  if (last === undefined) return { shape: shape(), label: [] }
  if (!isLoose) return { shape: shape(), label: [{ y: last[1] + 4, text: short, kind }] }
  const end = html`<circle class="mark" cx=${last[0]} cy=${last[1]} r="4" />`
  return { shape: shape(end), label: [{ y: last[1] + 4, text: `${short} ○ ${ago(now - points.at(-1)!.time)}`, kind }] }
}

function isSilent({ points }: Pick<Strand, 'points'>, now: number): boolean {
  return now - Math.max(0, ...points.map(({ time }) => time)) > SILENT_MS
}

function cross([x, y]: [number, number]): string {
  return `M${x - 5},${y - 5}l10,10M${x + 5},${y - 5}l-10,10`
}

/** Moves labels that would overlap apart. */
function spread(labels: readonly Label[]): Label[] {
  let next = -Infinity
  return labels
    .toSorted((a, b) => a.y - b.y)
    .map((label) => {
      const y = Math.max(label.y, next)
      next = y + 13
      return { ...label, y }
    })
}

function ago(ms: number): string {
  return span(Math.max(0, ms) / 1000)
}
