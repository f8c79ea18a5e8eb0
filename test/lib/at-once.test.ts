import { expect, test } from 'vitest'
import { AtOnce } from '../../src/lib/at-once.js'

test('a limited number run at once, the others follow in order, even after one that fails', async () => {
  const room = new AtOnce(2)
  const begun: number[] = []
  const ends: ((error?: Error) => void)[] = []
  const acts = [0, 1, 2, 3].map((i) =>
    room.run(
      () =>
        new Promise<number>((resolve, reject) => {
          begun.push(i)
          ends[i] = (error) => (error === undefined ? resolve(i) : reject(error))
        }),
    ),
  )
  await Promise.resolve()
  expect(begun).toEqual([0, 1])
  ends[1]!(new Error('no'))
  await expect(acts[1]).rejects.toThrow('no')
  expect(begun).toEqual([0, 1, 2])
  ends[0]!()
  expect(await acts[0]).toBe(0)
  expect(begun).toEqual([0, 1, 2, 3])
  ends[2]!()
  ends[3]!()
  await Promise.all([acts[2], acts[3]])
  expect(await room.run(() => Promise.resolve('free again'))).toBe('free again')
})
