import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { fromUtf8, toHex, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint } from '../../src/tlog/checkpoint.js'
import { sha256 } from '../../src/tlog/hash.js'
import { formatNote } from '../../src/tlog/note.js'
import { answersNeeded, depositsNeeded, type Promised } from '../../src/witness/deposit-ledger.js'
import type { DepositReport, DepositResult } from '../../src/witness/deposit-report.js'
import { Deposits, type Depositaries, type DepositOptions } from '../../src/witness/deposits.js'
import type { WitnessPromise } from '../../src/witness/promise.js'

const WAIT_MS = 2_000

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) })
})
afterEach(() => {
  vi.useRealTimers()
})

const logNumber = (i: number): string => toHex(sha256(utf8(`log ${i}`)))
const [LOG, OTHER] = [logNumber(0), logNumber(1)]
const rootAt = (size: number): Uint8Array => sha256(utf8(`root ${size}`))

/** The promise of a key about a head whose text has this length. */
function promise(log: string, size: number, witness = 'w', extension = ''): WitnessPromise {
  const text = formatCheckpoint({ origin: 'origin', size, root: rootAt(size) }) + extension
  const line = { name: 'log', keyId: '01020304', bytes: new Uint8Array(64) }
  return {
    log,
    seq: 1,
    time: 1,
    witness,
    head: formatNote({ text, signatures: [line] }),
    signature: new Uint8Array(64),
  }
}

interface Message {
  /** Log ids, sizes and keys. */
  readonly promises: readonly WitnessPromise[]
  readonly lines: readonly string[]
  readonly answer: (answer: readonly boolean[] | 'unsupported' | undefined) => void
}

type Behaviour = 'keeps' | 'lies' | 'old' | 'silent' | 'by hand'

/** Chosen peers: each answers as it is told, and those that are told nothing yet are not connected. */
class Peers implements Depositaries {
  readonly messages = new Map<string, Message[]>()
  readonly behaviours = new Map<string, Behaviour>()
  readonly #all: number

  constructor(all: number) {
    this.#all = all
  }

  chosen() {
    return { all: this.#all, connected: [...this.behaviours.keys()] }
  }

  promise: Depositaries['promise'] = (peer, promises, lines, { signal }) =>
    new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error))
      this.of(peer).push({ promises, lines: lines.map((line) => fromUtf8(line)!), answer: resolve })
      const behaviour = this.behaviours.get(peer)
      if (behaviour === 'keeps') resolve(promises.map(() => true))
      if (behaviour === 'lies') resolve(promises.map(() => false))
      if (behaviour === 'old') resolve('unsupported')
    })

  of(peer: string): Message[] {
    let messages = this.messages.get(peer)
    if (messages === undefined) this.messages.set(peer, (messages = []))
    return messages
  }

  /** Sizes of each message to a peer. */
  sizes(peer: string): number[][] {
    return this.of(peer).map(({ promises }) => promises.map(({ head }) => Number(fromUtf8(head)!.split('\n')[1])))
  }
}

function start(all: number, behaviours: readonly Behaviour[], options: Partial<DepositOptions> = {}) {
  const peers = new Peers(all)
  behaviours.forEach((behaviour, i) => peers.behaviours.set(`peer ${i}`, behaviour))
  const reports: DepositReport[] = []
  const deposits = new Deposits({
    depositaries: peers,
    keep: undefined,
    required: false,
    waitMs: WAIT_MS,
    now: Date.now,
    onChange: (report) => reports.push(report),
    ...options,
  })
  deposits.start()
  return { peers, deposits, reports }
}

/** The result of a deposit so far. */
function follow(result: Promise<DepositResult>): { readonly is: DepositResult | 'waiting' } {
  const followed = { is: 'waiting' as DepositResult | 'waiting' }
  void result.then((it) => (followed.is = it))
  return followed
}

const after = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const rootHex = (size: number): string => toHex(rootAt(size))
/** A tree, optionally with the root of another, and with the time of promise() or a later one. */
const promised = (size: number, rootOf = size, time = 1): Promised => ({ size, root: rootHex(rootOf), time })

describe('a deposit', () => {
  test.each<[n: number, k: number | undefined, behaviours: Behaviour[], expected: DepositResult]>([
    [3, undefined, ['keeps', 'keeps'], 'deposited'],
    [3, undefined, ['keeps', 'lies', 'keeps'], 'deposited'],
    [3, undefined, ['keeps', 'old', 'keeps'], 'deposited'],
    [3, undefined, ['keeps', 'silent', 'keeps'], 'deposited'],
    [3, undefined, ['keeps', 'silent', 'silent'], 'undeposited'],
    [3, undefined, ['keeps', 'lies', 'old'], 'undeposited'],
    [3, 3, ['keeps', 'keeps', 'lies'], 'undeposited'],
    [5, 1, ['keeps'], 'deposited'],
    [5, undefined, ['keeps', 'keeps'], 'undeposited'],
    [2, 3, ['keeps', 'keeps'], 'undeposited'],
    [0, undefined, [], 'nobody'],
  ])(
    'with %s chosen peers, of which %s must keep it, that behave as %j is %s',
    async (n, keep, behaviours, expected) => {
      const { deposits } = start(n, behaviours, { keep })
      const result = follow(deposits.deposit(LOG, [promise(LOG, 10)]))
      await after(WAIT_MS)
      expect(result.is).toBe(expected)
      expect(deposits.report.state).toBe(expected)
      expect(deposits.isDeposited(LOG, promised(10))).toBe(expected === 'deposited')
    },
  )

  test('succeeds as soon as enough peers keep it, whatever the others do', async () => {
    const { peers, deposits } = start(3, ['by hand', 'by hand', 'silent'])
    const result = follow(deposits.deposit(LOG, [promise(LOG, 10)]))
    await after(1)
    peers.of('peer 0')[0]!.answer([true])
    await after(0)
    expect(result.is).toBe('waiting')
    peers.of('peer 1')[0]!.answer([true])
    await after(0)
    expect(result.is).toBe('deposited')
  })

  test('fails at once if too few peers are connected, or too few are left that might keep it', async () => {
    const { peers, deposits } = start(3, ['by hand'])
    const alone = follow(deposits.deposit(LOG, [promise(LOG, 10)]))
    await after(0)
    expect(alone.is).toBe('undeposited')
    await after(1)
    expect(peers.sizes('peer 0'), 'who is there is told all the same').toEqual([[10]])

    peers.behaviours.set('peer 1', 'by hand')
    peers.of('peer 0')[0]!.answer([true])
    await after(1)
    peers.of('peer 1')[0]!.answer([true])
    await after(1)
    const two = follow(deposits.deposit(LOG, [promise(LOG, 20)]))
    await after(1)
    peers.of('peer 0')[1]!.answer([true])
    peers.of('peer 1')[1]!.answer([false])
    await after(0)
    expect(two.is, 'who does not keep it need not be waited for').toBe('undeposited')
  })

  test('by several keys needs a peer that keeps the promise of each', async () => {
    const { peers, deposits } = start(1, ['by hand'])
    const result = follow(deposits.deposit(LOG, [promise(LOG, 10, 'one'), promise(LOG, 10, 'two')]))
    await after(1)
    peers.of('peer 0')[0]!.answer([true, false])
    await after(0)
    expect([result.is, deposits.isDeposited(LOG, promised(10))]).toEqual(['undeposited', false])
  })

  test('is not made by an answer that is too short', async () => {
    const { peers, deposits } = start(1, ['by hand'])
    const result = follow(deposits.deposit(LOG, [promise(LOG, 10)]))
    await after(1)
    peers.of('peer 0')[0]!.answer([])
    await after(0)
    expect(result.is).toBe('undeposited')
  })

  test('confirmed too late for the signature still counts, and the report recovers', async () => {
    const { peers, deposits, reports } = start(1, ['by hand'])
    const result = follow(deposits.deposit(LOG, [promise(LOG, 10)]))
    await after(WAIT_MS - 1)
    expect(result.is).toBe('waiting')
    await after(1)
    expect([result.is, deposits.report.undeposited]).toEqual(['undeposited', [LOG]])
    peers.of('peer 0')[0]!.answer([true])
    await after(0)
    expect(deposits.isDeposited(LOG, promised(10))).toBe(true)
    expect(reports.map(({ state }) => state)).toEqual(['deposited', 'undeposited', 'deposited'])
  })

  test('of a tree that is deposited already needs no new message for a minute', async () => {
    const { peers, deposits } = start(1, ['keeps'])
    await after(0)
    const first = deposits.deposit(LOG, [promise(LOG, 10)])
    await after(1)
    expect(await first).toBe('deposited')
    const second = follow(deposits.deposit(LOG, [{ ...promise(LOG, 10), time: 61, seq: 2 }]))
    await after(WAIT_MS)
    expect([second.is, peers.of('peer 0').length]).toEqual(['deposited', 1])
    expect(deposits.isDeposited(LOG, promised(10, 11)), 'another root').toBe(false)
    expect(deposits.isDeposited(LOG, promised(11, 10)), 'another size').toBe(false)
    expect(deposits.isDeposited(OTHER, promised(10)), 'another log').toBe(false)
    const renamed = follow(deposits.deposit(LOG, [promise(LOG, 10, 'a key that came since')]))
    await after(1)
    expect([renamed.is, peers.sizes('peer 0')]).toEqual(['deposited', [[10], [10]]])
  })

  test('is made again if the cosignature has a time that no promise covers', async () => {
    const { peers, deposits } = start(1, ['by hand'])
    const first = follow(deposits.deposit(LOG, [promise(LOG, 10)]))
    await after(1)
    peers.of('peer 0')[0]!.answer([true])
    await after(1)
    expect(first.is).toBe('deposited')
    expect(deposits.isDeposited(LOG, promised(10, 10, 61))).toBe(true)
    expect(deposits.isDeposited(LOG, promised(10, 10, 62))).toBe(false)
    const renewed = follow(deposits.deposit(LOG, [{ ...promise(LOG, 10), time: 62, seq: 2 }]))
    await after(1)
    expect([renewed.is, peers.sizes('peer 0')]).toEqual(['waiting', [[10], [10]]])
    expect(deposits.isDeposited(LOG, promised(10, 10, 62)), 'who keeps the first does not keep the second').toBe(false)
    peers.of('peer 0')[1]!.answer([true])
    await after(1)
    expect(renewed.is).toBe('deposited')
    expect(deposits.isDeposited(LOG, promised(10, 10, 122))).toBe(true)
  })

  test('is complete: any k peers that keep it and any n - k + 1 that answer have one in common', async () => {
    const world = fc.integer({ min: 1, max: 7 }).chain((n) => {
      const order = fc.shuffledSubarray([...Array(n).keys()], { minLength: n, maxLength: n })
      const keep = fc.option(fc.integer({ min: 1, max: n }), { nil: undefined })
      return fc.record({ n: fc.constant(n), keep, keepers: order, answerers: order })
    })
    await fc.assert(
      fc.asyncProperty(world, async ({ n, keep, keepers, answerers }) => {
        const keeping = new Set(keepers.slice(0, depositsNeeded(n, keep)))
        const behaviours = [...Array(n).keys()].map((i): Behaviour => (keeping.has(i) ? 'keeps' : 'silent'))
        const { deposits } = start(n, behaviours, { keep })
        const result = follow(deposits.deposit(LOG, [promise(LOG, 10)]))
        await after(1)
        expect(result.is).toBe('deposited')
        expect(answerers.slice(0, answersNeeded(n, keep)).some((i) => keeping.has(i))).toBe(true)
        const tooFew = start(n, behaviours, { keep: depositsNeeded(n, keep) + 1 })
        const failed = follow(tooFew.deposits.deposit(LOG, [promise(LOG, 10)]))
        await after(WAIT_MS)
        expect(failed.is).toBe('undeposited')
        // Those that are silent would be asked again in the time of all later worlds, too.
        vi.clearAllTimers()
      }),
      { numRuns: 50 },
    )
  })
})

describe('messages', () => {
  test('are shared by fifty logs that advance at the same time', async () => {
    const { peers, deposits } = start(1, ['keeps'])
    const all = Array.from({ length: 50 }, (_, i) => deposits.deposit(logNumber(i), [promise(logNumber(i), 10)]))
    await after(1)
    expect(new Set(await Promise.all(all))).toEqual(new Set(['deposited']))
    expect(peers.of('peer 0').map(({ promises }) => promises.length)).toEqual([50])
  })

  test('hold at most 64 promises, keep those of one tree together, and fit into a frame', async () => {
    const { peers, deposits } = start(1, ['keeps'])
    const two = (log: string, extension = ''): WitnessPromise[] =>
      ['one', 'two'].map((key) => promise(log, 10, key, extension))
    const many = Array.from({ length: 50 }, (_, i) => deposits.deposit(logNumber(i), two(logNumber(i))))
    await after(1)
    await Promise.all(many)
    expect(peers.of('peer 0').map(({ promises }) => promises.length)).toEqual([64, 36])
    // Two heads of nearly 64 KiB, whose quotes are twice as long in JSON.
    const large = [0, 1].map((i) =>
      deposits.deposit(logNumber(i), [promise(logNumber(i), 20, 'w', `${'"'.repeat(60_000)}\n`)]),
    )
    await after(1)
    await Promise.all(large)
    expect(
      peers
        .of('peer 0')
        .slice(2)
        .map(({ promises }) => promises.length),
    ).toEqual([1, 1])
  })

  test('to a peer are sent one at a time, and the newest promise of a log replaces one that waits', async () => {
    const { peers, deposits } = start(1, ['by hand'])
    const results = [10, 20, 30].map((size) => follow(deposits.deposit(LOG, [promise(LOG, size)])))
    await after(1)
    // A newer tree waits for the one in progress.
    const [forty, fifty] = [40, 50].map((size) => follow(deposits.deposit(LOG, [promise(LOG, size)])))
    await after(100)
    expect(peers.sizes('peer 0')).toEqual([[30]])
    peers.of('peer 0')[0]!.answer([true])
    await after(1)
    expect(peers.sizes('peer 0')).toEqual([[30], [50]])
    // Each tree extends those before it: a peer that keeps the promise of one would know of them.
    expect(results.map(({ is }) => is)).toEqual(['deposited', 'deposited', 'deposited'])
    expect(deposits.isDeposited(LOG, promised(50)), 'who kept the one has not kept the other').toBe(false)
    expect(fifty!.is).toBe('waiting')
    peers.of('peer 0')[1]!.answer([true])
    await after(1)
    expect([forty!, fifty!].map(({ is }) => is)).toEqual(['deposited', 'deposited'])
    expect(deposits.report.state).toBe('deposited')
  })

  test('with replaced promises leave no log undeposited unreported, and prolong no wait', async () => {
    const { peers, deposits } = start(3, ['by hand', 'by hand'])
    const ten = follow(deposits.deposit(LOG, [promise(LOG, 10)]))
    await after(1_500)
    const twenty = follow(deposits.deposit(LOG, [promise(LOG, 20)]))
    // One peer keeps the first; the other, which was too slow for it, keeps the next one: both know of the first.
    peers.of('peer 0')[0]!.answer([true])
    await after(100)
    expect([ten.is, twenty.is]).toEqual(['waiting', 'waiting'])
    await after(WAIT_MS - 1_600)
    expect([ten.is, twenty.is], 'its own time is over').toEqual(['undeposited', 'waiting'])
    expect(deposits.report.undeposited).toEqual([LOG])
    peers.of('peer 0')[1]!.answer([true])
    peers.of('peer 1')[0]!.answer([true])
    await after(1)
    peers.of('peer 1')[1]!.answer([true])
    await after(1)
    expect(twenty.is).toBe('deposited')
    expect(deposits.report.undeposited).toEqual([])
  })

  test('out of order are harmless: a smaller tree does not replace a larger one', async () => {
    const { peers, deposits } = start(1, ['by hand'])
    const results = [20, 10].map((size) => follow(deposits.deposit(LOG, [promise(LOG, size)])))
    await after(1)
    expect(peers.sizes('peer 0')).toEqual([[20]])
    peers.of('peer 0')[0]!.answer([true])
    await after(1)
    expect(results.map(({ is }) => is)).toEqual(['deposited', 'deposited'])
    expect(deposits.isDeposited(LOG, promised(20))).toBe(true)
  })

  test('that a peer did not get or did not answer are sent again', async () => {
    const { peers, deposits } = start(1, ['by hand'])
    const result = follow(deposits.deposit(LOG, [promise(LOG, 10)]))
    await after(1)
    peers.of('peer 0')[0]!.answer(undefined)
    await after(999)
    expect(peers.of('peer 0'), 'not at once').toHaveLength(1)
    await after(1)
    peers.of('peer 0')[1]!.answer([true])
    await after(1)
    expect(result.is).toBe('deposited')

    const silent = follow(deposits.deposit(LOG, [promise(LOG, 20)]))
    await after(10_000)
    expect([silent.is, peers.of('peer 0').length]).toEqual(['undeposited', 3])
    await after(1_001)
    peers.of('peer 0')[3]!.answer([true])
    await after(1)
    expect(deposits.isDeposited(LOG, promised(20))).toBe(true)
  })

  test('to a peer that disconnects are not waited for, and are sent again when it is back', async () => {
    const { peers, deposits } = start(1, ['by hand'])
    const result = follow(deposits.deposit(LOG, [promise(LOG, 10)]))
    await after(1)
    peers.behaviours.delete('peer 0')
    peers.of('peer 0')[0]!.answer(undefined)
    await after(0)
    expect(result.is).toBe('undeposited')
    peers.behaviours.set('peer 0', 'keeps')
    deposits.connected('peer 0')
    await after(0)
    expect([peers.sizes('peer 0'), deposits.report.state]).toEqual([[[10], [10]], 'deposited'])
  })

  test('to a newly connected peer hold the newest promise of each log that it does not keep, and our lines', async () => {
    const { peers, deposits } = start(3, ['keeps'])
    for (const size of [10, 20]) void deposits.deposit(LOG, [promise(LOG, size)])
    void deposits.deposit(OTHER, [promise(OTHER, 5)])
    for (const line of ['line of 10', 'line of 20']) deposits.released(LOG, utf8(line))
    await after(1_000)
    peers.behaviours.set('peer 1', 'keeps')
    deposits.connected('peer 1')
    await after(0)
    expect(peers.sizes('peer 1')).toEqual([[20, 5]])
    expect(peers.of('peer 1')[0]!.lines).toEqual(['line of 20'])
    expect(deposits.report.state).toBe('deposited')
    deposits.connected('peer 0')
    await after(0)
    expect(peers.sizes('peer 0').at(-1), 'what it keeps it is not told again').toEqual([])
  })

  test('are not sent to a peer of an old version, until it comes back with another', async () => {
    const { peers, deposits } = start(1, ['old'])
    await after(0)
    const result = follow(deposits.deposit(LOG, [promise(LOG, 10)]))
    await after(1)
    expect(result.is).toBe('undeposited')
    expect(deposits.report.notDepositaries).toEqual(['peer 0'])
    expect(deposits.report.text).toContain('1 of them runs a version that keeps no promises')
    deposits.released(LOG, utf8('line'))
    await after(60_000)
    expect(peers.of('peer 0')).toHaveLength(1)
    peers.behaviours.set('peer 0', 'keeps')
    deposits.connected('peer 0')
    await after(1)
    expect(deposits.report).toMatchObject({ state: 'deposited', notDepositaries: [] })
  })

  test('ask a peer again only after a minute to keep what it refused', async () => {
    const { peers, deposits } = start(1, ['lies'])
    void deposits.deposit(LOG, [promise(LOG, 10)])
    await after(59_000)
    expect(peers.of('peer 0')).toHaveLength(1)
    peers.behaviours.set('peer 0', 'keeps')
    await after(7_000)
    expect(peers.of('peer 0')).toHaveLength(2)
    expect(deposits.report.state).toBe('deposited')
  })

  test('to a peer that comes back are waited for, even if it refused the promise before', async () => {
    const { peers, deposits } = start(1, ['lies'])
    void deposits.deposit(LOG, [promise(LOG, 10)])
    await after(1)
    peers.behaviours.set('peer 0', 'by hand')
    deposits.connected('peer 0')
    const result = follow(deposits.deposit(LOG, [promise(LOG, 10)]))
    await after(1)
    expect(result.is).toBe('waiting')
    peers.of('peer 0')[1]!.answer([true])
    await after(0)
    expect(result.is).toBe('deposited')
  })

  test('carry our newest lines, which wait at most 200 ms for one that is due anyway', async () => {
    const { peers, deposits } = start(2, ['keeps', 'keeps'])
    deposits.released(LOG, utf8('first'))
    await after(100)
    deposits.released(LOG, utf8('second'))
    deposits.released(OTHER, utf8('other'))
    await after(99)
    expect(peers.of('peer 0')).toEqual([])
    await after(1)
    for (const peer of ['peer 0', 'peer 1'])
      expect(peers.of(peer).map(({ lines }) => lines)).toEqual([['second', 'other']])
    deposits.released(LOG, utf8('third'))
    void deposits.deposit(OTHER, [promise(OTHER, 10)])
    await after(1)
    expect(peers.of('peer 0')[1]).toMatchObject({ lines: ['third'], promises: [{ log: OTHER }] })
    await after(1_000)
    expect(peers.of('peer 0')).toHaveLength(2)
  })
})

describe('the report', () => {
  test('states what is signed without a deposit, and what is not signed', async () => {
    const loose = start(3, ['keeps'])
    const strict = start(3, ['keeps'], { required: true })
    for (const { deposits } of [loose, strict]) await deposits.deposit(LOG, [promise(LOG, 10)])
    expect(loose.deposits.report.text).toBe(
      'fewer than 2 of 3 chosen peers keep the newest promise of 1 log; signing continues without them (1 of 3 are connected)',
    )
    expect(strict.deposits.report.text).toContain('nothing new of them is signed')
    expect(start(0, []).deposits.report.text).toContain('a restored backup would go unnoticed')
  })

  test('is sent once, and again when a peer has left', async () => {
    const { peers, deposits, reports } = start(1, ['keeps'])
    await after(60_000)
    expect(reports).toHaveLength(1)
    void deposits.deposit(LOG, [promise(LOG, 10)])
    await after(60_000)
    expect(reports).toHaveLength(1)
    peers.behaviours.delete('peer 0')
    await after(5_000)
    expect(reports.map(({ connected }) => connected)).toEqual([1, 0])
  })
})

describe('at the end', () => {
  test('a flush sends all that is owed', async () => {
    const { peers, deposits } = start(2, ['keeps', 'keeps'])
    for (let i = 0; i < 100; i++) void deposits.deposit(logNumber(i), [promise(logNumber(i), 10)])
    deposits.released(LOG, utf8('line'))
    await deposits.flush(new AbortController().signal)
    for (const peer of ['peer 0', 'peer 1']) {
      expect(peers.sizes(peer).flat()).toHaveLength(100)
      expect(peers.of(peer).flatMap(({ lines }) => lines)).toEqual(['line'])
    }
  })

  test('a stop sends what is owed, and waits at most two seconds for silent peers', async () => {
    const { peers, deposits } = start(2, ['keeps', 'silent'])
    const result = follow(deposits.deposit(LOG, [promise(LOG, 10)]))
    deposits.released(LOG, utf8('line'))
    let isStopped = false
    void deposits.stop().then(() => (isStopped = true))
    await after(1_999)
    expect([isStopped, peers.of('peer 0')[0]!.lines]).toEqual([false, ['line']])
    await after(1)
    expect([isStopped, result.is]).toEqual([true, 'undeposited'])
    expect(await deposits.deposit(LOG, [promise(LOG, 20)])).toBe('undeposited')
    deposits.connected('peer 0')
    await after(60_000)
    expect(peers.of('peer 0')).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  })
})
