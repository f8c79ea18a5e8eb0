/**
 * The mountains: the tree as its perfect subtrees, largest first (RFC 6962, section 2.1). A summit is as high as its
 * subtree; the part that the audit has read is filled. Pure.
 */
import { scaleLinear } from 'd3-scale'
import type { VNode } from 'preact'
import type { MountainFacts } from './facts.js'
import { html } from './html.js'
import { grouped } from '../lib/words.js'

const [WIDE, NARROW] = [720, 340]
const HEIGHT = 150
const FOOT = HEIGHT - 22

/** A perfect subtree: its records [from, to), 2^level of them. */
export interface PerfectSubtree {
  readonly from: number
  readonly to: number
  readonly level: number
}

/** The perfect subtrees of a tree of this size, from left to right. */
export function subtreesOf(size: number): PerfectSubtree[] {
  const subtrees: PerfectSubtree[] = []
  for (let from = 0; from < size;) {
    const level = Math.floor(Math.log2(size - from))
    // If Math.log2 rounds up, the power is one too large.
    const exact = 2 ** level > size - from ? level - 1 : level
    subtrees.push({ from, to: from + 2 ** exact, level: exact })
    from += 2 ** exact
  }
  return subtrees
}

export function mountainsText({ size, audited }: MountainFacts): string {
  const count = subtreesOf(size).length
  const read = size === 0 ? 0 : Math.floor((Math.min(audited, size) / size) * 100)
  return `a tree of ${grouped(size)} records in ${count} perfect subtrees; ${audited === 0 ? 'none of it' : `${read} % of it`} read by the audit of this node`
}

export function mountains(facts: MountainFacts, isNarrow = false): VNode {
  const full = isNarrow ? NARROW : WIDE
  const subtrees = subtreesOf(facts.size)
  const highest = Math.max(1, ...subtrees.map(({ level }) => level))
  const y = scaleLinear([0, highest + 1], [FOOT - 4, 12])
  // In true proportion only the first two or three would be visible, so each is as wide as it is high.
  const weights = subtrees.map(({ level }) => level + 2)
  const unit =
    (full - 8) /
    Math.max(
      1,
      weights.reduce((sum, weight) => sum + weight, 0),
    )
  let left = 4
  return html`<svg class="mountains" viewBox=${`0 0 ${full} ${HEIGHT}`} role="img" aria-label=${mountainsText(facts)}>
    <title>${mountainsText(facts)}</title>
    ${subtrees.map((subtree, i) => {
      const width = weights[i]! * unit
      const mountain = mountainOf(subtree, { left, width, top: y(subtree.level + 1) }, facts.audited)
      left += width
      return mountain
    })}
    <line class="axis" x1="4" x2=${full - 4} y1=${FOOT} y2=${FOOT} />
  </svg>`
}

function mountainOf(
  { from, to, level }: PerfectSubtree,
  { left, width, top }: { left: number; width: number; top: number },
  audited: number,
): VNode {
  const share = Math.min(1, Math.max(0, (audited - from) / (to - from)))
  const [right, middle] = [left + width - 1, left + width / 2]
  const outline = `M${left},${FOOT}L${middle},${top}L${right},${FOOT}Z`
  return html`<g class="mountain">
    <title>${`records ${grouped(from)} to ${grouped(to - 1)}: 2^${level}`}</title>
    <path class="outline" d=${outline} />
    ${share === 0 ? null : html`<path class="read" d=${filled(left, right, top, share)} />`}
    ${width > 32 ? html`<text x=${middle} y=${FOOT + 14} text-anchor="middle">2^${level}</text>` : null}
  </g>`
}

/** The left part of a mountain, up to this share of its width. */
function filled(left: number, right: number, top: number, share: number): string {
  const middle = (left + right) / 2
  const end = left + (right - left) * share
  const slope = (FOOT - top) / (middle - left)
  if (end <= middle) return `M${left},${FOOT}L${end},${FOOT - (end - left) * slope}L${end},${FOOT}Z`
  return `M${left},${FOOT}L${middle},${top}L${end},${FOOT - (right - end) * slope}L${end},${FOOT}Z`
}
