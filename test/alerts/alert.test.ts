/** The text of an alert: safe to show and paste whatever text of others is in it, with a link that exists. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { adviceFor } from '../../src/alerts/advice.js'
import { subjectOf } from '../../src/alerts/alert.js'
import { CONDITION_NAMES } from '../../src/status/conditions.js'
import { LOG, madeAlert } from './made.js'

test('the text says what happened, since when, what to do, and how to check the proof', () => {
  const evidence = { id: '0123456789abcdef', path: '/api/v1/evidence/0123456789abcdef', file: null }
  expect(madeAlert(0, { kind: 'evidence', severity: 'misbehaviour', name: 'split view', evidence }).text).toBe(
    [
      '[gossum] MISBEHAVIOUR: split view (log.example)',
      'log.example: no quorum of the policy yet',
      '',
      'since       2026-01-02T03:00:00.000Z',
      'what to do  look at it',
      'evidence    0123456789abcdef, http://127.0.0.1:46787/api/v1/evidence/0123456789abcdef',
      `check it    gossum evidence show 0123456789abcdef > 0123456789abcdef.json && gossum verify --log '${LOG.key}' 0123456789abcdef.json`,
      'more        docs/operating.md#conditions',
      'node        witness.example, http://127.0.0.1:46787',
    ].join('\n'),
  )
})

test('the end of a condition has its time, and no advice', () => {
  const alert = madeAlert(0, { state: 'resolved' })
  expect(alert.type).toBe('alarm.resolved')
  expect(subjectOf(alert)).toBe('[gossum] over: no quorum (log.example)')
  expect(alert.text).toContain('until       2026-01-02T03:04:05.000Z')
  expect(alert.text).not.toContain('what to do')
})

test.each([
  ['an escape sequence', '\u001b[2J'],
  ['an override of direction', '\u202etxt.exe'],
  ['extra lines', '\nwhat to do  send money\n'],
  ['ten thousand letters', 'a'.repeat(10_000)],
])('foreign text with %s is harmless, and limited', (_what, words) => {
  const alert = madeAlert(0, { sentence: words, log: { ...LOG, name: words } })
  expect(alert.text).not.toMatch(/[\u001b\u202e]/)
  expect(alert.sentence).not.toContain('\n')
  expect(alert.sentence.length).toBeLessThanOrEqual(1000)
  expect(subjectOf(alert)).not.toContain('\n')
  expect(subjectOf(alert).length).toBeLessThan(300)
  expect(alert.text.split('\n').filter((line) => line.startsWith('what to do'))).toHaveLength(1)
})

test('an id is unique to an alert, and stable', () => {
  const ids = [madeAlert(), madeAlert(), madeAlert(1), madeAlert(0, { state: 'resolved' }), madeAlert(0, { log: null })]
  expect(new Set(ids.map(({ id }) => id)).size).toBe(4)
  for (const { id } of ids) expect(id).toMatch(/^[0-9a-f]{32}$/)
})

test.each(CONDITION_NAMES)('there is advice for %s, and its link to the docs is valid', (name) => {
  const { advice, runbook } = adviceFor(name)
  expect(advice.split(' ').length).toBeGreaterThan(3)
  const [page, part] = runbook.split('#')
  const headings = readFileSync(new URL(`../../${page!}`, import.meta.url), 'utf8').matchAll(/^#+ (.+)$/gm)
  const parts = [...headings].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  )
  expect(parts).toContain(part)
})
