/** Costly reads: four at a time, in order, and none while too many answers are unread. */
import { expect, test } from 'vitest'
import { CostlyReads } from '../../src/http/costly.js'
import { endOfTurn, lastingController } from '../../src/lib/timed.js'

const never = lastingController().signal

function reads(costly: CostlyReads) {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const read = (name: string, signal = never): Promise<string> =>
    costly.run(signal, () => {
      begun.push(name)
      return new Promise((resolve) => ends.set(name, () => resolve(name)))
    })
  const end = async (name: string): Promise<void> => {
    ends.get(name)!()
    await endOfTurn()
  }
  return { begun, read, end }
}

test('four reads run at a time, and the others follow in the order of their arrival', async () => {
  const { begun, read, end } = reads(new CostlyReads())
  const all = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => read(name))
  await endOfTurn()
  expect(begun).toEqual(['a', 'b', 'c', 'd'])
  await end('c')
  expect(begun).toEqual(['a', 'b', 'c', 'd', 'e'])
  await end('a')
  for (const name of ['b', 'd', 'e', 'f']) await end(name)
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  // All slots are free again.
  for (const name of ['1', '2', '3', '4', '5']) void read(name)
  await endOfTurn()
  expect(begun.slice(6)).toEqual(['1', '2', '3', '4'])
})

test('a client that leaves the queue takes no slot, and a failed read releases its slot', async () => {
  const costly = new CostlyReads()
  const { begun, read, end } = reads(costly)
  for (const name of ['a', 'b', 'c']) void read(name)
  let fail: (error: Error) => void = () => undefined
  const failing = costly.run(never, () => new Promise((_, reject) => (fail = reject)))
  const gone = new AbortController()
  const leaving = read('gone', gone.signal)
  void read('next')
  gone.abort(new Error('gone'))
  await expect(leaving).rejects.toThrow('gone')
  await expect(read('late', gone.signal)).rejects.toThrow('gone')
  fail(new Error('no'))
  await expect(failing).rejects.toThrow('no')
  await endOfTurn()
  expect(begun).toEqual(['a', 'b', 'c', 'next'])
  await end('a')
})

test('no read runs while more than 32 MiB of answers wait to be read', async () => {
  const costly = new CostlyReads()
  const read = (): Promise<string> => costly.run(never, () => Promise.resolve('read'))
  const full = costly.holding(32 * 1024 * 1024)
  expect(await read()).toBe('read')
  const more = costly.holding(1)
  for (let i = 0; i < 6; i++) await expect(read()).rejects.toMatchObject({ code: 'NODE_BUSY' })
  more()
  expect(await read()).toBe('read')
  full()
  expect(await read()).toBe('read')
})
