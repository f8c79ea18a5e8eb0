/** What the go command's lookups make of the log: how often it is asked, and which of its heads are judged. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { Upstream } from '../../src/proxy/upstream.js'
import { utf8 } from '../../src/tlog/bytes.js'
import type { Outcome } from '../../src/witness/outcome.js'

const { signal } = new AbortController()

function upstream(kind: Outcome['kind']) {
  const calls = { latest: 0, submitted: 0 }
  const clock = { ms: 0 }
  const head = { origin: 'o', size: 1, root: new Uint8Array(32) }
  const asked = new Upstream({
    log: 'log',
    client: {
      ask: () => Promise.resolve({ id: 0, record: utf8('r'), note: utf8('head'), head }),
      latestNote: () => Promise.resolve(utf8(`head ${++calls.latest}`)),
    },
    submit: () => {
      calls.submitted++
      return Promise.resolve({ kind, news: false })
    },
    onError: (error) => expect.unreachable(String(error)),
    now: () => clock.ms,
  })
  return { asked, calls, clock }
}

test.each([
  ['pending', 2],
  ['known', 1],
] as const)('a head that was %s is judged %d times when it is shown twice', async (kind, times) => {
  const { asked, calls } = upstream(kind)
  for (let i = 0; i < 2; i++) await (await asked.ask('m', 'v', signal)).judged
  expect(calls.submitted).toBe(times)
})

test('clients make the log be looked at once in two seconds', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const { asked, calls, clock } = upstream('known')
  for (const ms of [0, 100, 1_899]) {
    vi.advanceTimersByTime(ms)
    await asked.look(signal)
  }
  expect(calls.latest).toBe(1)
  // A wall clock that is set back keeps nothing waiting.
  clock.ms = -86_400_000
  vi.advanceTimersByTime(1)
  await asked.look(signal)
  expect(calls.latest).toBe(2)
})
