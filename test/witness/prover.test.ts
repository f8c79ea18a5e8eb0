/** Where a proof is got from, who pays for it, and when nobody is asked any longer. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { GossumError } from '../../src/errors.js'
import type { Prefix } from '../../src/witness/decide.js'
import { Prover } from '../../src/witness/prover.js'
import { fork, history, log } from '../helpers/step-inputs.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const after = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const of = history.tree(9)
const truth = history.prefix(of, 5)!
/** It ties no tree of the history to the head that was asked about. */
const wrong = fork.prefix(fork.tree(9), 5)!

/** Somebody who is asked for a proof, and answers by hand or not at all until it is told to stop. */
function source() {
  const asked: { args: unknown[]; signal: AbortSignal; give: (its: Prefix) => void; fail: (error: Error) => void }[] =
    []
  const ask = (...args: unknown[]): Promise<Prefix> =>
    new Promise((give, fail) => {
      const { signal } = args.pop() as { signal: AbortSignal }
      signal.addEventListener('abort', () => fail(signal.reason as Error))
      asked.push({ args, signal, give, fail })
    })
  return { asked, ask }
}

function start() {
  const [ofLog, ofPeers, stop] = [source(), source(), new AbortController()]
  const prover = new Prover(ofPeers.ask, stop.signal, Date.now)
  /** The result of a proof, once there is one. */
  const prove = (payer?: string, size = 5, asLog: object = { prefix: ofLog.ask }): unknown[] => {
    const results: unknown[] = []
    const ended = prover.prove({ ...log, ...asLog }, of, size, 'peer', payer)
    void ended.then(
      (proof) => results.push(proof),
      (error: unknown) => results.push(error),
    )
    return results
  }
  return { fromLog: ofLog.asked, fromPeers: ofPeers.asked, prove, stop }
}

describe('a proof', () => {
  test('from the log ends the question: no peer is asked, and no timer is left', async () => {
    const { fromLog, fromPeers, prove } = start()
    const results = prove()
    await after(2_999)
    expect(fromLog.map(({ args }) => args)).toEqual([[of, 5]])
    fromLog[0]!.give(truth)
    await after(0)
    expect(results).toEqual([{ prefix: truth }])
    expect(vi.getTimerCount()).toBe(0)
    expect(fromPeers).toEqual([])
  })

  test('is asked of peers as well when the log is silent for three seconds, and the slower is told to stop', async () => {
    const { fromLog, fromPeers, prove } = start()
    const results = prove()
    await after(2_999)
    expect(fromPeers).toEqual([])
    await after(1)
    expect(fromPeers.map(({ args }) => args)).toEqual([['peer', log.id, of, 5]])
    fromPeers[0]!.give(truth)
    await after(0)
    expect([results, fromLog[0]!.signal.aborted]).toEqual([[{ prefix: truth }], true])
  })

  test('may still come from the log while peers are asked', async () => {
    const { fromLog, fromPeers, prove } = start()
    const results = prove()
    await after(3_000)
    fromLog[0]!.give(truth)
    await after(0)
    expect([results, fromPeers[0]!.signal.aborted]).toEqual([[{ prefix: truth }], true])
  })

  test.each<[string, (asked: ReturnType<typeof source>['asked'][number]) => void]>([
    ['fails', ({ fail }) => fail(new GossumError('LOG_UNREACHABLE', 'x'))],
    ['gives a proof that does not verify', ({ give }) => give(wrong)],
  ])('is asked of peers at once when the log %s', async (_, answer) => {
    const { fromLog, fromPeers, prove } = start()
    const results = prove()
    answer(fromLog[0]!)
    await after(0)
    fromPeers[0]!.give(truth)
    await after(0)
    expect(results).toEqual([{ prefix: truth }])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('of a log that has no address is asked of peers only', async () => {
    const { fromLog, fromPeers, prove } = start()
    const results = prove(undefined, 5, {})
    await after(0)
    fromPeers[0]!.give(truth)
    await after(0)
    expect([results, fromLog]).toEqual([[{ prefix: truth }], []])
  })

  test('that several ask for at once is got once, and again when it is asked for later', async () => {
    const { fromLog, prove } = start()
    const [first, second, other] = [prove(), prove(), prove(undefined, 4)]
    fromLog[0]!.give(truth)
    fromLog[1]!.give(history.prefix(of, 4)!)
    await after(0)
    expect([first, second, other]).toEqual([
      [{ prefix: truth }],
      [{ prefix: truth }],
      [{ prefix: history.prefix(of, 4) }],
    ])
    prove()
    expect(fromLog.map(({ args }) => args[1])).toEqual([5, 4, 5])
  })
})

describe('there is no proof', () => {
  test('if neither the log nor a peer gives one: then the reason is that of the log', async () => {
    const { fromLog, fromPeers, prove } = start()
    const results = prove()
    fromLog[0]!.give(wrong)
    await after(0)
    fromPeers[0]!.fail(new GossumError('PEER_UNHELPFUL'))
    await after(0)
    expect(results).toEqual([{ failed: 'PROOF_INVALID' }])
  })

  test('of a log without an address if no peer gives one', async () => {
    const { fromPeers, prove } = start()
    const results = prove(undefined, 5, {})
    await after(0)
    fromPeers[0]!.fail(new GossumError('PEER_UNHELPFUL'))
    await after(0)
    expect(results).toEqual([{ failed: 'LOG_UNREACHABLE' }])
  })

  test('after a minute, and nobody is asked any longer', async () => {
    const { fromLog, fromPeers, prove } = start()
    const results = prove()
    await after(59_999)
    expect([results, fromLog[0]!.signal.aborted, fromPeers[0]!.signal.aborted]).toEqual([[], false, false])
    await after(1)
    expect(results).toEqual([{ failed: 'TIMEOUT' }])
    expect([fromLog[0]!.signal.aborted, fromPeers[0]!.signal.aborted]).toEqual([true, true])
  })

  test('when the node stops, or has stopped', async () => {
    const { fromLog, prove, stop } = start()
    const results = prove()
    stop.abort(new Error('the node stops'))
    await after(0)
    expect([results, fromLog[0]!.signal.aborted]).toEqual([[{ failed: 'TIMEOUT' }], true])
    const late = prove()
    await after(0)
    expect([late, fromLog.length]).toEqual([[{ failed: 'TIMEOUT' }], 1])
  })

  test('when a peer has used up its budget, until a second has passed; others are not affected', async () => {
    const { fromLog, prove } = start()
    const answered = async (results: unknown[]): Promise<unknown> => {
      fromLog.pop()?.give(truth)
      await after(0)
      return results[0]
    }
    for (let i = 0; i < 64; i++) expect(await answered(prove('p')), `${i}`).toEqual({ prefix: truth })
    expect(await answered(prove('p'))).toEqual({ failed: 'PEER_BUDGET' })
    for (const payer of ['q', undefined]) expect(await answered(prove(payer))).toEqual({ prefix: truth })
    await after(1_000)
    expect(await answered(prove('p'))).toEqual({ prefix: truth })
    expect(await answered(prove('p'))).toEqual({ failed: 'PEER_BUDGET' })
  })

  test('nor a reason if what fails is a bug', async () => {
    const { fromLog, fromPeers, prove } = start()
    const results = prove()
    const bug = new TypeError('a bug')
    fromLog[0]!.fail(bug)
    await after(0)
    fromPeers[0]!.fail(new GossumError('PEER_UNHELPFUL'))
    await after(0)
    expect(results).toEqual([bug])
  })
})
