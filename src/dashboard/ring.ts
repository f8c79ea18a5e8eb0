/**
 * The ring: the counted witnesses, and inside it the peers of the mesh, each by how recently it was heard of. Shapes
 * say the same as colours: a disc is fresh, half a disc is late, an empty circle is silent, a cross is convicted. Pure.
 */
import { pointRadial } from 'd3-shape'
import type { VNode } from 'preact'
import type { Freshness, RingMember } from './facts.js'
import { html } from './html.js'
import { plain } from './plain.js'

const FRESHNESS: readonly Freshness[] = ['fresh', 'late', 'silent', 'convicted']
const HEIGHT = 320
/** Its width, the radii of the rings of witnesses and peers, and how much of a name is shown. */
const WIDE = { width: 560, radius: { witness: 108, peer: 58 }, nameOf: (name: string) => plain(name, 20) }
const NARROW = {
  width: 340,
  radius: { witness: 88, peer: 46 },
  // The rest of the names is usually the same for all.
  nameOf: (name: string) => plain(name.split('.', 1)[0]!, 9),
}
type Frame = typeof WIDE
/** The most members of each kind that are drawn. */
const MOST = { witness: 24, peer: 48 }

export function ringText(members: readonly RingMember[]): string {
  const of = (kind: RingMember['kind'], one: string, many: string): string => {
    const all = members.filter((member) => member.kind === kind)
    const counts = FRESHNESS.flatMap((freshness) => {
      const count = all.filter((member) => member.freshness === freshness).length
      return count === 0 ? [] : [`${count} ${freshness}`]
    })
    return `${all.length} ${all.length === 1 ? one : many}${counts.length === 0 ? '' : ` (${counts.join(', ')})`}`
  }
  return `${of('witness', 'witness', 'witnesses')}, ${of('peer', 'peer', 'peers')}`
}

export function ring(members: readonly RingMember[], isNarrow = false): VNode {
  const frame = isNarrow ? NARROW : WIDE
  const { width, radius } = frame
  const kinds = ['witness', 'peer'] as const
  return html`<svg class="ring" viewBox=${`0 0 ${width} ${HEIGHT}`} role="img" aria-label=${ringText(members)}>
    <title>${ringText(members)}</title>
    <g transform=${`translate(${width / 2},${HEIGHT / 2})`}>
      ${kinds.map((kind) => html`<circle class="orbit" r=${radius[kind]} />`)}
      ${kinds.map((kind) => circleOf(members.filter((member) => member.kind === kind).slice(0, MOST[kind]), kind, frame))}
    </g>
  </svg>`
}

function circleOf(members: readonly RingMember[], kind: RingMember['kind'], { radius, nameOf }: Frame): VNode[] {
  return members.map(({ name, own, freshness, text }, i) => {
    const angle = (i / members.length) * 2 * Math.PI
    const [x, y] = pointRadial(angle, radius[kind])
    const [labelX, labelY] = pointRadial(angle, radius[kind] + 16)
    const anchor = Math.abs(labelX) < 20 ? 'middle' : labelX > 0 ? 'start' : 'end'
    return html`<g class=${`member ${kind} ${freshness}${own ? ' own' : ''}`}>
      <title>${`${plain(name)}: ${text}`}</title>
      ${mark(x, y, freshness, kind === 'witness' ? 9 : 6)}
      ${
        kind === 'witness' ? html`<text x=${labelX} y=${labelY + 4} text-anchor=${anchor}>${nameOf(name)}</text>` : null
      }
    </g>`
  })
}

function mark(x: number, y: number, freshness: Freshness, r: number): VNode {
  if (freshness === 'convicted')
    return html`<path class="mark" d=${`M${x - r},${y - r}l${2 * r},${2 * r}M${x + r},${y - r}l${-2 * r},${2 * r}`} />`
  return html`<g class="mark">
    <circle cx=${x} cy=${y} r=${r} />
    ${freshness === 'late' ? html`<path class="half" d=${`M${x},${y - r}a${r},${r} 0 0 1 0,${2 * r}z`} />` : null}
  </g>`
}
