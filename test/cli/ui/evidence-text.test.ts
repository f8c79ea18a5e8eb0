import { describe, expect, it } from 'vitest'
import { evidenceLines } from '../../../src/cli/ui/evidence-text.js'
import { deedOf, placesOf } from '../../../src/status/evidence-words.js'
import type { EvidenceView } from '../../../src/status/shapes.js'
import { EVIDENCE, LOG } from '../../helpers/node-view.js'

const NOW = Date.parse('2026-01-02T03:04:05Z')
const [split] = EVIDENCE as [EvidenceView]
const conflict: EvidenceView = { ...split, type: 'gossum/witness-conflict/v1', witness: 'w9+00000000+AAAA' }
const bad: EvidenceView = {
  ...split,
  ...{ type: 'gossum/bad-record/v1', sizes: [1200, 1200], module: 'example.com/m@v1.2.3', records: [5, 1100] },
}
/** Evidence that a node of a later version may hold. */
const later: EvidenceView = { ...split, type: 'gossum/stale-head/v1', sizes: [7, 7] }

describe('the list of evidence', () => {
  it('says which key each item convicts, and of what', () => {
    const lines = evidenceLines([split, conflict, bad, later], [LOG], NOW)
    const told = lines.map((line) =>
      line.slice(line.indexOf('convicts'), line.indexOf('  seen')).replace(/ {2,}/g, ' | ').trimEnd(),
    )
    expect(told.map((line) => line.replace(/( \|)+$/, ''))).toEqual([
      `convicts the log | ${placesOf(split)}`,
      `convicts the witness w9 | ${placesOf(split)}`,
      'convicts the log | records 5 and 1,100 of size 1,200: example.com/m@v1.2.3',
      'convicts the log | sizes 7 and 7',
    ])
  })

  it('truncates a long module version', () => {
    const [line] = evidenceLines([{ ...bad, module: `${'x'.repeat(600)}@v1` }], [LOG], NOW)
    expect(line!.length).toBeLessThan(400)
    expect(line).toContain('xxx…  seen')
  })
})

it('each type of evidence has its own description', () => {
  const facts = { sizes: [5, 6], module: 'example.com/m@v1.2.3' } as const
  const types = ['gossum/split-view/v1', 'gossum/witness-conflict/v1', 'gossum/bad-record/v1'] as const
  expect(types.map((type) => deedOf({ ...facts, type }, 'log.example'))).toEqual([
    'signed two histories',
    'cosigned two histories of log.example',
    'holds two records of example.com/m@v1.2.3 that differ',
  ])
})
