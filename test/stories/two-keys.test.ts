/** A witness that signs with two keys: one line each, one time, both promised on disk before either is made. */
import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { cosign } from '../../src/tlog/cosignature.js'
import { SIGNATURE_TYPES, type Signer } from '../../src/tlog/note.js'
import type { Store } from '../../src/store/store.js'
import { cosignatureIn, MemoryGuard, startHeart, testSigner, testWitness, type Heart } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const logSigner = testSigner('log.example', 1)
const history = new History(logSigner)
const fork = history.fork(3, 'b')
const second = testSigner(testWitness.verifier.name, 8, SIGNATURE_TYPES.mlDsa)
const SECOND = `${second.verifier.name}+${second.verifier.keyId}`

function start(options: Partial<Parameters<typeof startHeart>[0]> = {}): Promise<Heart> {
  const counted = [testWitness.verifier, second.verifier]
  return startHeart({ logKey: logSigner.verifier, prefix: showing(history, fork), second, counted, ...options })
}

/** Our lines among those kept for a size. */
async function kept({ store, log }: Heart, size: number) {
  const note = Buffer.from((await store.history.get(log, size)) ?? '')
  return [cosignatureIn(note), cosignatureIn(note, second.verifier)]
}

test('both keys sign the head with the same time, and each line is published separately', async () => {
  const heart = await start()
  const outcome = await heart.submit('poll', history.head(5))
  const lines = await kept(heart, 5)
  expect(outcome.own).toEqual(lines)
  expect(lines[0]!.time).toBe(lines[1]!.time)
  expect(heart.quorums.map(({ size }) => size)).toEqual([5])
  expect(heart.published).toHaveLength(2)
  expect(heart.published.map((note) => note.length > 2000)).toEqual([false, true])
  expect(cosignatureIn(heart.published[0]!)).toEqual(lines[0])
  expect(cosignatureIn(heart.published[1]!, second.verifier)).toEqual(lines[1])
  // A fork is signed with neither.
  expect((await heart.submit('poll', fork.head(7))).kind).toBe('conflict')
  for (const note of heart.published.slice(2)) expect(Buffer.from(note).includes(second.verifier.name)).toBe(false)
  await heart.stop()
})

test('both keys are promised on disk before either signs', async () => {
  const promised: unknown[] = []
  const seen: { store?: Store } = {}
  const watching = (signer: Signer): Signer => ({
    ...signer,
    sign: (message) => {
      promised.push(seen.store!.heads.get(heart.log).signed)
      return signer.sign(message)
    },
  })
  const heart = await start({ signer: watching(testWitness), second: watching(second) })
  seen.store = heart.store
  await heart.submit('poll', history.head(5))
  const [line] = await kept(heart, 5)
  const promise = { key: testWitness.verifier.vkey, second: SECOND, size: 5, time: line!.time }
  expect(promised).toEqual([promise, promise])
  await heart.stop()
})

test('a crash between the two signatures loses nothing: both are made at the next start, bit for bit', async () => {
  const [db, guard] = [new MemoryLevel(), new MemoryGuard()]
  const dying = {
    ...second,
    sign: () => {
      throw new Error('the process dies here')
    },
  }
  const made: Uint8Array[] = []
  const signer: Signer = {
    ...testWitness,
    sign: (message) => {
      made.push(testWitness.sign(message))
      return made.at(-1)!
    },
  }
  let now = 1_780_000_000_000
  const first = await start({ db, guard, signer, second: dying, now: () => now })
  await expect(first.submit('poll', history.head(5))).rejects.toThrow('dies')
  expect(first.published).toEqual([])
  expect(await first.store.history.get(first.log, 5)).toBeUndefined()
  await first.witness.stop()

  now += 600_000
  const again = await start({ db, guard, now: () => now })
  const lines = await kept(again, 5)
  const promised = [testWitness, second].map((key) => cosign(history.text(5), 1_780_000_000, key))
  expect(lines).toEqual(promised)
  expect(made).toEqual([lines[0]!.signature.bytes.subarray(8)])
  await again.stop()
})

test('an added key signs the current head, and a removed one signs nothing more', async () => {
  const [db, guard] = [new MemoryLevel(), new MemoryGuard()]
  const options = { db, guard, now: () => 1_780_000_000_000 }
  const one = await startHeart({ ...options, logKey: logSigner.verifier, prefix: showing(history) })
  await one.submit('poll', history.head(5))
  await one.witness.stop()

  const two = await start(options)
  expect(await two.submit('poll', history.head(5))).toMatchObject({ kind: 'known' })
  expect((await kept(two, 5)).map(({ time }) => time)).toEqual([1_780_000_000, 1_780_000_000])
  expect(two.store.heads.get(two.log).signed?.second).toBe(SECOND)
  // The same second: the same lines are returned again.
  const published = two.published.length
  await two.submit('poll', history.head(5))
  expect(two.published).toHaveLength(published)
  await two.witness.stop()

  const back = await startHeart({ ...options, logKey: logSigner.verifier, prefix: showing(history) })
  const outcome = await back.submit('poll', history.head(9))
  expect(outcome.own).toHaveLength(1)
  expect(back.store.heads.get(back.log).signed).not.toHaveProperty('second')
  await back.stop()
})

test('a head with only a line of the second key is recognised as signed by us', async () => {
  const signed = await start()
  await signed.submit('poll', history.head(9))
  const line = signed.published[1]!
  const restored = await start()
  await restored.submit('poll', history.head(5))
  const first = restored.unknown.length
  expect((await restored.submit('sync', line, 'p')).kind).toBe('advanced')
  expect(restored.unknown.length).toBe(first + 1)
  await signed.stop()
  await restored.stop()
})
