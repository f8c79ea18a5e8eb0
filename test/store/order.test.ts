/** What a cosignature waits for: its state is durable in the journal before the key is asked; for nothing else. */
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { cosignatureIn, startHeart, testSigner, testWitness } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'
import { MemoryJournal, type Place } from '../helpers/volatile-disk.js'

const logSigner = testSigner('log.example', 1)
const history = new History(logSigner)

test('the state is synced before the signature, even with pending lazy writes', async () => {
  const order: (Place | 'sign' | 'publish')[] = []
  const guard = new MemoryJournal()
  const signer = {
    ...testWitness,
    sign: (message: Uint8Array) => {
      order.push('sign')
      return testWitness.sign(message)
    },
  }
  const options = { logKey: logSigner.verifier, prefix: showing(history), guard, signer }
  const heart = await startHeart({ ...options, onPublish: () => order.push('publish') })
  guard.fault = (place) => void order.push(place)
  await heart.submit('poll', history.head(5))
  await Promise.all([heart.store.quorum.putLazily('x', 'y'), heart.submit('poll', history.head(9))])
  const advance = ['append', 'datasync', 'sign', 'publish']
  expect(order).toEqual([...advance, ...advance])
  cosignatureIn(heart.published[1]!)
})

test('the key is not used while the disk is busy', async () => {
  const guard = new MemoryJournal()
  let signatures = 0
  const signer = {
    ...testWitness,
    sign: (message: Uint8Array) => {
      signatures++
      return testWitness.sign(message)
    },
  }
  const heart = await startHeart({ logKey: logSigner.verifier, prefix: showing(history), guard, signer })
  const datasync = guard.datasync.bind(guard)
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  const syncing = new Promise<void>((resolve) => {
    guard.datasync = () => {
      resolve()
      return released.then(datasync)
    }
  })
  const submitted = heart.submit('poll', history.head(5))
  await syncing
  for (let turn = 0; turn < 20; turn++) await setImmediate()
  expect(signatures).toBe(0)
  release()
  expect(await submitted).toMatchObject({ kind: 'advanced' })
  expect(signatures).toBe(1)
})

test('a hold is durable when it returns', async () => {
  const guard = new MemoryJournal()
  const heart = await startHeart({ logKey: logSigner.verifier, prefix: showing(history), guard })
  await Promise.all([heart.store.quorum.putLazily('x', 'z'), heart.store.heads.hold(heart.log, '0'.repeat(16))])
  const again = await startHeart({ logKey: logSigner.verifier, prefix: showing(history), guard: guard.crash(() => 0) })
  expect(again.store.heads.get(heart.log).holds).toEqual([{ id: '0'.repeat(16), acked: false }])
})
