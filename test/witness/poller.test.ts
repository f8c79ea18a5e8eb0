import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { pollFailure, type Polled } from '../../src/witness/polled.js'
import { Poller, type PollerParts } from '../../src/witness/poller.js'
import { Feed, startHeart, testSigner } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

/** The requested pauses, in ms. They end when the test ends them, or with the signal. */
const pauses = new Feed<{ ms: number; end: () => void }>()

const untilEnded = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise<void>((resolve, reject) => {
    if (signal.aborted) reject(new Error('aborted'))
    signal.addEventListener('abort', () => reject(new Error('aborted')))
    pauses.push({ ms, end: resolve })
  })

const signer = testSigner('log.example', 1)
const history = new History(signer)
const MINUTE = 60_000
const errorCodeOf = (error: unknown): string | undefined => (error instanceof GossumError ? error.code : undefined)
const down = (): Promise<never> => Promise.reject(new GossumError('LOG_UNREACHABLE', 'down'))
const stops: (() => Promise<unknown>)[] = []
beforeEach(() => void pauses.seen.splice(0))
afterEach(() => Promise.all(stops.splice(0).map((stop) => stop())))

async function polling(change: Partial<PollerParts> = {}) {
  const clock = { now: 0 }
  const heart = await startHeart({ logKey: signer.verifier, prefix: showing(history), now: () => clock.now })
  const answers: { latest: NonNullable<PollerParts['latestNote']> } = { latest: () => Promise.resolve(history.head(5)) }
  const polls: Polled[] = []
  const errors: unknown[] = []
  const poller = new Poller({
    log: heart.log,
    latestNote: (options) => answers.latest(options),
    witness: heart.witness,
    interval: 60,
    onPoll: (polled) => polls.push(polled),
    onError: (error) => errors.push(error),
    world: { now: () => clock.now, random: () => 0.5, pause: untilEnded },
    ...change,
  })
  stops.push(() => poller.stop())
  poller.start()
  /** Waits for the n-th pause (from 0): the poll before it is over. */
  const pause = (n: number) => pauses.next(() => true, n)
  return { heart, poller, answers, clock, polls, errors, pause }
}

describe('the poller', () => {
  test('polls at once, and treats the answer as first-hand', async () => {
    const { heart, pause, polls } = await polling()
    await pause(0)
    expect(heart.outcomes).toMatchObject([{ kind: 'advanced', size: 5 }])
    expect(polls).toMatchObject([{ outcome: { kind: 'advanced', size: 5 } }])
  })

  test('pauses for the interval, varied by up to a fifth, so that nodes do not poll in step', async () => {
    let random = 0
    const { pause } = await polling({ world: { now: () => 0, random: () => random, pause: untilEnded } })
    for (const [n, expected] of [48_000, 60_000, 72_000].entries()) {
      random = n / 2
      const { ms, end } = await pause(n)
      if (n > 0) expect(ms).toBeCloseTo(expected, 3)
      end()
    }
  })

  test('backs off from a failing log, up to five intervals, and returns to normal when it recovers', async () => {
    const { answers, pause, polls } = await polling()
    answers.latest = down
    for (const [n, minutes] of [1, 1, 2, 4, 5, 5].entries()) {
      const { ms, end } = await pause(n)
      expect(ms).toBeCloseTo(minutes * MINUTE, 3)
      end()
    }
    expect(polls.slice(1, 3)).toMatchObject([{ silence: { code: 'LOG_UNREACHABLE' } }, { silence: {} }])
    answers.latest = () => Promise.resolve(history.head(6))
    ;(await pause(6)).end()
    expect((await pause(7)).ms).toBeCloseTo(MINUTE, 3)
    expect(polls.at(-1)).toMatchObject({ outcome: { kind: 'known' } })
  })

  test('treats an answer that is no head of the log as a failure, and backs off too', async () => {
    const { answers, pause, polls, errors } = await polling()
    const stranger = new History(testSigner('log.example', 7))
    answers.latest = () => Promise.resolve(new TextEncoder().encode('<html>Please sign in</html>'))
    for (const [n, minutes] of [1, 1, 2, 4].entries()) {
      const { ms, end } = await pause(n)
      expect(ms).toBeCloseTo(minutes * MINUTE, 3)
      // A head of another key with the same name is not the log's either.
      if (n === 1) answers.latest = () => Promise.resolve(stranger.head(9))
      end()
    }
    await pause(4)
    expect(polls.map((polled) => errorCodeOf(pollFailure(polled)))).toEqual([
      undefined,
      ...Array<string>(4).fill('LOG_ANSWER_INVALID'),
    ])
    expect(errors).toEqual([])
  })

  test('retries suspects after each poll, and raises alarms for those that stay, even if the log is down', async () => {
    const { answers, clock, heart, pause } = await polling()
    await pause(0)
    await heart.submit('gossip', history.fork(2, 'b').head(9), 'victim')
    answers.latest = down
    clock.now += 15 * MINUTE
    ;(await pause(0)).end()
    await pause(1)
    await heart.witness.idle()
    expect(heart.suspectAlarms).toMatchObject([{ size: 9 }])
  })

  test('distinguishes our failures from those of the log, and continues', async () => {
    const { heart, pause, polls, errors, answers } = await polling()
    await pause(0)
    const submit = vi.spyOn(heart.witness, 'submit').mockRejectedValueOnce(new Error('a bug'))
    answers.latest = () => Promise.resolve(history.head(7))
    ;(await pause(0)).end()
    ;(await pause(1)).end()
    await pause(2)
    expect(errors).toMatchObject([{ message: 'a bug' }])
    expect(polls).toMatchObject([{ outcome: {} }, { failed: { message: 'a bug' } }, { outcome: {} }])
    expect(heart.cosigned.current(heart.log)?.size).toBe(7)
    submit.mockRestore()
  })

  test('stops at once during a pause', async () => {
    const { poller, pause, polls } = await polling()
    await pause(0)
    await poller.stop()
    expect(polls).toHaveLength(1)
  })

  test('stops at once during a request, and does not blame the log for it', async () => {
    const { poller, polls } = await polling({
      latestNote: ({ signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
    })
    await poller.stop()
    expect(polls).toEqual([])
  })
})

test('a log that is only pushed is never polled, but its suspects are still retried', async () => {
  const clock = { now: 0 }
  const heart = await startHeart({
    logKey: signer.verifier,
    now: () => clock.now,
    prefixFromPeers: (_, __, of, size) => showing(history)(of, size),
  })
  const proof = { oldSize: 0, hashes: [] }
  await heart.witness.submit({ source: 'push', note: history.head(5), log: heart.log, proof, receivedAt: 0 })
  await heart.witness.submit({ source: 'push', note: history.head(9), log: heart.log, proof, receivedAt: 0 })
  expect(heart.outcomes.at(-1)).toMatchObject({ kind: 'pending', code: 'OLD_SIZE_DIFFERS' })
  const polls: unknown[] = []
  const parts = {
    log: heart.log,
    witness: heart.witness,
    interval: 60,
    world: { now: () => 0, random: () => 0.5, pause: untilEnded },
  }
  const poller = new Poller({ ...parts, onPoll: (error) => polls.push(error), onError: (error) => polls.push(error) })
  stops.push(() => poller.stop())
  poller.start()
  expect(await heart.feed.next(({ kind, size }) => kind === 'advanced' && size === 9)).toBeDefined()
  expect(polls).toEqual([])
})
