/** The pictures: what is drawn for which facts, and that nothing that others write becomes markup. */
import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RopeFacts } from '../../src/dashboard/facts.js'
import { picturesOf } from '../../src/dashboard/facts-of.js'
import { markup } from '../../src/dashboard/html.js'
import { mountains, mountainsText, subtreesOf } from '../../src/dashboard/mountains.js'
import { ring, ringText } from '../../src/dashboard/ring.js'
import { outcomes, outcomesText } from '../../src/dashboard/outcomes.js'
import { rope, ropeText } from '../../src/dashboard/rope.js'
import type { OutcomeFacts } from '../../src/dashboard/facts.js'
import { drawnFiles } from '../../scripts/pictures/drawn.js'
import { made, NOW, vkey, type Made } from './made.js'

function drawn(change: Made = {}) {
  const reading = made(change)
  const facts = picturesOf(reading, reading.status.logs[0]!)
  const svg = markup(rope(facts.rope))
  const strands = [...svg.matchAll(/<g class="strand (\w+)"><title>([^<]*)<\/title>(.*?)<\/g>/gs)]
  return { facts, svg, strands: strands.map(([, kind, name, body]) => ({ kind, name, body: body! })) }
}

/** Where a path ends. */
function endOf(path: string): { x: number; y: number } {
  const numbers = path.match(/-?\d+(?:\.\d+)?/g)!.map(Number)
  return { x: numbers.at(-2)!, y: numbers.at(-1)! }
}
const pathsOf = (body: string): string[] => [...body.matchAll(/ d="([^"]*)"/g)].map(([, d]) => d!)

describe('the rope', () => {
  test('is one if all agree, with strands that end side by side', () => {
    const { strands, facts } = drawn()
    expect(strands.map(({ kind }) => kind)).toEqual(['own', 'together', 'together', 'together', 'together'])
    const ends = strands.map(({ body }) => endOf(pathsOf(body)[0]!))
    expect(new Set(ends.map(({ x }) => x)).size).toBe(1)
    expect(Math.max(...ends.map(({ y }) => y)) - Math.min(...ends.map(({ y }) => y))).toBeLessThan(20)
    expect(ropeText(facts.rope)).toBe('5 of 5 witnesses lie in one rope')
  })

  test('is left by strands of a proven other history, below the common part', () => {
    const { strands, svg } = drawn({ evidence: [{}, { witness: vkey('w3.example') }] })
    const left = strands.filter(({ kind }) => kind === 'strayed')
    expect(left.map(({ name }) => name)).toEqual(['w3.example', 'shown to others'])
    const together = strands.filter(({ kind }) => kind === 'together')
    const rope = Math.max(...together.map(({ body }) => endOf(pathsOf(body)[0]!).y))
    for (const { body } of left)
      expect(endOf(/class="leaving" d="([^"]*)"/.exec(body)![1]!).y).toBeGreaterThan(rope + 40)
    expect(svg).toContain('4 of 5 witnesses lie in one rope; left it: w3.example, shown to others')
  })

  test('is left by a single strand for others, however many heads they were shown', () => {
    const { strands } = drawn({ evidence: [{}, {}, {}] })
    expect(strands.filter(({ kind }) => kind === 'strayed').map(({ name }) => name)).toEqual(['shown to others'])
  })

  test('has a loose end for a silent witness, but not for a late one', () => {
    const { strands, facts } = drawn({ ago: (i) => (i === 1 ? 4_000_000 : i === 2 ? 3_000_000 : 40_000) })
    const lost = { ...facts.rope, strands: facts.rope.strands.map((strand, i) => (i === 1 ? aged(strand) : strand)) }
    expect(strands.map(({ kind }) => kind)).not.toContain('strayed')
    const svg = markup(rope(lost))
    expect(svg).toMatch(/<g class="strand loose"><title>w1.example<\/title>.*?<circle class="mark"/s)
    expect(ropeText(lost)).toContain('silent: w1.example')
  })

  test('is drawn inside its frame for any times and sizes', () => {
    const point = fc.record({ size: fc.nat(), time: fc.integer({ min: 0, max: 4e12 }) })
    const strand = fc.record({
      name: fc.string({ unit: 'binary', maxLength: 60 }),
      of: fc.constantFrom('witness' as const, 'other history' as const),
      own: fc.boolean(),
      counted: fc.boolean(),
      points: fc.array(point, { maxLength: 6 }),
      strayed: fc.array(point, { maxLength: 2 }),
    })
    fc.assert(
      fc.property(fc.array(strand, { maxLength: 30 }), (strands) => {
        const svg = markup(rope({ now: NOW, strands }))
        expect(svg).not.toMatch(/NaN|Infinity|undefined/)
        for (const [, d] of svg.matchAll(/ d="([^"]*)"/g)) {
          for (const number of d!.match(/-?\d+(?:\.\d+)?/g) ?? []) expect(Math.abs(Number(number))).toBeLessThan(1000)
        }
      }),
      { numRuns: 100 },
    )
  })
})

function aged(strand: RopeFacts['strands'][number]): RopeFacts['strands'][number] {
  return { ...strand, points: [{ size: 63_096_000, time: NOW - 4_000_000 }] }
}

describe('the ring', () => {
  test('shows by shape how recently each was heard', () => {
    const ago = [40_000, 3_000_000, 9_000_000]
    const reading = made({ witnesses: 4, ago: (i) => ago[i] ?? 40_000 })
    const witnesses = reading.witnesses.map((each, i) => (i === 3 ? { ...each, convicted: 'f'.repeat(16) } : each))
    const { ring: members } = picturesOf({ ...reading, witnesses }, reading.status.logs[0]!)
    expect(ringText(members)).toBe('4 witnesses (1 fresh, 1 late, 1 silent, 1 convicted), 0 peers')
    const svg = markup(ring(members))
    expect(svg.match(/class="half"/g)).toHaveLength(1)
    expect(svg).toMatch(/member witness convicted"><title>w3.example: proven to have signed two histories/)
  })

  test('shows a peer that answers as fresh, and one never heard as silent', () => {
    const peer = {
      peerId: '12D3',
      multiaddr: '',
      witness: null,
      since: '',
      score: null,
      head: null,
      chosen: false,
      depositary: null,
    }
    const reading = {
      ...made(),
      peers: [
        { ...peer, rttMs: 3.2 },
        { ...peer, rttMs: null },
      ],
    }
    const { ring: members } = picturesOf(reading, reading.status.logs[0]!)
    expect(members.filter(({ kind }) => kind === 'peer').map(({ freshness }) => freshness)).toEqual(['fresh', 'silent'])
  })
})

describe('the mountains', () => {
  test('are the perfect subtrees of the tree, for any size', () => {
    expect(subtreesOf(0)).toEqual([])
    expect(subtreesOf(7).map(({ level }) => level)).toEqual([2, 1, 0])
    fc.assert(
      fc.property(fc.maxSafeNat(), (size) => {
        const subtrees = subtreesOf(size)
        expect(subtrees.reduce((sum, { from, to }) => sum + (to - from), 0)).toBe(size)
        subtrees.forEach(({ from, to, level }, i) => {
          expect(to - from).toBe(2 ** level)
          expect(from).toBe(subtrees[i - 1]?.to ?? 0)
        })
        const levels = subtrees.map(({ level }) => level)
        expect(levels).toEqual([...new Set(levels)].sort((a, b) => b - a))
      }),
    )
  })

  test('are filled as far as the audit has read', () => {
    const read = (audited: number): number =>
      markup(mountains({ size: 7, audited })).match(/class="read"/g)?.length ?? 0
    expect([0, 3, 4, 5, 7].map(read)).toEqual([0, 1, 1, 2, 3])
    expect(mountainsText({ size: 7, audited: 3 })).toMatch(/7 records in 3 perfect subtrees; 42 % of it read/)
  })
})

describe('the heartbeat', () => {
  const heights = (svg: string): number[] =>
    [...svg.matchAll(/<rect [^>]*height="([\d.]+)"/g)].map(([, height]) => Number(height))
  const fact = (more: Partial<OutcomeFacts>): OutcomeFacts => ({
    ...{ door: 'poll', outcome: 'known', ago: 0, count: 1 },
    ...more,
  })

  test('has a bar for each minute with a head, with the outcomes as text', () => {
    const svg = markup(
      outcomes([fact({ count: 3 }), fact({ outcome: 'conflict', count: 1 }), fact({ door: 'gossip', ago: 5 })]),
    )
    expect(svg).toContain('<title>this minute: 3 known, 1 conflict</title>')
    expect(svg).toContain('<title>5 min ago: 1 known</title>')
    // Those of the bars, and the six of the legend.
    expect(heights(svg)).toHaveLength(3 + 6)
    expect(outcomesText([fact({ count: 3 }), fact({ door: 'gossip', ago: 5 })])).toBe(
      'heads in the last hour, by poll: 3 known; by gossip: 1 known',
    )
    expect(outcomesText([])).toBe('no head came in the last hour')
  })

  test('shows a conflict among a million other outcomes, with a cross', () => {
    const svg = markup(outcomes([fact({ count: 1_000_000 }), fact({ outcome: 'conflict', count: 1 })]))
    expect(Math.min(...heights(svg))).toBeGreaterThanOrEqual(4)
    expect(svg.match(/class="block conflict"><rect[^>]*\/?>(<\/rect>)?<path/g)).toHaveLength(2)
  })

  test('is drawn inside its frame for any outcomes', () => {
    const facts = fc.array(
      fc.record({
        door: fc.constantFrom('poll', 'push', 'gossip', 'sync'),
        outcome: fc.constantFrom('advanced', 'known', 'past', 'pending', 'refused', 'conflict'),
        ago: fc.integer({ min: 0, max: 59 }),
        count: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      }),
      { maxLength: 40 },
    )
    fc.assert(
      fc.property(facts, fc.boolean(), (some, isNarrow) => {
        const svg = markup(outcomes(some, isNarrow))
        expect(svg).not.toMatch(/NaN|Infinity|undefined/)
        for (const [, x, y] of svg.matchAll(/<rect x="([^"]*)" y="([^"]*)"/g)) {
          expect(Number(x)).toBeGreaterThanOrEqual(0)
          expect(Number(y)).toBeGreaterThanOrEqual(-12)
          expect(Number(x)).toBeLessThan(isNarrow ? 340 : 720)
        }
      }),
      { numRuns: 50 },
    )
  })
})

test('the pictures in the docs are up to date (npm run pictures)', () => {
  const folder = new URL('../../docs/pictures/', import.meta.url)
  const drawn = drawnFiles()
  for (const [name, svg] of drawn) expect(readFileSync(new URL(name, folder), 'utf8'), name).toBe(svg)
  expect(
    readdirSync(folder)
      .filter((name) => name.endsWith('.svg'))
      .toSorted(),
  ).toEqual([...drawn.keys()].toSorted())
})
