/** The state of a log as text: everything in it is read back, and anything else is refused. */
import { expect, test } from 'vitest'
import { decodeState, encodeState, isFrozen, unmetFloor, type LogState } from '../../src/store/log-state.js'
import { formatHash, sha256 } from '../../src/tlog/hash.js'

const root = sha256(new Uint8Array([1]))
const signed = { key: 'k', second: 'k+1', size: 7, time: 900, earlier: [{ key: 'before', size: 5, time: 800 }] }
const at = '2026-01-02T00:00:00.000Z'
const floor = { size: 9, root: formatHash(root), at, note: 'a larger head', time: 950 }
const firstUse = { size: 3, root: formatHash(root), at }
const whole: LogState = {
  seq: 12,
  origin: 'go.sum database tree',
  tree: { size: 7, root },
  note: 'a head',
  signed,
  floor,
  firstUse,
  holds: [{ id: 'aa', acked: true }],
}
const bare: LogState = { seq: 1, holds: [] }

test('a state is read back unchanged, with every field and with none', () => {
  expect(decodeState(encodeState(whole))).toStrictEqual({ state: whole })
  expect(decodeState(encodeState(bare))).toStrictEqual({ state: bare })
  const empty: LogState = { seq: 2, tree: { size: 0, root }, holds: [] }
  expect(decodeState(encodeState(empty))).toStrictEqual({ state: empty })
})

test('a state is read back with its dispute, and all that the others know', () => {
  const dispute = { why: 'they disagree', others: [whole, bare] }
  expect(decodeState(encodeState(bare, dispute))).toStrictEqual({ state: bare, dispute })
})

test.each([
  ['nothing', ''],
  ['half of it', encodeState(whole).slice(0, 40)],
  ['null', 'null'],
  ['one without a number', '{"holds":[]}'],
  ['one whose number is a text', '{"seq":"1","holds":[]}'],
  ['one whose number is not a safe integer', '{"seq":9007199254740993,"holds":[]}'],
  ['one without holds', '{"seq":1}'],
  ['one whose holds are no list', '{"seq":1,"holds":{}}'],
  ['one whose dispute has an invalid state', '{"seq":1,"holds":[],"dispute":{"why":"x","others":[{"seq":1}]}}'],
])('%s cannot be read', (_what, text) => {
  expect(decodeState(text)).toBeUndefined()
})

test('a tree needs its size and its root', () => {
  const without = Object.fromEntries(Object.entries(whole).filter(([name]) => name !== 'tree'))
  const written = JSON.parse(encodeState(whole)) as object
  for (const half of [{ size: undefined }, { root: undefined }, { root: 'none' }])
    expect(decodeState(JSON.stringify({ ...written, ...half }))).toStrictEqual({ state: without })
})

test('a floor stands until the tree has reached it', () => {
  const tree = (size: number) => ({ size, root })
  expect(unmetFloor({ tree: tree(8), floor })).toBe(floor)
  expect(unmetFloor({ tree: tree(9), floor })).toBeUndefined()
  expect(unmetFloor({ tree: tree(10), floor })).toBeUndefined()
  expect(unmetFloor({ floor: { ...floor, size: 0 } })).toMatchObject({ size: 0 })
  expect(unmetFloor({ tree: tree(0), floor: { ...floor, size: 0 } })).toBeUndefined()
  expect(unmetFloor({ tree: tree(1) })).toBeUndefined()
})

test('a log is frozen while one of its holds is not acknowledged', () => {
  const frozen = (...acked: boolean[]): boolean =>
    isFrozen({ ...bare, holds: acked.map((acked) => ({ id: 'x', acked })) })
  expect([frozen(), frozen(true), frozen(false), frozen(true, false)]).toEqual([false, false, true, true])
})
