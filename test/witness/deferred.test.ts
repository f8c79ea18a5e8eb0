import { expect, test } from 'vitest'
import { utf8 } from '../../src/tlog/bytes.js'
import { Deferred } from '../../src/witness/deferred.js'
import type { Candidate, SizedHead } from '../../src/witness/head.js'

const headOf = (log: string, size: number): SizedHead =>
  ({
    log: { id: log },
    checkpoint: { size },
    logNote: { text: `${log} ${size}`, signatures: [] },
  }) as unknown as SizedHead
const candidate = (size: number): Candidate => ({ source: 'gossip', note: utf8(`${size}`), receivedAt: 0 })

function add(deferred: Deferred, log: string, ...sizes: number[]): void {
  for (const size of sizes) deferred.add(headOf(log, size), candidate(size))
}
const sizesIn = (heads: readonly Candidate[]): number[] => heads.map(({ note }) => Number(Buffer.from(note).toString()))

test('heads are taken largest first, each once; of too many, the smallest are dropped', () => {
  const deferred = new Deferred()
  add(deferred, 'log', 3, 1, 2, 3, 1)
  expect(sizesIn(deferred.take('log'))).toEqual([3, 2, 1])
  add(deferred, 'log', ...Array.from({ length: 12 }, (_, i) => i + 1))
  expect(sizesIn(deferred.take('log'))).toEqual([12, 11, 10, 9, 8, 7, 6, 5])
})

test('a log stays open until the heads taken are done, and those that arrived meanwhile are returned', () => {
  const deferred = new Deferred()
  expect([deferred.isOpen('log'), deferred.logs(), deferred.take('log')]).toEqual([false, [], []])
  add(deferred, 'log', 5)
  expect([deferred.isOpen('log'), deferred.logs()]).toEqual([true, ['log']])
  deferred.take('log')
  expect(deferred.isOpen('log')).toBe(true)
  add(deferred, 'log', 6)
  expect(sizesIn(deferred.done('log'))).toEqual([6])
  expect([deferred.isOpen('log'), deferred.logs()]).toEqual([false, []])
})

test('at most 4096 logs may have waiting heads, but a log that has some may add more', () => {
  const deferred = new Deferred()
  for (let i = 0; i < 4096; i++) add(deferred, `log ${i}`, 1)
  add(deferred, 'one more', 1)
  add(deferred, 'log 0', 2)
  expect(deferred.isOpen('one more')).toBe(false)
  expect(deferred.logs()).toHaveLength(4096)
  expect(sizesIn(deferred.take('log 0'))).toEqual([2, 1])
  deferred.done('log 0')
  add(deferred, 'one more', 1)
  expect(deferred.isOpen('one more')).toBe(true)
})
