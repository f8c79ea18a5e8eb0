/** The text output of `gossum alarm`. */
import { expect, test } from 'vitest'
import { alarmListLines, alarmTestLines } from '../../../src/cli/ui/alarm-text.js'

const plain = (_style: string, text: string): string => text
const NOW = Date.parse('2026-01-02T12:00:00.000Z')

test('a test prints the result of each receiver, and the output of a failed hook', () => {
  expect(
    alarmTestLines(
      [
        { name: 'h.example', kind: 'webhook', ok: true, ms: 12, said: 'status 200', output: 'ok' },
        { name: 'mail', kind: 'hook', ok: false, ms: 3, said: 'exit status 7', output: 'one\ntwo' },
      ],
      plain,
    ),
  ).toEqual([
    'ok      webhook  h.example  status 200, 12 ms',
    'failed  hook     mail       exit status 7, 3 ms',
    '        one',
    '        two',
  ])
})

test('the list shows firing alarms and the undelivered alerts of each receiver', () => {
  const at = (minutes: number): string => new Date(NOW - minutes * 60_000).toISOString()
  const firing = { name: 'frozen', severity: 'misbehaviour', log: 'x', sentence: 'it lied', since: at(5) } as const
  const lines = alarmListLines(
    {
      firing: [firing],
      receivers: [
        { name: 'h.example', kind: 'webhook', waiting: 2, oldest: at(4), lastTaken: null, error: 'status 503' },
        { name: 'mail', kind: 'hook', waiting: 0, oldest: null, lastTaken: at(3), error: null },
      ],
    },
    NOW,
    plain,
  )
  expect(lines).toEqual([
    'frozen  it lied  for 5 min',
    '',
    'webhook  h.example  nothing delivered since the start, 2 waiting, the oldest for 4 min: status 503',
    'hook     mail       last delivery 3 min ago',
  ])
  expect(alarmListLines({ firing: [], receivers: [] }, NOW, plain)).toEqual([
    'no alert is firing',
    '',
    'no receivers: there is neither a hook nor a webhook',
  ])
})
