/** Signatures that wait for their deposit: which of them end, when, and how. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Deposit } from '../../src/witness/deposit-ledger.js'
import type { DepositResult } from '../../src/witness/deposit-report.js'
import { DepositWaits } from '../../src/witness/deposit-waits.js'
import { LOG, logId } from '../helpers/shelf.js'

const WAIT_MS = 2_000
const OTHER = logId(1)

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const deposit = (size: number, log = LOG): Deposit => ({ log, size, root: `root ${size}`, time: 1, promises: [] })
const [TEN, TWENTY, ELSEWHERE] = [deposit(10), deposit(20), deposit(5, OTHER)]
const after = (ms: number) => vi.advanceTimersByTimeAsync(ms)

/** Waits whose results so far are in the order in which they were begun. */
function start() {
  const onInVain = vi.fn<() => void>()
  const waits = new DepositWaits(WAIT_MS, onInVain)
  const results: (DepositResult | 'waiting')[] = []
  const wait = (of: Deposit): void => {
    const index = results.push('waiting') - 1
    void waits.wait(of).then((result) => (results[index] = result))
  }
  return { waits, wait, results, onInVain }
}

describe('a wait', () => {
  test('ends undeposited when its time is over, and its log is reported until its newest deposit is kept', async () => {
    const { waits, wait, results, onInVain } = start()
    for (const each of [TEN, ELSEWHERE]) wait(each)
    waits.settle(OTHER, () => true)
    await after(WAIT_MS - 1)
    expect([results, waits.inVain, onInVain.mock.calls]).toEqual([['waiting', 'deposited'], [], []])
    await after(1)
    expect([results, waits.inVain, onInVain.mock.calls]).toEqual([['undeposited', 'deposited'], [LOG], [[]]])
    waits.heal(LOG)
    expect(waits.inVain).toEqual([])
  })

  test('for a deposit that is waited for already ends with the first, by time and otherwise', async () => {
    const { waits, wait, results, onInVain } = start()
    wait(TEN)
    await after(1_500)
    wait(TEN)
    expect(waits.deposits).toEqual([TEN])
    await after(WAIT_MS - 1_500)
    expect([results, onInVain.mock.calls, vi.getTimerCount()]).toEqual([['undeposited', 'undeposited'], [[]], 0])
    for (let i = 0; i < 2; i++) wait(TWENTY)
    waits.settle(LOG, (it) => it === TWENTY)
    await after(0)
    expect([results.slice(2), vi.getTimerCount()]).toEqual([['deposited', 'deposited'], 0])
  })

  test('for an earlier deposit of a log continues, and its end prolongs and shortens no other', async () => {
    const { waits, wait, results } = start()
    wait(TEN)
    await after(500)
    wait(TWENTY)
    expect(waits.deposits, 'the newest of the log').toEqual([TWENTY])
    await after(1_500)
    expect([results, waits.deposits]).toEqual([['undeposited', 'waiting'], [TWENTY]])
    await after(500)
    expect([results, waits.deposits]).toEqual([['undeposited', 'undeposited'], []])
  })

  test.each<[string, (waits: DepositWaits) => void, DepositResult, inVain: string[]]>([
    ['are kept by enough peers', (waits) => waits.settle(LOG, () => true), 'deposited', []],
    ['will not be kept by enough peers', (waits) => waits.giveUp(LOG), 'undeposited', [LOG]],
  ])('for deposits of one log that %s ends, and leaves those of other logs', async (_what, act, result, inVain) => {
    const { waits, wait, results } = start()
    for (const each of [TEN, TWENTY, ELSEWHERE]) wait(each)
    expect(waits.deposits).toEqual([TWENTY, ELSEWHERE])
    act(waits)
    await after(0)
    expect([results, waits.deposits, waits.inVain]).toEqual([[result, result, 'waiting'], [ELSEWHERE], inVain])
    expect(vi.getTimerCount()).toBe(1)
  })
})
