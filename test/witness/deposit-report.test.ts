/** The state of our deposits, in words. */
import { describe, expect, test } from 'vitest'
import { depositReport, NOTHING_PROMISED, type DepositReport } from '../../src/witness/deposit-report.js'

type Counts = Parameters<typeof depositReport>[0]

const counts = (rest: Partial<Counts> = {}): Counts => ({
  ...{ need: 2, of: 3, connected: 3, undeposited: [], notDepositaries: [] },
  ...rest,
})

describe('the report', () => {
  test.each<[string, Partial<Counts>, required: boolean, Pick<DepositReport, 'state' | 'text'>]>([
    [
      'of peers that keep everything',
      {},
      false,
      { state: 'deposited', text: '2 of 3 chosen peers keep what is signed (3 of 3 are connected)' },
    ],
    [
      'of a peer with an old version',
      { notDepositaries: ['a'] },
      false,
      {
        state: 'deposited',
        text: '2 of 3 chosen peers keep what is signed (3 of 3 are connected, 1 of them runs a version that keeps no promises)',
      },
    ],
    [
      'of one log that waits, and of two peers with an old version',
      { undeposited: ['x'], notDepositaries: ['a', 'b'] },
      true,
      {
        state: 'undeposited',
        text: 'fewer than 2 of 3 chosen peers keep the newest promise of 1 log; nothing new of them is signed (3 of 3 are connected, 2 of them run a version that keeps no promises)',
      },
    ],
    [
      'of two logs that are signed all the same',
      { connected: 1, undeposited: ['x', 'y'] },
      false,
      {
        state: 'undeposited',
        text: 'fewer than 2 of 3 chosen peers keep the newest promise of 2 logs; signing continues without them (1 of 3 are connected)',
      },
    ],
    [
      'of a node that chose no peers',
      { need: 1, of: 0, connected: 0 },
      false,
      {
        state: 'nobody',
        text: 'no peers are chosen to keep what this node promises: a restored backup would go unnoticed',
      },
    ],
    [
      'of a node that chose no peers, and signs nothing without them',
      { need: 1, of: 0, connected: 0 },
      true,
      { state: 'nobody', text: 'no peers are chosen to keep what this node promises: nothing new is signed' },
    ],
  ])('%s says so, next to what it counts', (_what, rest, required, expected) => {
    const given = counts(rest)
    expect(depositReport(given, required)).toEqual({ ...given, required, ...expected })
  })

  test('of an observer counts nobody', () => {
    expect(NOTHING_PROMISED).toEqual({
      ...{ state: 'nobody', text: 'an observer signs nothing, so there is nothing to keep' },
      ...{ need: 0, of: 0, connected: 0, undeposited: [], notDepositaries: [], required: false },
    })
  })
})
