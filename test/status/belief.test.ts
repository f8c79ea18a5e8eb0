/** The sentence at the top of the page: what must hold before it says that witnesses agree. */
import { describe, expect, test } from 'vitest'
import { beliefIn, type Verdict } from '../../src/status/belief.js'
import { iso, made, NOW, vkey, type Made } from '../dashboard/made.js'

function said(change: Made = {}, at = NOW): Verdict {
  const { status, evidence } = made(change)
  return beliefIn(status, status.logs[0]!, evidence, at)
}

test('enough witnesses that signed one history lately agree', () => {
  expect(said()).toEqual({
    belief: 'agreed',
    sentence: '5 of 5 witnesses see the same log; the newest head they agree on is 63,096,908, 40 s old.',
  })
})

describe('the age of the newest head', () => {
  test('is lowered only by as many witnesses as are needed', () => {
    // Three are needed: two that sign repeatedly, or with any time, are not enough.
    expect(said({ ago: (i) => (i < 2 ? -86_400_000 : 100_000) }).sentence).toMatch(/100 s old/)
    expect(said({ ago: (i) => (i < 3 ? 5_000 : 100_000) }).sentence).toMatch(/ 5 s old/)
  })

  test('says nothing about the present if it is too high', () => {
    const { belief, sentence } = said({}, NOW + 3_600_000)
    expect(belief).toBe('thin')
    expect(sentence).toMatch(/60 min ago/)
  })
})

describe('the belief is thin', () => {
  const condition = (name: 'no quorum' | 'no policy', severity: 'failing' | 'notice') => [
    { name, severity, log: null, text: `${name}!` },
  ]

  test.each<[string, Made, RegExp]>([
    ['without a quorum', { quorum: false }, /no head has a quorum/],
    ['without a policy, whatever this node has proven', { policy: false }, /Only this node counts/],
    ['if those that signed lately do not suffice', { ago: (i) => (i < 2 ? 40_000 : 9e6) }, /Too few witnesses/],
    ['while the node is not ready', { conditions: condition('no quorum', 'failing') }, /no quorum!/],
  ])('%s', (_what, change, words) => {
    const { belief, sentence } = said(change)
    expect(belief).toBe('thin')
    expect(sentence).toMatch(words)
  })

  test('but not because of a notice', () => {
    expect(said({ conditions: condition('no policy', 'notice') }).belief).toBe('agreed')
  })

  test('but not because another log fails', () => {
    const other = { name: 'unverified', severity: 'failing', log: 'b'.repeat(64), text: 'other' } as const
    expect(said({ conditions: [other] }).belief).toBe('agreed')
  })
})

describe('proof of misbehaviour comes first', () => {
  test('for a split view, dated by the earliest', () => {
    const evidence = [{ seenAt: iso(NOW - 60_000) }, { seenAt: iso(NOW - 600_000) }]
    const { belief, sentence } = said({ evidence })
    expect(belief).toBe('split')
    expect(sentence).toMatch(/^SPLIT VIEW since 2026-11-29 11:50 UTC/)
  })

  test('for a bad record', () => {
    const evidence = [{ type: 'gossum/bad-record/v1', module: 'a.example/m@v1.0.0', sizes: [9, 9] as [number, number] }]
    expect(said({ evidence }).sentence).toMatch(/BAD RECORD .* of a.example\/m@v1.0.0/)
  })

  test('until it is acknowledged, and not if it is against a witness or another log', () => {
    expect(said({ evidence: [{ acked: true }] }).belief).toBe('agreed')
    expect(said({ evidence: [{ witness: vkey('w3.example') }] }).belief).toBe('agreed')
    expect(said({ evidence: [{ log: 'b'.repeat(64) }] }).belief).toBe('agreed')
  })
})
