import { expect, test } from 'vitest'
import { utf8 } from '../../src/tlog/bytes.js'
import { parseNote, type VerifierKey } from '../../src/tlog/note.js'
import { Deferred } from '../../src/witness/deferred.js'
import type { Candidate, SizedHead } from '../../src/witness/head.js'

const lineOf = (name: string) => ({ name, keyId: '00000000', bytes: utf8(name) })
/** A head with the lines of these keys. */
const headOf = (log: string, size: number, ...keys: string[]): SizedHead =>
  ({
    log: { id: log },
    checkpoint: { size },
    logNote: { text: `${log} ${size}\n`, signatures: [lineOf('log')] },
    cosignatures: new Map(keys.map((key) => [key, { signature: lineOf(key), time: 1 }])),
  }) as unknown as SizedHead
const candidate = (size: number): Candidate => ({ source: 'gossip', note: utf8(`${size}`), receivedAt: 0 })

function add(deferred: Deferred, log: string, ...sizes: number[]): void {
  for (const size of sizes) deferred.add(headOf(log, size), candidate(size))
}
const sizesIn = (heads: readonly Candidate[]): number[] => heads.map(({ note }) => Number(Buffer.from(note).toString()))

test('heads are taken largest first, each once; of too many, the smallest are dropped', () => {
  const deferred = new Deferred([])
  add(deferred, 'log', 3, 1, 2, 3, 1)
  expect(sizesIn(deferred.take('log'))).toEqual([3, 2, 1])
  add(deferred, 'log', ...Array.from({ length: 12 }, (_, i) => i + 1))
  expect(sizesIn(deferred.take('log'))).toEqual([12, 11, 10, 9, 8, 7, 6, 5])
})

test('a log stays open until the heads taken are done, and those that arrived meanwhile are returned', () => {
  const deferred = new Deferred([])
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
  const deferred = new Deferred([])
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

test('of a head that waits already, the new lines are kept, each once and with who brought it', () => {
  const deferred = new Deferred([])
  const bring = (peer: string, ...keys: string[]): void =>
    deferred.add(headOf('log', 5, ...keys), {
      ...candidate(5),
      peer,
      log: 'log',
      parsed: { text: '', signatures: [] },
      proof: { oldSize: 1, hashes: [] },
    })
  bring('one', 'a')
  bring('two', 'a')
  bring('three', 'a', 'b', 'c')
  bring('four', 'c', 'd')
  const [first, ...later] = deferred.take('log')
  expect(first).toEqual({ source: 'replay', receivedAt: 0, log: 'log', peer: 'one', note: utf8('5') })
  const shown = later.map(({ note, ...from }) => ({
    ...from,
    names: parseNote(note).signatures.map(({ name }) => name),
  }))
  expect(shown).toEqual([
    { source: 'replay', receivedAt: 0, log: 'log', peer: 'three', names: ['log', 'b', 'c'] },
    { source: 'replay', receivedAt: 0, log: 'log', peer: 'four', names: ['log', 'd'] },
  ])
  expect(parseNote(later[0]!.note).text).toBe('log 5\n')
})

test('at most 256 lines of a head are by keys that we do not count, and they displace none that we count', () => {
  const counted = ['x', 'y'].map((vkey) => ({ vkey }) as VerifierKey)
  const deferred = new Deferred(counted)
  const strangers = Array.from({ length: 300 }, (_, i) => `s${i}`)
  deferred.add(headOf('log', 5, ...strangers.slice(0, 20), 'x'), candidate(5))
  for (const key of strangers.slice(20, 200)) deferred.add(headOf('log', 5, key), candidate(5))
  deferred.add(headOf('log', 5, ...strangers.slice(200), 'y'), candidate(5))
  deferred.add(headOf('log', 5, 'another'), candidate(5))
  const names = deferred.take('log').flatMap(({ note }, i) =>
    i === 0
      ? []
      : parseNote(note)
          .signatures.slice(1)
          .map(({ name }) => name),
  )
  expect(names).toEqual([...strangers.slice(20, 256), 'y'])
})
