/** Deposits with peers that are no longer chosen, that know no promises yet, or that are still asked at the end. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import type { DepositResult } from '../../src/witness/deposit-report.js'
import { Deposits, type Depositaries, type DepositOptions } from '../../src/witness/deposits.js'
import type { WitnessPromise } from '../../src/witness/promise.js'
import { LOG, logId } from '../helpers/shelf.js'
import { history } from '../helpers/step-inputs.js'

const WAIT_MS = 2_000

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

type Answer = Awaited<ReturnType<Depositaries['promise']>>

const after = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const promise = (log = LOG, size = 10): WitnessPromise => {
  return { log, seq: 1, time: 1, witness: 'w', head: history.head(size), signature: new Uint8Array(64) }
}

/** Deposits with one chosen peer, which is connected, and answers by hand until its message is aborted. */
function start(options: Partial<DepositOptions> = {}) {
  const peers = { all: 1, connected: ['peer'] }
  const messages: { logs: string[]; lines: string[]; signal: AbortSignal; answer: (answer: Answer) => void }[] = []
  const chosen = vi.fn(() => peers)
  const ask: Depositaries['promise'] = (_peer, promises, lines, { signal }) =>
    new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error))
      const logs = promises.map(({ log }) => log).sort()
      messages.push({ logs, lines: lines.map((line) => fromUtf8(line)!), signal, answer: resolve })
    })
  const deposits = new Deposits({
    depositaries: { chosen, promise: ask },
    ...{ keep: undefined, required: false, waitMs: WAIT_MS, now: Date.now, onChange: () => undefined },
    ...options,
  })
  deposits.start()
  return { deposits, peers, chosen, messages }
}

/** The result of the only deposit so far. */
function follow(work: Promise<DepositResult>): (DepositResult | 'waiting')[] {
  const results: (DepositResult | 'waiting')[] = ['waiting']
  void work.then((result) => (results[0] = result))
  return results
}

describe('deposits', () => {
  test.each([true, false])('say whether nothing is signed without them: %s', (required) => {
    expect(start({ required }).deposits.required).toBe(required)
  })

  test('have chosen peers as long as there are some, connected or not', () => {
    const { deposits, peers } = start()
    const has = [1, 0, 2].map((all) => {
      Object.assign(peers, { all, connected: [] })
      return deposits.hasChosen
    })
    expect(has).toEqual([true, false, true])
  })

  test('leave no log undeposited once no peers are chosen any more', async () => {
    const { deposits, peers } = start()
    const result = follow(deposits.deposit(LOG, [promise()]))
    await after(WAIT_MS)
    expect([result, deposits.report.undeposited]).toEqual([['undeposited'], [LOG]])
    Object.assign(peers, { all: 0, connected: [] })
    expect(deposits.report).toEqual({
      ...{ state: 'nobody', need: 1, of: 0, connected: 0, undeposited: [], notDepositaries: [], required: false },
      text: 'no peers are chosen to keep what this node promises: a restored backup would go unnoticed',
    })
  })

  test('of one turn of the event loop take as many looks at the peers, for fifty logs as for one', async () => {
    const looks = async (logs: number): Promise<number> => {
      const { deposits, chosen, messages } = start()
      for (let i = 0; i < logs; i++) void deposits.deposit(logId(i), [promise(logId(i))])
      chosen.mockClear()
      await after(1)
      expect(messages.map((message) => message.logs.length)).toEqual([logs])
      return chosen.mock.calls.length
    }
    expect(await looks(50)).toBe(await looks(1))
  })

  test('without a promise are a bug', () => {
    expect(() => start().deposits.deposit(LOG, [])).toThrow('a deposit without a promise')
  })
})

test('a peer that knows no promises yet is sent all that it missed when it comes back with another version', async () => {
  const { deposits, messages } = start()
  const first = follow(deposits.deposit(LOG, [promise()]))
  deposits.released(LOG, utf8('line'))
  await after(1)
  messages[0]!.answer('unsupported')
  await after(1)
  const second = follow(deposits.deposit(logId(1), [promise(logId(1))]))
  await after(120_000)
  expect([first, second, messages.length]).toEqual([['undeposited'], ['undeposited'], 1])
  deposits.connected('peer')
  expect(messages.slice(1)).toMatchObject([{ logs: [LOG, logId(1)], lines: ['line'] }])
  messages[1]!.answer([true, true])
  await after(1)
  expect(deposits.report.undeposited).toEqual([])
})

describe('a stop', () => {
  test('aborts the message to a peer that does not answer in time', async () => {
    const { deposits, messages } = start()
    const result = follow(deposits.deposit(LOG, [promise()]))
    const stopping = deposits.stop()
    await after(1_999)
    expect(messages.map(({ signal }) => signal.aborted)).toEqual([false])
    await after(1)
    await stopping
    expect(vi.getTimerCount(), 'nobody is told again').toBe(0)
    expect(messages.map(({ signal }) => signal.reason as unknown)).toEqual([new Error('the node stops')])
    expect(result).toEqual(['undeposited'])
  })

  test('that is repeated ends at once', async () => {
    const { deposits } = start()
    void deposits.deposit(LOG, [promise()])
    const stopping = deposits.stop()
    await after(2_000)
    await stopping
    await deposits.stop()
    expect(vi.getTimerCount()).toBe(0)
  })
})
