/** The effect of the go command's lookups on the log: how often it is queried, and which of its heads are judged. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { endOfTurn } from '../../src/lib/timed.js'
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
] as const)('a head with outcome %s that is shown twice is judged %d times', async (kind, times) => {
  const { asked, calls } = upstream(kind)
  for (let i = 0; i < 2; i++) await (await asked.ask('m', 'v', signal)).judged
  expect(calls.submitted).toBe(times)
})

test('clients cause at most one poll of the log in two seconds', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const { asked, calls, clock } = upstream('known')
  for (const ms of [0, 100, 1_899]) {
    vi.advanceTimersByTime(ms)
    await asked.look(signal)
  }
  expect(calls.latest).toBe(1)
  // Setting the wall clock back delays nothing.
  clock.ms = -86_400_000
  vi.advanceTimersByTime(1)
  await asked.look(signal)
  expect(calls.latest).toBe(2)
})

const head = { origin: 'o', size: 1, root: new Uint8Array(32) }

/** A log that shows a new head with every lookup; the heads are judged on command. */
function flood() {
  const judge: (() => void)[] = []
  let shown = 0
  const asked = new Upstream({
    log: 'log',
    client: {
      ask: () => Promise.resolve({ id: 0, record: utf8('r'), note: utf8(`head ${++shown}`), head }),
      latestNote: () => Promise.reject(new Error('not asked')),
    },
    submit: () => new Promise((resolve) => judge.push(() => resolve({ kind: 'known', news: false }))),
    onError: (error) => expect.unreachable(String(error)),
    now: () => 0,
  })
  return { asked, judge }
}

test('answers wait for the judgement of their heads once sixteen are in progress', async () => {
  const { asked, judge } = flood()
  for (let i = 0; i < 16; i++) await asked.ask('m', 'v', signal)
  let isAnswered = false
  const waiting = asked.ask('m', 'v', signal).finally(() => (isAnswered = true))
  await endOfTurn()
  expect([isAnswered, judge.length]).toEqual([false, 17])
  judge[16]!()
  await waiting
  for (const end of judge) end()
  await endOfTurn()
  await asked.ask('m', 'v', signal)
})

test('a head in an unusable answer is judged before the client is answered', async () => {
  const told: string[] = []
  const asked = new Upstream({
    log: 'log',
    client: {
      ask: (_path, _version, options) => {
        options?.onHead?.(utf8('a fork'))
        return Promise.reject(new GossumError('LOG_ANSWER_INVALID'))
      },
      latestNote: () => Promise.reject(new Error('not asked')),
    },
    submit: async ({ note, source, log }) => {
      await endOfTurn()
      told.push(`${source} ${String(log)} ${Buffer.from(note).toString()}`)
      return { kind: 'conflict', news: true }
    },
    onError: (error) => expect.unreachable(String(error)),
    now: () => 0,
  })
  await expect(asked.ask('m', 'v', signal)).rejects.toMatchObject({ code: 'LOG_ANSWER_INVALID' })
  expect(told).toEqual(['lookup log a fork'])
})

test('a local failure to judge is reported, and the head is judged again', async () => {
  const errors: unknown[] = []
  let fails = 1
  const asked = new Upstream({
    log: 'log',
    client: {
      ask: () => Promise.resolve({ id: 0, record: utf8('r'), note: utf8('head'), head }),
      latestNote: () => Promise.reject(new Error('not asked')),
    },
    submit: () => (fails-- > 0 ? Promise.reject(new Error('disk')) : Promise.resolve({ kind: 'known', news: false })),
    onError: (error) => errors.push(error),
    now: () => 0,
  })
  await expect((await asked.ask('m', 'v', signal)).judged).rejects.toThrow('disk')
  await endOfTurn()
  expect(errors).toEqual([new Error('disk')])
  expect(await (await asked.ask('m', 'v', signal)).judged).toMatchObject({ kind: 'known' })
})

test('a log is silent from its first request without an answer to its next answer', () => {
  const { asked, clock } = upstream('known')
  const unreachable = new GossumError('LOG_UNREACHABLE')
  clock.ms = 5
  asked.heard(new GossumError('LOG_ANSWER_INVALID'))
  expect(asked.silentSince).toBeUndefined()
  asked.heard(unreachable)
  clock.ms = 9
  asked.heard(unreachable)
  asked.heard(new GossumError('LOG_ANSWER_INVALID'))
  expect(asked.silentSince).toBe(5)
  asked.heard()
  expect(asked.silentSince).toBeUndefined()
  asked.heard(unreachable)
  expect(asked.silentSince).toBe(9)
})
