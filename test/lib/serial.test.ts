import { expect, test } from 'vitest'
import { Serial } from '../../src/lib/serial.js'
import { endOfTurn } from '../../src/lib/timed.js'

/** Operations that end when told to. */
function acts(serial: Serial) {
  const begun: string[] = []
  const ends = new Map<string, { resolve: () => void; reject: (error: Error) => void }>()
  const run = (key: string, name: string): Promise<string> =>
    serial.run(key, () => {
      begun.push(name)
      return new Promise((resolve, reject) => ends.set(name, { resolve: () => resolve(name), reject }))
    })
  return {
    begun,
    run,
    end: (name: string) => ends.get(name)!.resolve(),
    fail: (name: string) => ends.get(name)!.reject(new Error(name)),
  }
}

test('operations of one key run one after another, in the order of the requests', async () => {
  const { begun, run, end } = acts(new Serial())
  const all = ['a', 'b', 'c'].map((name) => run('key', name))
  await endOfTurn()
  expect(begun).toEqual(['a'])
  end('a')
  await endOfTurn()
  expect(begun).toEqual(['a', 'b'])
  // Requested while others wait, so it comes after them.
  all.push(run('key', 'd'))
  for (const name of ['b', 'c', 'd']) {
    end(name)
    await endOfTurn()
  }
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd'])
  expect(begun).toEqual(['a', 'b', 'c', 'd'])
})

test('operations of another key do not wait', async () => {
  const { begun, run } = acts(new Serial())
  void run('one', 'a')
  void run('other', 'b')
  await endOfTurn()
  expect(begun).toEqual(['a', 'b'])
})

test('a failed operation rejects for its caller, and does not stop the next', async () => {
  const { begun, run, end, fail } = acts(new Serial())
  const [first, second] = [run('key', 'a'), run('key', 'b')]
  await endOfTurn()
  fail('a')
  await expect(first).rejects.toThrow('a')
  await endOfTurn()
  expect(begun).toEqual(['a', 'b'])
  end('b')
  expect(await second).toBe('b')
})

test('an operation that throws at once has failed like any other', async () => {
  const serial = new Serial()
  await expect(
    serial.run('key', () => {
      throw new Error('at once')
    }),
  ).rejects.toThrow('at once')
  expect(await serial.run('key', () => Promise.resolve(7))).toBe(7)
})
