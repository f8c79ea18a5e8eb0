/** A home whose witness key is replaced as docs/operating.md describes: what was held of the log stays. */
import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { cosignatureIn, MemoryGuard, startHeart, testSigner, testWitness } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const logSigner = testSigner('log.example', 1)
const history = new History(logSigner)
const fork = history.fork(3, 'b')
const renewed = testSigner('witness.example/2', 8, SIGNATURE_TYPES.cosignature)

test('the new key cosigns the newest head, and nothing that contradicts what the old key signed', async () => {
  const [db, guard] = [new MemoryLevel(), new MemoryGuard()]
  const options = { logKey: logSigner.verifier, prefix: showing(history, fork), db, guard }
  const before = await startHeart(options)
  await before.submit('poll', history.head(5))
  await before.witness.stop()

  const after = await startHeart({ ...options, signer: renewed, counted: [renewed.verifier, testWitness.verifier] })
  expect((await after.submit('poll', history.head(5))).kind).toBe('known')
  cosignatureIn(after.published.at(-1)!, renewed.verifier)
  // The old key's signature is still there, next to the new one's.
  const keys = [...after.cosigned.current(after.log)!.cosignatures.keys()]
  expect(keys).toEqual([renewed.verifier.vkey, testWitness.verifier.vkey])
  const published = after.published.length
  for (const size of [5, 7]) expect((await after.submit('poll', fork.head(size))).kind).toBe('conflict')
  expect(after.published.slice(published).some((note) => Buffer.from(note).includes('witness.example/2'))).toBe(false)
  await after.stop()
})
