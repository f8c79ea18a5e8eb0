import { expect, test } from 'vitest'
import { MAX_EARLIER_KEYS, type LogState, type Signed } from '../../src/store/log-state.js'
import { settled } from '../../src/store/settle.js'
import { EMPTY_ROOT, formatHash, sha256 } from '../../src/tlog/hash.js'

const tree = (size: number) => ({ size, root: sha256(new Uint8Array([size])) })
const state = (size: number, signed: Signed): LogState => ({ seq: size, tree: tree(size), signed, holds: [] })

test('the settled state has the latest time of every key that any state knows', () => {
  const before = { key: 'before', size: 2, time: 900 }
  const known = [
    state(3, { key: 'old', size: 3, time: 500 }),
    state(5, { key: 'new', size: 5, time: 400, earlier: [before, { key: 'old', size: 4, time: 300 }] }),
  ]
  for (const states of [known, known.toReversed()]) {
    const { tree: its, signed } = settled(states)
    expect(its).toEqual(tree(5))
    expect([signed!, ...signed!.earlier!].map(({ key, time }) => [key, time])).toEqual([
      ['before', 900],
      ['old', 500],
      ['new', 400],
    ])
  }
})

test('the settled state of a single key has no earlier keys', () => {
  const signed = { key: 'own', size: 5, time: 400 }
  expect(settled([state(5, signed)]).signed).toEqual(signed)
})

test('keys of a log are distinguished by their second key too', () => {
  const [alone, both] = [
    { key: 'own', size: 4, time: 400 },
    { key: 'own', second: 'own+1', size: 5, time: 500 },
  ]
  expect(settled([state(4, alone), state(5, both)]).signed).toStrictEqual({ ...both, earlier: [alone] })
  expect(settled([state(4, both), state(5, both)]).signed).toStrictEqual(both)
})

test('only the latest of many keys are remembered', () => {
  const earlier = Array.from({ length: 20 }, (_, i) => ({ key: `key ${i}`, size: 3, time: 300 - i }))
  const { signed } = settled([state(5, { key: 'own', size: 5, time: 400, earlier })])
  expect(signed!.earlier).toEqual(earlier.slice(0, MAX_EARLIER_KEYS))
})

test('if no key has signed, none is made up', () => {
  const nobody: LogState = { seq: 4, tree: tree(4), holds: [] }
  expect(settled([nobody, { seq: 9, holds: [] }])).toStrictEqual({
    seq: 10,
    tree: tree(4),
    note: undefined,
    floor: undefined,
    holds: [],
  })
})

test('origin and first use stay known, whichever state has them', () => {
  const firstUse = { size: 2, root: formatHash(tree(2).root), at: '2026-01-02T00:00:00.000Z' }
  const knows: LogState = { seq: 2, origin: 'go.sum database tree', firstUse, tree: tree(2), holds: [] }
  const larger: LogState = { seq: 5, tree: tree(5), note: 'head 5', holds: [] }
  for (const states of [
    [knows, larger],
    [larger, knows],
  ])
    expect(settled(states)).toStrictEqual({
      seq: 6,
      origin: knows.origin,
      firstUse,
      tree: tree(5),
      note: 'head 5',
      floor: undefined,
      holds: [],
    })
})

test('of two states with one tree, the note of either is kept', () => {
  const [with5, without]: LogState[] = [
    { seq: 5, tree: tree(5), note: 'head 5', holds: [] },
    { seq: 6, tree: tree(5), holds: [] },
  ]
  expect(settled([with5!, without!]).note).toBe('head 5')
  expect(settled([without!, with5!]).note).toBe('head 5')
})

test('a hold is acknowledged if any state has it acknowledged', () => {
  const holding = (...holds: [id: string, acked: boolean][]): LogState => ({
    ...state(5, { key: 'own', size: 5, time: 1 }),
    holds: holds.map(([id, acked]) => ({ id, acked })),
  })
  const [before, after] = [holding(['aa', false], ['bb', false]), holding(['aa', true], ['cc', false])]
  for (const states of [
    [before, after],
    [after, before],
  ])
    expect(settled(states).holds.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
      { id: 'aa', acked: true },
      { id: 'bb', acked: false },
      { id: 'cc', acked: false },
    ])
})

test('an empty tree is a tree to continue from', () => {
  const empty: LogState = { seq: 1, tree: { size: 0, root: EMPTY_ROOT }, note: 'empty', holds: [] }
  expect(settled([{ seq: 3, holds: [] }, empty])).toMatchObject({ seq: 4, tree: { size: 0 }, note: 'empty' })
})
