import { expect, it } from 'vitest'
import { evidenceToTell } from '../../../../src/gossip/sync/server/listing-evidence.js'

const refs = (log: string, count: number) => Array.from({ length: count }, (_, i) => ({ log, id: `${log}${i}` }))

it('tells all evidence when it has room', () => {
  const all = [...refs('a', 3), ...refs('b', 2)]
  expect(evidenceToTell(all, 256, 7)).toEqual(all)
  expect(evidenceToTell([], 256, 0)).toEqual([])
})

it('does not hide the evidence about one log behind that about others', () => {
  const all = [...refs('quiet', 1), ...refs('loud', 300), ...refs('louder', 300)]
  const told = evidenceToTell(all, 256, 0)
  expect(told).toHaveLength(256)
  expect(new Set(told).size).toBe(256)
  expect(told.filter(({ log }) => log === 'quiet')).toHaveLength(1)
  expect(told.filter(({ log }) => log === 'loud').length).toBeGreaterThan(120)
})

it('has told everything after a few rounds', () => {
  const all = [...refs('a', 700), ...refs('b', 90), ...refs('c', 1)]
  const told = new Set(Array.from({ length: 12 }, (_, round) => evidenceToTell(all, 256, round)).flat())
  expect(told.size).toBe(all.length)
})

it('lets every log have its turn when there are more than places', () => {
  const all = Array.from({ length: 600 }, (_, i) => refs(`log ${i}`, 2)).flat()
  const told = Array.from({ length: 5 }, (_, round) => evidenceToTell(all, 256, round)).flat()
  expect(new Set(told.map(({ log }) => log)).size).toBe(600)
})
