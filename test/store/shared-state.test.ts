/** Whether a machine may go on from the state that it shares with others, and what a state claims for its keys. */
import { describe, expect, test } from 'vitest'
import { encodeState, type LogState } from '../../src/store/log-state.js'
import { claimOf, following, stateRow, type StateRow } from '../../src/store/shared-state.js'
import { MemoryState } from '../fakes/memory-state.js'

const [LOG, OTHER] = ['a'.repeat(64), 'b'.repeat(64)]
const ORIGIN = 'go.sum database tree'
const tree = (size: number, of = size) => ({ size, root: new Uint8Array(32).fill(of) })
const signedAt = (time: number) => ({ signed: { key: 'k', size: 5, time } })

test('a row names its text by number and SHA-256, so that no other text passes for it', () => {
  expect(stateRow(3, 'abc')).toStrictEqual({
    seq: 3,
    hash: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    text: 'abc',
  })
})

describe('a claim', () => {
  const signed = { key: 'ours', second: 'ours+ml-dsa', size: 5, time: 900 }
  const audited = { key: 'auditor', size: 5, root: 'x', time: 900 }

  test.each<[string, Parameters<typeof claimOf>[0], string[] | undefined]>([
    ['names every key that promises to sign', { origin: ORIGIN, signed, audited }, ['ours', 'ours+ml-dsa', 'auditor']],
    ['names the one key of a witness', { origin: ORIGIN, ...signedAt(1) }, ['k']],
    ['names the auditor alone', { origin: ORIGIN, audited }, ['auditor']],
    ['takes the origin of an older state from its head', { note: `${ORIGIN}\n5\n`, audited }, ['auditor']],
    [
      'leaves out the key that a recovered home does not know',
      { origin: ORIGIN, signed: { ...signed, key: '' } },
      ['ours+ml-dsa'],
    ],
    ['is none where the only key is not known', { origin: ORIGIN, signed: { key: '', size: 5, time: 900 } }, undefined],
    ['is none where nothing is promised', { origin: ORIGIN, note: 'a head' }, undefined],
    ['is none for a log without an origin', { signed, audited }, undefined],
  ])('%s', (_what, state, keys) => {
    expect(claimOf(state)).toStrictEqual(keys && { origin: ORIGIN, keys })
  })
})

describe('a machine', () => {
  const row = (seq: number, state: Omit<LogState, 'seq' | 'holds'>): StateRow =>
    stateRow(seq, encodeState({ seq, ...state, holds: [] }))

  /** What a machine that has seen `mine` makes of `now`, where the shared state went through these rows. */
  async function follow(
    mine: StateRow | undefined,
    now: StateRow | undefined,
    through: readonly StateRow[] = mine === undefined ? [] : [mine],
  ): Promise<LogState | string> {
    const shared = new MemoryState()
    for (const to of through) expect(await shared.replace(LOG, shared.states.get(LOG), to)).toBe('won')
    return following(shared, LOG, mine, now)
  }

  const first = row(1, { tree: tree(5), ...signedAt(900) })
  const second = row(2, { tree: tree(8), ...signedAt(950) })
  const third = row(3, { tree: tree(8), ...signedAt(950) })

  test.each<[string, StateRow | undefined, StateRow]>([
    ['that is new takes over the state', undefined, second],
    ['goes on from the very state that it has seen', second, second],
    ['goes on from the next state', first, second],
    ['goes on from a state of the same head and time', second, third],
    ['goes on over several states', first, third],
    ['goes on from the first signature', row(1, { tree: tree(5) }), row(2, { tree: tree(5), ...signedAt(1) })],
    ['goes on where nothing is signed yet', row(1, {}), row(2, { tree: tree(5) })],
    ['goes on if its journal cannot be read, by the history of the row', stateRow(1, 'unreadable'), second],
  ])('%s', async (_what, mine, now) => {
    const state = await follow(mine, now)
    expect(typeof state === 'string' ? state : encodeState(state)).toBe(now.text)
  })

  const notContinuing = (mine: number, now: number): string =>
    `the shared state at ${now} does not continue the journal at ${mine}`

  test.each<[string, StateRow | undefined, StateRow | undefined, string]>([
    ['a row that is gone', second, undefined, 'the shared state has nothing of this log, the journal is at state 2'],
    ['a row that is behind it', second, first, 'the shared state is at state 1, the journal at 2'],
    [
      'another state with its number',
      first,
      row(1, { tree: tree(5), ...signedAt(901) }),
      'the shared state and the journal have different states 1',
    ],
    ['an unreadable row', undefined, stateRow(1, '{'), 'the shared state cannot be read'],
    ['a row with the text of another number', first, stateRow(2, first.text), 'the shared state cannot be read'],
    [
      'a row with the hash of another text',
      undefined,
      { ...second, hash: first.hash },
      'the shared state cannot be read',
    ],
    ['a row that went back to a smaller tree', first, row(2, { tree: tree(4), ...signedAt(950) }), notContinuing(1, 2)],
    ['a row with another tree of its size', first, row(2, { tree: tree(5, 6), ...signedAt(950) }), notContinuing(1, 2)],
    ['a row that went back in time', first, row(2, { tree: tree(8), ...signedAt(899) }), notContinuing(1, 2)],
    ['a row that forgot its signature', first, row(2, { tree: tree(8) }), notContinuing(1, 2)],
  ])('does not follow %s, even if the history of the row has what it saw', async (_what, mine, now, why) => {
    expect(await follow(mine, now)).toBe(why)
  })

  test('does not follow a row that never was in the state that it has seen', async () => {
    const elsewhere = row(1, { tree: tree(4), ...signedAt(800) })
    expect(await follow(first, second, [elsewhere, second])).toBe(notContinuing(1, 2))
  })

  test('asks for the history of its own log', async () => {
    const shared = new MemoryState()
    await shared.replace(OTHER, undefined, first)
    expect(await following(shared, LOG, first, second)).toBe(notContinuing(1, 2))
    expect(await following(shared, OTHER, first, second)).toMatchObject({ seq: 2 })
  })
})
