/** Streams kept for another request: one per peer, for three seconds, and for a limited number of requests. */
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { OpenTalks, REQUESTS_PER_STREAM, type Talk } from '../../../src/gossip/sync/talks.js'
import type { SyncAnswer } from '../../../src/gossip/sync/messages.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
})

/** A stream that records when it is closed. */
function talk(requests = 1): { readonly talk: Talk; readonly stream: { status: string; closed: number } } {
  const stream = {
    status: 'open',
    closed: 0,
    close() {
      this.closed++
      return Promise.reject(new Error('it was closed already'))
    },
  }
  return { talk: { stream, frames: {}, requests } as unknown as Talk, stream }
}
const answer = { type: 'hello' } as SyncAnswer

test('a stream is handed out once, for its own peer', () => {
  const talks = new OpenTalks()
  const { talk: kept, stream } = talk()
  talks.keep('peer', kept, answer)
  expect(talks.take('another')).toBeUndefined()
  expect(talks.take('peer')).toBe(kept)
  expect(talks.take('peer')).toBeUndefined()
  vi.advanceTimersByTime(60_000)
  expect(stream.closed).toBe(0)
})

test('a stream that is idle for three seconds is closed', () => {
  const talks = new OpenTalks()
  const { talk: kept, stream } = talk()
  talks.keep('peer', kept, answer)
  vi.advanceTimersByTime(2_999)
  expect(stream.closed).toBe(0)
  vi.advanceTimersByTime(1)
  expect([stream.closed, talks.take('peer')]).toEqual([1, undefined])
})

test('a stream that has ended is not handed out', () => {
  const talks = new OpenTalks()
  const { talk: kept, stream } = talk()
  talks.keep('peer', kept, answer)
  stream.status = 'closed'
  expect(talks.take('peer')).toBeUndefined()
})

test('a second idle stream of a peer is closed', () => {
  const talks = new OpenTalks()
  const [first, second] = [talk(), talk()]
  talks.keep('peer', first.talk, answer)
  talks.keep('peer', second.talk, answer)
  expect([first.stream.closed, second.stream.closed]).toEqual([0, 1])
  expect(talks.take('peer')).toBe(first.talk)
})

test.each<[string, SyncAnswer | undefined, number, boolean]>([
  ['that got no answer', undefined, 1, false],
  ['whose peer said that it is busy', { type: 'error', code: 'busy' }, 1, false],
  ['whose peer did not know what was asked for', { type: 'error', code: 'unknown' }, 1, true],
  ['whose peer did not know the request', { type: 'error', code: 'unknown-request' }, 1, true],
  ['with one request left', answer, REQUESTS_PER_STREAM - 1, true],
  ['that carried all it may', answer, REQUESTS_PER_STREAM, false],
])('one %s is kept or closed', (_, said, requests, isKept) => {
  const talks = new OpenTalks()
  const { talk: ended, stream } = talk(requests)
  talks.keep('peer', ended, said)
  expect([talks.take('peer') === ended, stream.closed]).toEqual([isKept, isKept ? 0 : 1])
})

test('the stream of a peer that left is closed, and its end causes no error', async () => {
  const talks = new OpenTalks()
  const { talk: kept, stream } = talk()
  talks.keep('peer', kept, answer)
  talks.gone('peer')
  talks.gone('peer')
  talks.gone('nobody')
  await Promise.resolve()
  expect([stream.closed, talks.take('peer')]).toEqual([1, undefined])
})
