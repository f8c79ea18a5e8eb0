/** A witness that gets our heads: an honest one, a slow one, and all kinds of lies. */
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { parseAddCheckpoint } from '../../src/http/witness/add-checkpoint-body.js'
import { toHex, utf8 } from '../../src/tlog/bytes.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { parseCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { sha256 } from '../../src/tlog/hash.js'
import { formatSignature, parseNote, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { endless, FLOOD } from './hostile.js'
import { FakePlace, HonestWitness, type Answering, type Asked, type Reply } from '../fakes/place.js'
import { testSigner, testWitness } from '../helpers/heart.js'
import { PushingLog } from '../helpers/witness-client.js'
import { visiting, type Visiting } from './visiting.js'

const logSigner = testSigner('log.example', 1)
const theirs = testSigner('their.example/witness', 9, SIGNATURE_TYPES.cosignature)
const stranger = testSigner('stranger.example', 10, SIGNATURE_TYPES.cosignature)
const counted = [testWitness.verifier, theirs.verifier]

const setting = (url: string) => ({ kind: 'feed', name: 'their', url }) as const

/** Pushes in order: the old size, the number of hashes, the size of the head. */
const pushes = (asked: readonly Asked[]): [old: number, hashes: number, size: number][] =>
  asked
    .filter(({ method }) => method === 'POST')
    .map(({ body }) => {
      const { proof, note } = parseAddCheckpoint(body)
      return [proof.oldSize, proof.hashes.length, parseCheckpoint(parseNote(note).text).size]
    })

const line = (text: string, signer = theirs): string => formatSignature(cosign(text, 1_800_000_000, signer).signature)
const textOf = ({ body }: Asked): string => parseNote(parseAddCheckpoint(body).note).text
const size = (value: number | string): Reply => ({
  status: 409,
  headers: { 'content-type': 'text/x.tlog.size' },
  body: `${value}\n`,
})

/** A place that answers nothing before it is released. */
async function heldPlace(answer: HonestWitness['answer']): Promise<{ place: FakePlace; release: () => void }> {
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  const place = await FakePlace.start((asked) => (response) => {
    void released.then(() => {
      const { status, headers, body } = answer(asked)
      response.writeHead(status, headers).end(body)
    })
  })
  return { place, release }
}

/** The cosignatures on our newest head, by key name. */
const signers = ({ heart }: Visiting): string[] =>
  [...(heart.cosigned.current(heart.log)?.cosignatures.keys() ?? [])].map((key) => key.split('+')[0]!)

describe('an honest witness', () => {
  test('gets each head with a proof from its last one, and its cosignature completes our quorum and is relayed', async () => {
    const witness = new HonestWitness(theirs, logSigner.verifier)
    const place = await FakePlace.start(witness.answer)
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(5)
    await expect.poll(() => us.heart.quorums.map((head) => head.size)).toEqual([5])
    await us.grow(300)
    await expect.poll(() => us.heart.quorums.map((head) => head.size)).toEqual([5, 300])
    expect(pushes(place.asked.seen)).toEqual([
      [0, 0, 5],
      [5, expect.any(Number), 300],
    ])
    // Others get the head with a line that they can count.
    const published = us.heart.published.map((note) => parseNote(note))
    expect(published.some(({ signatures }) => signatures.some(({ name }) => name === theirs.verifier.name))).toBe(true)
    expect(us.news.seen).toEqual([
      expect.objectContaining({ place: 'their', reachable: true, verdict: null }),
      expect.objectContaining({ log: us.heart.log, verdict: 'taken', size: 5 }),
    ])
    expect(us.exchange.views()).toEqual([
      {
        name: 'their',
        url: place.url,
        kind: 'feed',
        lastAnswer: expect.any(String) as string,
        error: null,
        says: [expect.objectContaining({ does: 'push', verdict: 'taken', size: 300 })],
      },
    ])
    expect(new Set(us.requests)).toEqual(new Set(['ok']))
    expect(us.heart.outcomes.filter(({ kind }) => kind === 'refused')).toEqual([])
  })

  test('at another size than expected returns its size, and gets a proof from there', async () => {
    const witness = new HonestWitness(theirs, logSigner.verifier)
    const log = new PushingLog(logSigner, { origin: SUMDB_ORIGIN })
    expect(witness.answer({ method: 'POST', path: '/add-checkpoint', body: log.body(0, 7) }).status).toBe(200)
    const place = await FakePlace.start(witness.answer)
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(300)
    await us.heart.feed.next(({ kind }) => kind === 'known')
    expect(pushes(place.asked.seen).map(([old]) => old)).toEqual([0, 7])
    expect(us.requests).toEqual(['size', 'ok'])

    // It was restored from a backup.
    witness.tree = log.tree(7)
    await us.grow(400)
    await expect.poll(() => witness.tree?.size).toBe(400)
    expect(pushes(place.asked.seen).map(([old]) => old)).toEqual([0, 7, 300, 7])
  })

  test('that is ahead is waited for, and its published head is accepted', async () => {
    const witness = new HonestWitness(theirs, logSigner.verifier)
    const log = new PushingLog(logSigner, { origin: SUMDB_ORIGIN })
    witness.answer({ method: 'POST', path: '/add-checkpoint', body: log.body(0, 50) })
    const place = await FakePlace.start(witness.answer)
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(20)
    await us.news.next(({ verdict }) => verdict === 'ahead')
    expect(place.asked.seen.map(({ method, path }) => `${method} ${path}`)).toContain(
      `GET /${toHex(sha256(utf8(SUMDB_ORIGIN)))}/checkpoint`,
    )
    // Its head went through the pipeline: proven, cosigned, and with its line a quorum.
    await expect.poll(() => us.heart.quorums.map((head) => head.size)).toEqual([50])
    expect(us.heart.cosigned.current(us.heart.log)!.size).toBe(50)
  })

  test('gets only the newest head, and never two pushes at once', async () => {
    const witness = new HonestWitness(theirs, logSigner.verifier)
    const { place, release } = await heldPlace(witness.answer)
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(1)
    await place.asked.next(() => true)
    for (const next of [2, 3, 4, 5, 6]) await us.grow(next)
    release()
    await expect.poll(() => witness.tree?.size).toBe(6)
    expect(pushes(place.asked.seen)).toEqual([
      [0, 0, 1],
      [1, expect.any(Number), 6],
    ])
    expect(place.most).toBe(1)
  })

  test('gets at most one push per interval, however fast the log grows', async () => {
    const witness = new HonestWitness(theirs, logSigner.verifier)
    const place = await FakePlace.start(witness.answer)
    const us = await visiting([setting(place.url)], { counted, interval: 0.4 })
    for (let next = 1; next <= 30; next++) await us.grow(next)
    await expect.poll(() => witness.tree?.size).toBe(30)
    const times = place.asked.seen.map(({ at }) => at)
    // Half an interval; a timer may be a millisecond early.
    times.slice(1).forEach((at, i) => expect(at - times[i]!).toBeGreaterThan(198))
  })

  test('gets no further head of a log that is frozen, even one that was due', async () => {
    const witness = new HonestWitness(theirs, logSigner.verifier)
    const { place, release } = await heldPlace(witness.answer)
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(5)
    await place.asked.next(() => true)
    await us.grow(6)
    // A head of another history, of the same size as ours, convicts the log.
    const fork = new PushingLog(logSigner, { origin: SUMDB_ORIGIN, salt: 'b' })
    expect((await us.heart.submit('poll', fork.head(6))).kind).toBe('conflict')
    release()
    await us.news.next(({ verdict }) => verdict === 'taken')
    us.exchange.advanced()
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(pushes(place.asked.seen)).toEqual([[0, 0, 5]])
  })

  test('gets no head that we have not proven', async () => {
    const witness = new HonestWitness(theirs, logSigner.verifier)
    const place = await FakePlace.start(witness.answer)
    const log = new PushingLog(logSigner, { origin: SUMDB_ORIGIN })
    const us = await visiting([setting(place.url)], {
      counted,
      prefix: (head, size) =>
        head.size === 9
          ? Promise.reject(new GossumError('LOG_UNREACHABLE', 'no tiles yet'))
          : Promise.resolve({ root: log.tree(size).root, proof: log.proof(size, head.size) }),
    })
    await us.grow(5)
    await expect.poll(() => witness.tree?.size).toBe(5)
    // Signed by the log, and larger, but without a proof.
    expect(await us.heart.submit('poll', log.head(9))).toMatchObject({ code: 'LOG_UNREACHABLE' })
    us.exchange.advanced()
    await new Promise((resolve) => setTimeout(resolve, 200))
    await us.grow(10)
    await expect.poll(() => witness.tree?.size).toBe(10)
    expect(pushes(place.asked.seen).map(([, , pushed]) => pushed)).toEqual([5, 10])
  })
})

describe('a key configured with the address', () => {
  test('has its cosignature kept and shown, even if no policy counts it', async () => {
    const witness = new HonestWitness(stranger, logSigner.verifier)
    const place = await FakePlace.start(witness.answer)
    const us = await visiting([{ ...setting(place.url), key: stranger.verifier }], { relayed: [stranger.verifier] })
    await us.grow(5)
    await expect.poll(() => signers(us)).toEqual([testWitness.verifier.name, stranger.verifier.name])
  })

  test('must have signed, and no other witness will do, even one that we count', async () => {
    const witness = new HonestWitness(theirs, logSigner.verifier)
    const place = await FakePlace.start(witness.answer)
    const us = await visiting([{ ...setting(place.url), key: stranger.verifier }], { counted })
    await us.grow(5)
    const told = await us.news.next(({ reachable }) => !reachable)
    expect(told.error).toContain(`no cosignature by ${stranger.verifier.vkey}`)
    expect(signers(us)).toEqual([testWitness.verifier.name])
  })

  test('must be given for an unknown witness, or its line is reported as uncounted', async () => {
    const witness = new HonestWitness(stranger, logSigner.verifier)
    const place = await FakePlace.start(witness.answer)
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(5)
    expect(await us.news.next(({ verdict }) => verdict !== null)).toMatchObject({
      verdict: 'uncounted',
      detail: 'its key is not known here: stranger.example',
    })
    expect(signers(us)).toEqual([testWitness.verifier.name])
  })
})

describe('a witness that refuses', () => {
  test.each<[status: number, verdict: string, words: string]>([
    [404, 'unknown-log', 'no such log'],
    [400, 'refused', '400 no such log'],
    [403, 'refused', '403 no such log'],
    [422, 'refused', '422 no such log'],
  ])('with %i is reported once, and not asked about that head again', async (status, verdict, detail) => {
    const place = await FakePlace.start(({ method }) =>
      method === 'GET' ? { status: 404 } : { status, body: 'no such\x1b[31m\nlog\n' },
    )
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(5)
    expect(await us.news.next((told) => told.verdict !== null)).toMatchObject({ verdict, size: 5, reachable: true })
    expect(us.exchange.views()[0]!.error).toMatch(new RegExp(`^${verdict}: `))
    await us.grow(6)
    if (verdict === 'unknown-log') {
      // The next attempt is in an hour, whatever happens.
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect(pushes(place.asked.seen)).toHaveLength(1)
    } else {
      // The next head may succeed; about this one it is told nothing more.
      await expect.poll(() => pushes(place.asked.seen).map(([, , pushed]) => pushed)).toEqual([5, 6])
    }
    expect(us.news.seen.filter((told) => told.verdict === verdict)).toHaveLength(1)
    expect(us.news.seen.at(-1)!.detail).toBe(detail.replace('no such log', 'no such [31m log'))
  })

  test('because of another history publishes a head that convicts the log', async () => {
    const fork = new PushingLog(logSigner, { origin: SUMDB_ORIGIN, salt: 'b' })
    const witness = new HonestWitness(theirs, logSigner.verifier)
    witness.answer({ method: 'POST', path: '/add-checkpoint', body: fork.body(0, 40) })
    const place = await FakePlace.start(witness.answer)
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(50)
    await us.heart.feed.next(({ kind }) => kind === 'conflict')
    expect(us.heart.evidence).toHaveLength(1)
    expect(await us.news.next(({ verdict }) => verdict !== null)).toMatchObject({
      verdict: 'refused',
      detail: '422 bad consistency proof',
    })
    // Frozen: nothing more of it is pushed.
    const before = place.asked.seen.length
    us.exchange.advanced()
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(place.asked.seen).toHaveLength(before)
  })

  test.each([429, 503])('temporarily, with %i, is asked again after Retry-After', async (status) => {
    const witness = new HonestWitness(theirs, logSigner.verifier)
    const place = await FakePlace.start((asked) =>
      place.asked.seen.length === 0 ? { status, headers: { 'retry-after': '1' } } : witness.answer(asked),
    )
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(5)
    await us.news.next(({ verdict }) => verdict === 'taken')
    const [first, second] = place.asked.seen
    expect(second!.at - first!.at).toBeGreaterThan(990)
    expect(us.requests).toEqual(['busy', 'ok'])
    expect(us.news.seen.map(({ reachable }) => reachable)).toEqual([false, true, true])
  })
})

describe('a lying witness changes nothing here', () => {
  const LIES: Record<string, Answering> = {
    'a line under its name that does not verify': (asked) => ({ status: 200, body: line(`${textOf(asked)}x\n`) }),
    'a line of another head': () => ({ status: 200, body: line(`${SUMDB_ORIGIN}\n5\n${'A'.repeat(43)}=\n`) }),
    'a line of a log key': (asked) => ({
      status: 200,
      body: formatSignature({ ...theirs.verifier, bytes: theirs.sign(utf8(textOf(asked))) }),
    }),
    'no line': () => ({ status: 200 }),
    'no signature line': () => ({ status: 200, body: 'thank you\n' }),
    'a line without an end': (asked) => ({ status: 200, body: line(textOf(asked)).trimEnd() }),
    'a text of its own in front of its line': (asked) => ({
      status: 200,
      body: `more text\n\n${line(textOf(asked))}`,
    }),
    'an empty line first': (asked) => ({ status: 200, body: `\n${line(textOf(asked))}` }),
    'a hundred lines': (asked) => ({ status: 200, body: line(textOf(asked), stranger).repeat(100) }),
    'control characters': () => ({ status: 200, body: '— \x1b[2J AAAAAAAA\n' }),
    'bytes that are not text': () => ({ status: 200, body: new Uint8Array([0xff, 0xfe, 0x0a]) }),
    'a status that says nothing': () => ({ status: 204 }),
    'an error of its own': () => ({ status: 500, body: 'oops' }),
    'a closed connection': () => (response) => response.destroy(),
    'half an answer': () => (response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('— ', () => response.destroy())
    },
    'no HTTP': () => (response) => response.socket?.end('SSH-2.0-OpenSSH\r\n'),
  }
  test.each(Object.entries(LIES))('%s', async (_what, answer) => {
    const place = await FakePlace.start(answer)
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(5)
    const told = await us.news.next(({ reachable }) => !reachable)
    expect(told.error).toMatch(/^(cannot reach the place|the place gave an unusable answer): /)
    expect(signers(us)).toEqual([testWitness.verifier.name])
    expect(us.heart.quorums).toEqual([])
    expect(place.asked.seen.every(({ path }) => path === '/add-checkpoint')).toBe(true)
    // And the node goes on.
    await us.grow(6)
    expect(us.heart.errors).toEqual([])

    // It answers honestly: earlier failures have no effect.
    place.answer = new HonestWitness(theirs, logSigner.verifier).answer
    await us.news.next(({ verdict }) => verdict === 'taken')
    await expect.poll(() => us.heart.quorums.at(-1)?.size).toBe(6)
  })

  test.each<[string, Answering]>([
    ['ten megabytes', () => endless(10 * 1024 * 1024)],
    ['ten megabytes with an error', () => endless(10 * 1024 * 1024, 422)],
  ])('%s are read only up to 64 KiB', async (_what, answer) => {
    const place = await FakePlace.start(answer)
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(5)
    expect((await us.news.next(({ reachable }) => !reachable)).error).toMatch(/: more than 65536 bytes$/)
    expect(us.requests[0]).toBe('invalid')
  })

  test('ten compressed megabytes are not unpacked', async () => {
    const headers = { 'content-encoding': 'gzip' }
    const place = await FakePlace.start(() => ({ status: 200, headers, body: new Uint8Array(gzipSync(FLOOD)) }))
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(5)
    expect((await us.news.next(({ reachable }) => !reachable)).error).toMatch(/compressed/)
    expect(us.requests[0]).toBe('failed')
  })

  test.each([301, 302, 303, 307, 308])(
    'a redirect with %i, even to an honest witness, is not followed',
    async (status) => {
      const honest = await FakePlace.start(new HonestWitness(theirs, logSigner.verifier).answer)
      const place = await FakePlace.start(({ path }) => ({ status, headers: { location: `${honest.url}${path}` } }))
      const us = await visiting([setting(place.url)], { counted })
      await us.grow(5)
      expect((await us.news.next(({ reachable }) => !reachable)).error).toContain(`status ${status}`)
      expect(honest.asked.seen).toEqual([])
    },
  )

  const SIZES: Record<string, [answer: Answering, verdict: string]> = {
    'the size that it was told': [({ body }) => size(parseAddCheckpoint(body).proof.oldSize), 'refused'],
    'another size each time': [({ body }) => size(parseAddCheckpoint(body).proof.oldSize + 1), 'refused'],
    'a size beyond ours': [() => size(Number.MAX_SAFE_INTEGER), 'ahead'],
    'a size that no number holds': [() => size('9007199254740993'), 'refused'],
    'a size with a sign': [() => size('+1'), 'refused'],
    'no size': [() => ({ status: 409, body: 'conflict\n' }), 'refused'],
    'a size of no type': [() => ({ status: 409, body: '1\n' }), 'refused'],
  }
  test.each(Object.entries(SIZES))('409 with %s', async (_what, [answer, verdict]) => {
    const place = await FakePlace.start((asked) => (asked.method === 'GET' ? { status: 404 } : answer(asked)))
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(5)
    expect((await us.news.next((told) => told.verdict !== null)).verdict).toBe(verdict)
    // Bounded: at most three attempts for one head.
    expect(pushes(place.asked.seen).length).toBeLessThanOrEqual(3)
    await us.grow(6)
    expect(signers(us)).toEqual([testWitness.verifier.name])
  })

  test('a published head that the log did not sign', async () => {
    const place = await FakePlace.start(({ method }) =>
      method === 'GET'
        ? { status: 200, body: new PushingLog(stranger, { origin: SUMDB_ORIGIN }).head(9) }
        : { status: 422 },
    )
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(5)
    expect((await us.news.next(({ reachable }) => !reachable)).error).toContain('a head with SIGNATURE_MISSING')
    expect(us.heart.evidence).toEqual([])
  })

  test('an endless answer delays neither other places nor the stop of the node', async () => {
    const place = await FakePlace.start(() => () => undefined)
    const witness = new HonestWitness(theirs, logSigner.verifier)
    const other = await FakePlace.start(witness.answer)
    const us = await visiting([setting(place.url), { ...setting(other.url), name: 'other' }], { counted })
    await us.grow(5)
    await expect.poll(() => us.heart.quorums.length).toBe(1)
    expect(place.underWay).toBe(1)
    const before = performance.now()
    await us.exchange.stop()
    // The time limit for the place would be over after fifteen seconds.
    expect(performance.now() - before).toBeLessThan(9_000)
  })
})
