import { expect, test } from 'vitest'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, type SignerKey, type VerifierKey } from '../../src/tlog/note.js'
import { ownCheckpoint } from '../../src/witness/own-checkpoint.js'
import { startHeart, testSigner, testWitness, type Heart } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const logSigner = testSigner('log.example', 1)
const [alice, bob] = ['alice.example', 'bob.example'].map((name, i) => testSigner(name, 20 + i, 4)) as [
  SignerKey,
  SignerKey,
]
const history = new History(logSigner)
const NOW = 1_700_000_000

/** A witness that counts alice and bob; the first of its heads has their lines, too. */
async function start(): Promise<Heart> {
  const counted = [testWitness, alice, bob].map(({ verifier }) => verifier)
  const heart = await startHeart({ logKey: logSigner.verifier, counted, need: 1, prefix: showing(history) })
  const { text, signatures } = parseNote(history.head(5))
  const lines = [alice, bob].map((key) => cosign(text, NOW, key).signature)
  await heart.submit('poll', formatNote({ text, signatures: [...signatures, ...lines] }))
  return heart
}

/** The size and the signers of the own checkpoint of these keys. */
async function shown({ cosigned, log }: Heart, ...keys: readonly SignerKey[]): Promise<unknown> {
  const note = await ownCheckpoint(
    cosigned,
    log,
    keys.map(({ verifier }): VerifierKey => verifier),
  )
  if (note === undefined) return undefined
  const { text, signatures } = parseNote(note)
  return [Number(text.split('\n')[1]), ...signatures.map(({ name }) => name)]
}

const stranger = testSigner('stranger.example', 30, 4)

test('is the newest head with the lines of the log and of these keys, and of nobody else', async () => {
  const heart = await start()
  expect(await shown(heart, testWitness)).toEqual([5, 'log.example', 'witness.example'])
  expect(await shown(heart, testWitness, bob)).toEqual([5, 'log.example', 'witness.example', 'bob.example'])
  expect(await shown(heart, alice, testWitness)).toEqual([5, 'log.example', 'alice.example', 'witness.example'])
  expect(await shown(heart, testWitness, stranger)).toEqual([5, 'log.example', 'witness.example'])
})

test('is an older head where the first key has not signed the newest', async () => {
  const heart = await start()
  await heart.submit('poll', history.head(8))
  expect(await shown(heart, testWitness)).toEqual([8, 'log.example', 'witness.example'])
  expect(await shown(heart, alice, testWitness)).toEqual(expect.arrayContaining([5, 'log.example', 'alice.example']))
})

test('is none without a key, or of a key that has signed nothing', async () => {
  const heart = await start()
  expect(await shown(heart)).toBeUndefined()
  expect(await shown(heart, stranger)).toBeUndefined()
  const before = await startHeart({ logKey: logSigner.verifier })
  expect(await shown(before, testWitness)).toBeUndefined()
})
