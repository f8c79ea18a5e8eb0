/** One request: its time limit, and that no answer writes control characters on our terminal. */
import { expect, test } from 'vitest'
import { ServiceRequester, PlaceDown, shown, type RequestOutcome } from '../../src/exchange/service-request.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { FakePlace, type Answering } from '../fakes/place.js'

const SLOW: Record<string, Answering> = {
  'no answer': () => () => undefined,
  'a head and no body': () => (response) => {
    response.writeHead(200)
    response.flushHeaders()
  },
  'a body of one byte now and then': () => (response) => {
    response.writeHead(200)
    const timer = setInterval(() => response.write('.'), 10)
    response.on('close', () => clearInterval(timer))
  },
}
test.each(Object.entries(SLOW))('a request with %s ends at its time limit', async (_what, answer) => {
  const place = await FakePlace.start(answer)
  const outcomes: RequestOutcome[] = []
  const asker = new ServiceRequester({ url: place.url, onRequest: (outcome) => outcomes.push(outcome), timeoutMs: 150 })
  const failure: unknown = await asker.ask('GET', 'x', new AbortController().signal).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(PlaceDown)
  expect((failure as PlaceDown).message).toContain('no answer in 150 ms')
  expect(outcomes).toEqual(['failed'])
  // No connection is left open there.
  await expect.poll(() => place.underWay).toBe(0)
})

test('Retry-After is respected up to an hour', async () => {
  const place = await FakePlace.start(() => ({ status: 429, headers: { 'retry-after': '99999999' } }))
  const asker = new ServiceRequester({ url: place.url, onRequest: () => undefined })
  const failure: unknown = await asker.ask('GET', 'x', new AbortController().signal).catch((error: unknown) => error)
  expect((failure as PlaceDown).retryAfterMs).toBe(3_600_000)
})

test('the text shown of an answer is one line of 200 characters, without control or direction characters', () => {
  expect(shown(utf8(' a\r\n\tb\x1b[2J\u202ec\u0000d\u2066 '))).toBe('a b [2J c d')
  expect(shown(utf8('x'.repeat(5000)))).toHaveLength(200)
  expect(shown(new Uint8Array([0xff, 0x41]))).toBe('\ufffdA')
})
