/** A distributor of cosigned heads: what it serves is one more source, and its lies have no effect. */
import { describe, expect, test } from 'vitest'
import { toHex, utf8 } from '../../src/tlog/bytes.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatHash, sha256 } from '../../src/tlog/hash.js'
import { formatNote, parseNote, SIGNATURE_TYPES, type SignerKey } from '../../src/tlog/note.js'
import { bodyOf, FakeDistributor, publish } from '../fakes/distributor.js'
import { FakePlace, type Answering } from '../fakes/place.js'
import { testSigner, testWitness } from '../helpers/heart.js'
import { PushingLog } from '../helpers/witness-client.js'
import { endless } from './hostile.js'
import { visiting } from './visiting.js'

const logSigner = testSigner('log.example', 1)
const witness = (n: number): SignerKey => testSigner(`w${n}.example/a`, 20 + n, SIGNATURE_TYPES.cosignature)
const [w1, w2, w3] = [witness(1), witness(2), witness(3)]
const keys = [w1, w2, w3].map(({ verifier }) => verifier)
const counted = [testWitness.verifier, ...keys]
const log = new PushingLog(logSigner, { origin: SUMDB_ORIGIN })

const setting = (url: string) => ({ kind: 'distributor', name: 'theirs', url }) as const

/** The head with a cosignature. */
function cosigned(head: Uint8Array, ...signers: readonly SignerKey[]): Uint8Array {
  const { text, signatures } = parseNote(head)
  const lines = signers.map((signer) => cosign(text, 1_800_000_000, signer).signature)
  return formatNote({ text, signatures: [...signatures, ...lines] })
}

function fake(): FakeDistributor {
  return new FakeDistributor(SUMDB_ORIGIN, logSigner.verifier, [testWitness.verifier, ...keys])
}

test('log names are sha256 of "o:" and the origin, as for sum.golang.org at the public distributor', () => {
  expect(toHex(sha256(utf8(`o:${SUMDB_ORIGIN}`)))).toBe(
    'a32d071739c062f4973f1db8cc1069f517428d77105962b285bbf918c4062591',
  )
})

describe('reading', () => {
  test('gets the head with enough lines for the policy and the newest head, both proven here, with a quorum from outside the mesh', async () => {
    const distributor = fake()
    for (const signer of [w1, w2, w3]) publish(distributor, SUMDB_ORIGIN, cosigned(log.head(30), signer))
    publish(distributor, SUMDB_ORIGIN, cosigned(log.head(40), w3))
    const place = await FakePlace.start(distributor.answer)
    const us = await visiting([setting(place.url)], { counted: keys.slice(0, 2), threshold: 2 })
    await us.grow(20)
    await expect.poll(() => us.heart.quorums.map(({ size }) => size)).toEqual([30])
    await expect.poll(() => us.heart.cosigned.current(us.heart.log)?.size).toBe(40)
    expect(us.heart.errors).toEqual([])
    expect(us.news.seen.map(({ verdict }) => verdict)).toContain('read')
  })

  test('gets fewer lines if there are no more, with a few requests at a time, and more once they exist', async () => {
    const distributor = fake()
    publish(distributor, SUMDB_ORIGIN, cosigned(log.head(30), w1))
    const place = await FakePlace.start(distributor.answer)
    const us = await visiting([setting(place.url)], { counted, threshold: 9 })
    const asked = (): number[] =>
      place.asked.seen.filter(({ method }) => method === 'GET').map(({ path }) => Number(path.split('.').at(-1)))
    await expect.poll(() => asked().length).toBeGreaterThan(14)
    // Downwards from the needed number, over several visits, each also checking the newest; then one more than it had.
    expect(asked().slice(0, 15)).toEqual([9, 8, 7, 6, 1, 5, 4, 3, 2, 1, 1, 2, 1, 2, 1])
    publish(distributor, SUMDB_ORIGIN, cosigned(log.head(30), w2))
    const from = place.asked.seen.length
    await expect.poll(() => asked().slice(from)).toContain(3)
    await us.exchange.stop()
  })

  test('reports a missing head and an unknown log', async () => {
    const empty = await FakePlace.start(fake().answer)
    const other = await FakePlace.start(new FakeDistributor('other.example', logSigner.verifier, []).answer)
    const us = await visiting([setting(empty.url), { ...setting(other.url), name: 'other' }], { counted })
    const of = (place: string) => us.news.next((told) => told.place === place && told.verdict !== null)
    expect(await of('theirs')).toMatchObject({ verdict: 'nothing', reachable: true })
    expect(await of('other')).toMatchObject({ verdict: 'unknown-log', detail: 'unknown log' })
    expect(us.exchange.views().map(({ error }) => error)).toEqual([null, 'unknown-log: unknown log'])
  })

  test('gets a head of a different history, which convicts the log', async () => {
    const fork = new PushingLog(logSigner, { origin: SUMDB_ORIGIN, salt: 'b' })
    const distributor = fake()
    const place = await FakePlace.start(distributor.answer)
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(50)
    publish(distributor, SUMDB_ORIGIN, cosigned(fork.head(50), w1))
    await us.heart.feed.next(({ kind }) => kind === 'conflict')
    expect(us.heart.evidence).toHaveLength(1)
  })
})

describe('publishing', () => {
  test('sends our newest head with the signatures of the log and us, under our name, each size once', async () => {
    const distributor = fake()
    const place = await FakePlace.start(distributor.answer)
    const us = await visiting([setting(place.url)], { counted })
    for (const size of [10, 20]) {
      await us.grow(size)
      await expect
        .poll(() => distributor.held[testWitness.verifier.name])
        .toBe(`${size} ${formatHash(log.tree(size).root)}`)
    }
    const puts = place.asked.seen.filter(({ method }) => method === 'PUT')
    expect(puts).toHaveLength(2)
    // And it is among the heads that are read back.
    const id = toHex(sha256(utf8(`o:${SUMDB_ORIGIN}`)))
    const read = distributor.answer({
      method: 'GET',
      path: `/distributor/v0/logs/${id}/checkpoint.1`,
      body: new Uint8Array(),
    })
    expect(bodyOf(read)).toContain(`— ${testWitness.verifier.name} `)
    expect(
      us.exchange
        .views()[0]!
        .says.map(({ does, verdict }) => `${does} ${verdict}`)
        .sort(),
    ).toEqual(['pull read', 'push taken'])
  })

  test('to a distributor that does not know us is refused and reported once, and reading continues', async () => {
    const distributor = new FakeDistributor(SUMDB_ORIGIN, logSigner.verifier, keys)
    publish(distributor, SUMDB_ORIGIN, cosigned(log.head(60), w1))
    const place = await FakePlace.start(distributor.answer)
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(50)
    expect(await us.news.next(({ verdict }) => verdict === 'refused')).toMatchObject({ detail: '400 unknown witness' })
    await expect.poll(() => us.heart.cosigned.current(us.heart.log)?.size).toBe(60)
    expect(us.news.seen.filter(({ verdict }) => verdict === 'refused')).toHaveLength(1)
  })
})

describe('a lying distributor changes nothing here', () => {
  const other = new PushingLog(testSigner('log.example', 2), { origin: SUMDB_ORIGIN })
  const forged = parseNote(cosigned(log.head(5), w1))
  const LIES: Record<string, Answering> = {
    'a head that another key signed under the name of the log': () => ({ status: 200, body: other.head(9) }),
    'a head of another log': () => ({
      status: 200,
      body: log.sign(`other.example\n5\n${formatHash(log.tree(5).root)}\n`),
    }),
    'something that is not a note': () => ({ status: 200, body: '<html>\n\n</html>\n' }),
    'ten megabytes': () => endless(10 * 1024 * 1024),
    'a redirect': () => ({ status: 301, headers: { location: 'http://127.0.0.1:9/' } }),
    'an error of its own': () => ({ status: 500 }),
  }
  test.each(Object.entries(LIES))('%s', async (_what, answer) => {
    const place = await FakePlace.start(answer)
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(5)
    const told = await us.news.next(({ reachable }) => !reachable)
    expect(told.error).toMatch(/^(cannot reach the place|the place gave an unusable answer): /)
    expect(us.heart.evidence).toEqual([])
    expect(us.heart.cosigned.current(us.heart.log)!.cosignatures.size).toBe(1)
    expect(us.heart.errors).toEqual([])
  })

  test('forged witness lines are dropped, and the head itself is accepted', async () => {
    const line = forged.signatures[1]!
    const body = formatNote({
      ...parseNote(log.head(6)),
      signatures: [...parseNote(log.head(6)).signatures, line],
    })
    const place = await FakePlace.start(({ method }) => (method === 'GET' ? { status: 200, body } : { status: 200 }))
    const us = await visiting([setting(place.url)], { counted })
    await us.grow(5)
    await expect.poll(() => us.heart.cosigned.current(us.heart.log)?.size).toBe(6)
    expect([...us.heart.cosigned.current(us.heart.log)!.cosignatures.keys()]).toEqual([testWitness.verifier.vkey])
    expect(us.heart.published.every((note) => !parseNote(note).signatures.some(({ name }) => name === line.name))).toBe(
      true,
    )
  })
})
