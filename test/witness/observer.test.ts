/** What a node without a key accepts about a log that it never sees, and what it cannot be made to accept. */
import { expect, test } from 'vitest'
import { encodeCosigned } from '../../src/witness/cosigned-head.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, isBy, parseNote, type SignerKey } from '../../src/tlog/note.js'
import { SOURCES, type HeadSource } from '../../src/witness/source.js'
import { startHeart, testSigner, testWitness, type Heart, type HeartOptions } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const logSigner = testSigner('log.example', 1)
const witnesses = [11, 12, 13].map((byte) => testSigner(`w${byte}.example`, byte, 4))
const [a, b, c] = witnesses as [SignerKey, SignerKey, SignerKey]
const stranger = testSigner('stranger.example', 14, 4)
const truth = new History(logSigner)
const lie = truth.fork(3, 'lie')
const NOW = 1_700_000_000

/** A head of a history with the lines of these witnesses. */
function shown(history: History, size: number, by: readonly SignerKey[], time = NOW): Uint8Array {
  const { text, signatures } = parseNote(history.head(size))
  return formatNote({ text, signatures: [...signatures, ...by.map((key) => cosign(text, time, key).signature)] })
}

/** An observer that counts two of three witnesses, and gets tiles of both histories only from its peers. */
function observe(options: Partial<HeartOptions> = {}): Promise<Heart> {
  return startHeart({
    logKey: logSigner.verifier,
    observer: true,
    counted: witnesses.map(({ verifier }) => verifier),
    need: 2,
    prefixFromPeers: (_peer, _log, of, size) => showing(truth, lie)(of, size),
    ...options,
  })
}

const sizeOf = (heart: Heart): number | undefined => heart.store.heads.get(heart.log).tree?.size
const asIs = (heart: Heart): string => JSON.stringify(heart.store.heads.get(heart.log))

test.each(Object.keys(SOURCES) as HeadSource[])('a first head from %s needs a quorum', async (source) => {
  const heart = await observe()
  const bare = await heart.submit(source, truth.head(5), 'p')
  expect(bare).toMatchObject({ kind: 'pending', code: 'HISTORY_MISSING' })
  expect(await heart.submit(source, shown(truth, 5, [a]), 'p')).toMatchObject({ kind: 'pending' })
  expect(sizeOf(heart)).toBeUndefined()
  expect(await heart.submit(source, shown(truth, 5, [a, b]), 'p')).toMatchObject({ kind: 'advanced' })
  expect(sizeOf(heart)).toBe(5)
  expect(heart.suspects.list(heart.log), 'it is no suspect any more').toEqual([])
})

test('the cosignatures may arrive one by one, as gossip brings them', async () => {
  const heart = await observe()
  for (const by of [c, a]) await heart.submit('gossip', shown(truth, 5, [by]), 'p')
  expect(sizeOf(heart)).toBe(5)
  await heart.witness.idle()
  expect(heart.cosigned.quorum(heart.log)?.size, 'the line that came first counts, too').toBe(5)
  const kept = encodeCosigned(heart.cosigned.current(heart.log)!)
  expect(parseNote(kept).signatures.map(({ name }) => name)).toEqual(['log.example', 'w11.example', 'w13.example'])
})

test('what a neighbour that nobody counts has signed is remembered from the first arrival of a head on', async () => {
  const heart = await observe({ neighbours: [stranger.verifier] })
  const head = shown(truth, 5, [a, b, stranger])
  expect(await heart.submit('gossip', head, 'p')).toMatchObject({ kind: 'advanced' })
  const told = await heart.cosigned.signers.told(heart.log, stranger.verifier.vkey)
  expect(told).toEqual([shown(truth, 5, [stranger])])
})

test('strangers and forgers vouch for nothing', async () => {
  const heart = await observe({ relayed: [stranger.verifier] })
  const evil = testSigner('w12.example', 99, 4)
  await heart.submit('sync', shown(truth, 5, [a, stranger]), 'p')
  await heart.submit('sync', shown(truth, 5, [a, evil]), 'p')
  // The line of one head on another: b never signed its text.
  const other = parseNote(shown(lie, 5, [b])).signatures[1]!
  const { text, signatures } = parseNote(shown(truth, 5, [a]))
  await heart.submit('sync', formatNote({ text, signatures: [...signatures, other] }), 'p')
  expect(sizeOf(heart)).toBeUndefined()
})

test('a peer that shows a fork first is exposed by the first head that a quorum vouches for', async () => {
  const heart = await observe()
  expect(await heart.submit('sync', shown(lie, 9, [c]), 'liar')).toMatchObject({ kind: 'pending' })
  expect(sizeOf(heart)).toBeUndefined()
  expect(heart.evidence, 'nobody has contradicted anybody yet').toEqual([])

  await heart.submit('sync', shown(truth, 12, [a, b]), 'honest')
  await heart.witness.idle()
  expect(sizeOf(heart)).toBe(12)
  expect(heart.evidence, 'the log, and c of the fork only when it has signed both').toHaveLength(1)
  expect(heart.store.heads.get(heart.log).holds).toHaveLength(1)
  expect(await heart.submit('sync', shown(truth, 14, [a, b]), 'honest')).toMatchObject({ code: 'LOG_FROZEN' })
})

test('a peer that shows an old quorum head first only delays the observer', async () => {
  const heart = await observe()
  await heart.submit('sync', shown(truth, 4, [a, b], NOW - 86_400), 'old')
  expect(heart.cosigned.quorum(heart.log)?.size).toBe(4)
  await heart.submit('gossip', shown(truth, 12, [c]), 'new')
  expect(sizeOf(heart), 'proven to extend it, by tiles of peers').toBe(12)
  await heart.submit('gossip', shown(truth, 12, [b]), 'new')
  await heart.witness.idle()
  expect(heart.cosigned.quorum(heart.log)?.size).toBe(12)
})

test.each([8, 6])('a fork of size %i is evidence at size 8, even if all witnesses have signed it', async (size) => {
  const heart = await observe()
  await heart.submit('sync', shown(truth, 8, [a, b]), 'p')
  expect(await heart.submit('gossip', shown(lie, size, [a, b, c]), 'liar')).toMatchObject({ kind: 'conflict', size })
  await heart.witness.idle()
  expect(sizeOf(heart)).toBe(8)
  expect(heart.evidence.length).toBeGreaterThanOrEqual(1)
})

test('a thousand bad heads and lines change nothing', { timeout: 120_000 }, async () => {
  const heart = await observe({ relayed: [stranger.verifier] })
  await heart.submit('sync', shown(truth, 8, [a, b]), 'p')
  await heart.witness.idle()
  const before = asIs(heart)
  const head = encodeCosigned(heart.cosigned.current(heart.log)!)
  const sent = heart.published.length
  const imposter = testSigner('log.example', 98)
  const forged = new History(imposter)
  for (let i = 0; i < 1000; i++) {
    const flipped = Uint8Array.from(truth.head(9))
    flipped[i % flipped.length]! ^= 1 + (i % 7)
    const evil = testSigner('w13.example', 100 + (i % 100), 4)
    const bad = [flipped, forged.head(10), shown(truth, 8, [evil])][i % 3]!
    const outcome = await heart.submit((['gossip', 'sync', 'submit'] as const)[i % 3]!, bad, `p${i % 9}`)
    expect(['refused', 'known']).toContain(outcome.kind)
  }
  await heart.witness.idle()
  expect(asIs(heart)).toBe(before)
  expect(encodeCosigned(heart.cosigned.current(heart.log)!)).toEqual(head)
  expect(heart.published).toHaveLength(sent)
  expect([heart.evidence, heart.suspects.list(heart.log), heart.errors]).toEqual([[], [], []])
})

test('everything that an observer publishes has lines of the log and its witnesses only', async () => {
  const heart = await observe({ pauseMs: 0 })
  for (let size = 4; size < 30; size++) {
    const sources = ['gossip', 'sync', 'poll', 'lookup', 'submit', 'replay'] as const
    for (let i = 0; i < sources.length; i++)
      await heart.submit(sources[(i + size) % 6]!, shown(truth, size, witnesses.slice(0, 1 + (i % 3))), 'p')
  }
  await heart.witness.recall({ heads: [shown(truth, 40, [testWitness])], promises: [] })
  await heart.witness.retryOwed()
  await heart.witness.redeposit()
  await heart.witness.submitDeferred()
  await heart.witness.idle()
  const known = [logSigner, ...witnesses].map(({ verifier }) => verifier)
  expect(heart.published.length).toBeGreaterThan(20)
  for (const note of heart.published)
    for (const line of parseNote(note).signatures) expect(known.some((key) => isBy(line, key))).toBe(true)
  const state = heart.store.heads.get(heart.log)
  expect([state.signed, state.floor, state.audited]).toEqual([undefined, undefined, undefined])
})
