import { describe, expect, test } from 'vitest'
import { mapBounded, SingleFlight } from '../../src/lib/single-flight.js'

/** An operation that waits until it is released, and keeps its signal. */
function gate(): { act: (signal: AbortSignal) => Promise<string>; open: () => void; signals: AbortSignal[] } {
  const signals: AbortSignal[] = []
  let open!: () => void
  const opened = new Promise<string>((resolve) => (open = () => resolve('done')))
  const act = (signal: AbortSignal): Promise<string> => {
    signals.push(signal)
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('ended')))
      void opened.then(resolve)
    })
  }
  return { act, open, signals }
}

describe('single flight', () => {
  test('lets simultaneous callers share one operation', async () => {
    const { act, open, signals } = gate()
    const flights = new SingleFlight<string>()
    const both = Promise.all([flights.run('a', undefined, act), flights.run('a', undefined, act)])
    const other = flights.run('b', undefined, act)
    open()
    expect(await both).toEqual(['done', 'done'])
    expect(await other).toBe('done')
    expect(signals).toHaveLength(2)
    await flights.run('a', undefined, act)
    expect(signals).toHaveLength(3)
  })

  test('continues for the others when a caller aborts, and ends with the last', async () => {
    const { act, signals } = gate()
    const flights = new SingleFlight<string>()
    const [first, second] = [new AbortController(), new AbortController()]
    const one = flights.run('a', first.signal, act)
    const two = flights.run('a', second.signal, act)
    const reason = new Error('enough')
    first.abort(reason)
    await expect(one).rejects.toBe(reason)
    expect(signals[0]!.aborted).toBe(false)
    second.abort(reason)
    await expect(two).rejects.toBe(reason)
    expect(signals[0]!.aborted).toBe(true)
    await expect(flights.run('a', AbortSignal.abort(reason), act)).rejects.toBe(reason)
    expect(signals).toHaveLength(1)
  })
})

describe('mapBounded', () => {
  test('keeps the order and the limit', async () => {
    let running = 0
    let most = 0
    const results = await mapBounded([5, 1, 4, 2, 3], 2, undefined, async (n) => {
      most = Math.max(most, ++running)
      for (let i = 0; i < n; i++) await Promise.resolve()
      running--
      return n * 10
    })
    expect(results).toEqual([50, 10, 40, 20, 30])
    expect(most).toBe(2)
    expect(await mapBounded([], 2, undefined, () => Promise.resolve(1))).toEqual([])
  })

  test('ends the others after the first failure', async () => {
    const { act, signals } = gate()
    const failure = new Error('no')
    const mapped = mapBounded([0, 1, 2, 3], 3, undefined, (n, signal) =>
      n === 1 ? Promise.reject(failure) : act(signal),
    )
    await expect(mapped).rejects.toBe(failure)
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true])
  })

  test('can be ended by its caller', async () => {
    const { act, signals } = gate()
    const controller = new AbortController()
    const mapped = mapBounded([0, 1, 2], 2, controller.signal, (_, signal) => act(signal))
    controller.abort(new Error('enough'))
    await expect(mapped).rejects.toThrow('ended')
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true])
    await expect(mapBounded([1], 1, controller.signal, (_, signal) => act(signal))).rejects.toThrow('enough')
    expect(signals).toHaveLength(2)
  })
})
