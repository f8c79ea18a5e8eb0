import { expect, test } from 'vitest'
import { allEnded } from '../../src/lib/all-ended.js'

test('all have ended when one has failed', async () => {
  const ended: string[] = []
  let end: (its: string) => void = () => undefined
  const slow = new Promise<string>((resolve) => (end = resolve)).then((its) => ended.push(its))
  const all = allEnded([
    Promise.reject<number>(new Error('the first')),
    slow,
    Promise.reject<number>(new Error('another')),
  ])
  const outcome = all.catch((error: unknown) => ended.push((error as Error).message))
  await new Promise((resolve) => setImmediate(resolve))
  expect(ended).toEqual([])
  end('slow')
  await outcome
  expect(ended).toEqual(['slow', 'the first'])
})

test('the results are in the order of the works', async () => {
  const later = new Promise((resolve) => setImmediate(() => resolve(1)))
  expect(await allEnded([later, Promise.resolve(2)])).toEqual([1, 2])
})
