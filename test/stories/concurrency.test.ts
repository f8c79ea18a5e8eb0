/** Many heads through many doors concurrently: one operation at a time per log, none lost, none signed twice. */
import { expect, test } from 'vitest'
import type { Door } from '../../src/witness/source.js'
import type { SignerKey } from '../../src/tlog/note.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { cosignatureIn, startHeart, testSigner, testWitness } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'
import { seeded } from '../helpers/tree.js'

const signer = testSigner('log.example', 1)
const history = new History(signer)
const DOORS: readonly Door[] = ['poll', 'push', 'gossip', 'sync']

function recordingSigner(): SignerKey & { readonly messages: string[] } {
  const messages: string[] = []
  const sign = (message: Uint8Array): Uint8Array => {
    messages.push(Buffer.from(message).toString())
    return testWitness.sign(message)
  }
  return { verifier: testWitness.verifier, sign, messages }
}

/** A source of proofs that lets other work run before it answers. */
const slowly: ReturnType<typeof showing> = async (of, size) => {
  await new Promise((resolve) => setImmediate(resolve))
  return showing(history)(of, size)
}

function shuffled<T>(values: readonly T[], seed: number): T[] {
  const random = seeded(seed)
  return values
    .map((value) => ({ value, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value)
}

test.each([1, 2, 3, 4, 5])('of fifty heads of one history at once, the largest is reached (order %i)', async (seed) => {
  const own = recordingSigner()
  const heart = await startHeart({ logKey: signer.verifier, prefix: slowly, signer: own })
  await heart.submit('poll', history.head(1))
  const sizes = shuffled(
    Array.from({ length: 50 }, (_, i) => i + 2),
    seed,
  )
  const outcomes = await Promise.all(sizes.map((size, i) => heart.submit(DOORS[i % 4]!, history.head(size), 'p')))
  const waiting = outcomes.filter(({ kind }) => kind !== 'advanced' && kind !== 'past')
  expect(waiting.filter(({ code }) => code !== 'HEADS_WAITING')).toEqual([])
  // More than are processed at a time: the rest is tried after the next poll, as the poller does.
  await heart.witness.idle()
  await heart.witness.retrySuspects(heart.log, waiting.length)
  expect(heart.store.heads.get(heart.log).tree).toEqual(history.tree(51))
  expect(heart.cosigned.current(heart.log)?.size).toBe(51)
  cosignatureIn(utf8((await heart.store.history.get(heart.log, 51))!))
  expect(new Set(own.messages.map((text) => text.split('\n')[3])).size).toBe(own.messages.length)
  await heart.witness.stop()
  expect(heart.suspects.list(heart.log)).toEqual([])
  expect(heart.evidence).toEqual([])
  expect(heart.errors).toEqual([])
})

test('the same head fifty times at once is cosigned once and sent once', async () => {
  const own = recordingSigner()
  const heart = await startHeart({ logKey: signer.verifier, prefix: slowly, signer: own })
  await heart.submit('poll', history.head(1))
  const head = history.head(30)
  const outcomes = await Promise.all(Array.from({ length: 50 }, (_, i) => heart.submit(DOORS[i % 4]!, head, 'p')))
  expect(outcomes.filter(({ kind }) => kind === 'advanced')).toHaveLength(1)
  expect(outcomes.filter(({ kind }) => kind === 'known')).toHaveLength(49)
  expect(own.messages).toHaveLength(2)
  expect(heart.published).toHaveLength(2)
})

test('the same fork fifty times at once is one conviction', async () => {
  const heart = await startHeart({ logKey: signer.verifier, prefix: slowly })
  await heart.submit('poll', history.head(30))
  const fork = history.fork(3, 'b').head(20)
  const outcomes = await Promise.all(Array.from({ length: 50 }, (_, i) => heart.submit(DOORS[i % 4]!, fork, 'p')))
  expect(new Set(outcomes.map(({ kind, evidence }) => `${kind} ${evidence ?? ''}`)).size).toBe(1)
  expect(heart.evidence).toHaveLength(1)
  expect(heart.store.heads.get(heart.log).holds).toHaveLength(1)
})

test('of two forks of a first head at once, one is trusted and the other convicts the log', async () => {
  const fork = history.fork(0, 'b')
  const heart = await startHeart({ logKey: signer.verifier, prefix: showing(history, fork) })
  const outcomes = await Promise.all([heart.submit('poll', history.head(5)), heart.submit('poll', fork.head(5))])
  expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['advanced', 'conflict'])
  expect(heart.evidence).toHaveLength(1)
})

test('of two branches of our tree at once, only one is ever signed', async () => {
  for (let round = 0; round < 10; round++) {
    const fork = history.fork(10, `b${round}`)
    const own = recordingSigner()
    const heart = await startHeart({ logKey: signer.verifier, prefix: showing(history, fork), signer: own })
    await heart.submit('poll', history.head(10))
    const notes = shuffled([history.head(20), fork.head(20), history.head(25), fork.head(25)], round)
    await Promise.all(notes.map((note) => heart.submit('poll', note)))
    await heart.witness.stop()
    const roots = own.messages.map((text) => text.split('\n').slice(2).join('\n'))
    const onOne = roots.every((text) => [10, 20, 25].some((size) => text === history.text(size)))
    const onOther = roots.every((text) => [10, 20, 25].some((size) => text === fork.text(size)))
    expect(onOne || onOther).toBe(true)
    expect(heart.evidence.length).toBeGreaterThan(0)
  }
})
