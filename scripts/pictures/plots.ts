/** The plots of docs/scale.md, from the figures that `npm run simulate -- --record` has kept. */
import { scaleLinear, scaleLog } from 'd3-scale'
import { line } from 'd3-shape'
import type { VNode } from 'preact'
import { html } from '../../src/dashboard/html.js'
import { grouped } from '../../src/lib/words.js'
import type { Measurement } from '../simulate/measured.js'

const [WIDTH, HEIGHT] = [720, 300]
const FRAME = { left: 56, right: 150, top: 20, bottom: 36 } as const
const COLOURS = ['--rope', '--own', '--warn', '--bad', '--faint', '--ink'] as const
/** Pixels between two labels of curves. */
const LABEL_STEP = 15

export interface Curve {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

interface Axes {
  readonly title: string
  readonly x: { readonly of: (value: number) => number; readonly ticks: readonly number[]; readonly name: string }
  readonly y: { readonly of: (value: number) => number; readonly ticks: readonly number[]; readonly name: string }
}

/** The cumulative share of nodes that had it, over time. */
export function shares(title: string, all: readonly Measurement[], what: 'quorum' | 'evidence', most: number): VNode {
  const curves = all.map(({ scenario, nodes, curves: its }) => ({
    name: `${scenario}, ${grouped(nodes)}`,
    points: its[what].map((ms, i): [number, number] => [Math.min(ms, most), i]).filter(([ms]) => ms < most),
  }))
  const seconds = scaleLinear([0, most], [FRAME.left, WIDTH - FRAME.right])
  return plot(curves, {
    title,
    x: { of: (ms) => seconds(ms), ticks: seconds.ticks(5), name: 'ms' },
    y: { of: scaleLinear([0, 100], [HEIGHT - FRAME.bottom, FRAME.top]), ticks: [0, 50, 99], name: '% of nodes' },
  })
}

/** The cost of a head to a node, by number of nodes. */
export function costs(title: string, calm: readonly Measurement[]): VNode {
  const points = calm.map(({ nodes, bytesPerNodeHead }): [number, number] => [nodes, bytesPerNodeHead / 1000])
  const sizes = points.map(([nodes]) => nodes)
  const most = Math.max(...points.map(([, kilobytes]) => kilobytes))
  const kilobytes = scaleLinear([0, 1.25 * most], [HEIGHT - FRAME.bottom, FRAME.top])
  return plot([{ name: 'calm', points }], {
    title,
    x: {
      of: scaleLog([Math.min(...sizes), Math.max(...sizes)], [FRAME.left, WIDTH - FRAME.right]),
      ticks: sizes,
      name: 'nodes',
    },
    y: { of: (value) => kilobytes(value), ticks: kilobytes.ticks(4), name: 'kB a node and head' },
  })
}

function plot(curves: readonly Curve[], { title, x, y }: Axes): VNode {
  const foot = HEIGHT - FRAME.bottom
  const path = line<readonly [number, number]>(
    ([across]) => x.of(across),
    ([, up]) => y.of(up),
  )
  return html`<svg class="plot" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${title}>
    <title>${title}</title>
    <line class="axis" x1=${FRAME.left} x2=${WIDTH - FRAME.right} y1=${foot} y2=${foot} />
    <line class="axis" x1=${FRAME.left} x2=${FRAME.left} y1=${FRAME.top} y2=${foot} />
    ${x.ticks.map((tick) => html`<text class="axis" x=${x.of(tick)} y=${foot + 16} text-anchor="middle">${grouped(tick)}</text>`)}
    ${y.ticks.map((tick) => html`<text class="axis" x=${FRAME.left - 6} y=${y.of(tick) + 4} text-anchor="end">${tick}</text>`)}
    <text class="axis" x=${WIDTH - FRAME.right} y=${foot + 30} text-anchor="end">${x.name}</text>
    <text class="axis" x=${FRAME.left + 6} y=${FRAME.top}>${y.name}</text>
    ${curves.map(({ name, points }, i) => {
      const colour = `var(${COLOURS[i % COLOURS.length]!})`
      return html`<g>
        <path d=${path(points) ?? ''} style=${`fill: none; stroke-width: 2; stroke: ${colour}`} />
        <text x=${WIDTH - FRAME.right + 8} y=${FRAME.top + 12 + i * LABEL_STEP} style=${`fill: ${colour}`}
          >${name}</text
        >
      </g>`
    })}
  </svg>`
}
