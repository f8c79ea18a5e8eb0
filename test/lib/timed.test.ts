import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { timed } from '../../src/lib/timed.js'

/** Waits for the abort of a signal that nothing else references, like an unread stream. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true })
  })
}

test('a time limit ends its operation, even across garbage collections', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const ended = timed(100, [new AbortController().signal], untilAborted)
  const collecting = setInterval(collect, 10)
  await expect(ended).rejects.toThrow('no answer in 100 ms')
  clearInterval(collecting)
})

test('other signals end it too, each with its reason', async () => {
  const [first, second] = [new AbortController(), new AbortController()]
  const ended = timed(60_000, [first.signal, undefined, second.signal], untilAborted)
  second.abort(new Error('enough'))
  await expect(ended).rejects.toThrow('enough')
  await expect(timed(60_000, [second.signal], () => Promise.resolve())).rejects.toThrow('enough')
  await expect(timed(60_000, [first.signal], () => Promise.resolve(7))).resolves.toBe(7)
  await expect(timed(60_000, [], () => Promise.reject(new Error('its own')))).rejects.toThrow('its own')
})
