import { expect, test } from 'vitest'
import type { LogState, Signed } from '../../src/store/log-state.js'
import { settled } from '../../src/store/settle.js'
import { sha256 } from '../../src/tlog/hash.js'

const tree = (size: number) => ({ size, root: sha256(new Uint8Array([size])) })
const state = (size: number, signed: Signed): LogState => ({ seq: size, tree: tree(size), signed, holds: [] })

test('what is settled knows until when every key signed that any of the states knows', () => {
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

test('and has no more to say of a single key', () => {
  const signed = { key: 'own', size: 5, time: 400 }
  expect(settled([state(5, signed)]).signed).toEqual(signed)
})
