/**
 * A monitor that is asked whether it sees the same head: its opinion is reported and shown, and convicts nobody alone.
 */
import { describe, expect, test } from 'vitest'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { formatHash } from '../../src/tlog/hash.js'
import { parseNote, verifyNote } from '../../src/tlog/note.js'
import { FakePlace, type Answering, type Reply } from '../fakes/place.js'
import { testSigner } from '../helpers/heart.js'
import { PushingLog } from '../helpers/witness-client.js'
import { endless } from './hostile.js'
import { visiting } from './visiting.js'

const logSigner = testSigner('log.example', 1)
const log = new PushingLog(logSigner, { origin: SUMDB_ORIGIN })
const setting = (url: string) => ({ kind: 'source-spotter', name: 'spotter', url }) as const
const says = (word: string): Reply => ({ status: 200, body: `${word}: it says more about\x1b[2J\nit\n` })

test('the place gets the head as signed by the log, under the name of the log, and its verdict is reported and shown', async () => {
  let word = 'pending'
  const place = await FakePlace.start(({ method }) => (method === 'POST' ? says(word) : { status: 404 }))
  const us = await visiting([setting(place.url)])
  await us.grow(5)
  expect(await us.news.next(({ verdict }) => verdict === 'pending')).toMatchObject({
    place: 'spotter',
    kind: 'source-spotter',
    log: us.heart.log,
    size: 5,
    root: formatHash(log.tree(5).root),
    reachable: true,
    detail: 'pending: it says more about [2J it',
  })
  const { path, body, method } = place.asked.seen[0]!
  expect({ path, method }).toEqual({ path: '/log.example', method: 'POST' })
  const note = parseNote(body)
  expect(verifyNote(note, logSigner.verifier)).toBeDefined()
  expect(note.signatures).toHaveLength(1)

  // It is asked again about the same head until it has an answer.
  word = 'consistent'
  await us.news.next(({ verdict }) => verdict === 'consistent')
  const asked = place.asked.seen.length
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(place.asked.seen).toHaveLength(asked)
  expect(us.exchange.views()[0]).toMatchObject({ error: null, says: [{ verdict: 'consistent', size: 5 }] })
})

describe('"inconsistent"', () => {
  test('is reported for each head, but freezes no log and convicts no key', async () => {
    const place = await FakePlace.start(({ method }) =>
      method === 'POST' ? says('inconsistent') : { status: 200, body: log.head(3) },
    )
    const us = await visiting([setting(place.url)])
    for (const size of [5, 6]) {
      await us.grow(size)
      expect(
        await us.news.next((told) => told.verdict === 'inconsistent' && told.size === size),
        'with the head that it is about',
      ).toMatchObject({ root: formatHash(log.tree(size).root) })
    }
    expect(us.heart.evidence).toEqual([])
    expect(us.exchange.views()[0]!.error).toMatch(/^inconsistent: /)
    // The next head is still cosigned.
    await us.grow(7)
  })

  test('with a head of a different history convicts the log, as from any source', async () => {
    const fork = new PushingLog(logSigner, { origin: SUMDB_ORIGIN, salt: 'b' })
    const place = await FakePlace.start(({ method }) =>
      method === 'POST' ? says('inconsistent') : { status: 200, body: fork.head(5) },
    )
    const us = await visiting([setting(place.url)])
    await us.grow(5)
    await us.heart.feed.next(({ kind }) => kind === 'conflict')
    expect(us.heart.evidence).toHaveLength(1)
  })
})

test('a log that the place does not follow is reported once, and not asked about again at once', async () => {
  const place = await FakePlace.start(() => ({ status: 404, body: 'Not Found' }))
  const us = await visiting([setting(place.url)])
  await us.grow(5)
  await us.news.next(({ verdict }) => verdict === 'unknown-log')
  await us.grow(6)
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(place.asked.seen).toHaveLength(1)
})

test('a head that the place calls invalid is reported', async () => {
  const place = await FakePlace.start(() => ({ status: 400, body: 'Invalid STH: no' }))
  const us = await visiting([setting(place.url)])
  await us.grow(5)
  expect(await us.news.next(({ verdict }) => verdict === 'refused')).toMatchObject({ detail: '400 Invalid STH: no' })
})

const LIES: Record<string, Answering> = {
  'no opinion': () => ({ status: 200, body: 'all is well\n' }),
  'a word that begins like one': () => ({ status: 200, body: 'consistently: yes\n' }),
  nothing: () => ({ status: 200 }),
  'ten megabytes that begin well': () => endless(10 * 1024 * 1024),
  'a redirect': () => ({ status: 303, headers: { location: '/' } }),
}
test.each(Object.entries(LIES))('%s is an unusable answer', async (_what, answer) => {
  const place = await FakePlace.start(answer)
  const us = await visiting([setting(place.url)])
  await us.grow(5)
  const told = await us.news.next(({ reachable }) => !reachable)
  expect(told.error).toMatch(/^the place gave an unusable answer: /)
  expect(us.exchange.views()[0]!.says).toEqual([])
})
