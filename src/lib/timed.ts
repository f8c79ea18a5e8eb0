/**
 * Time limits. AbortSignal.any() over AbortSignal.timeout() does not work as one: only the composite refers to the
 * timeout, so Node garbage-collects it together with its timer, and what should have ended waits for ever. (On Node 20,
 * in addition, such a composite is never released by a long-lived signal.)
 */
import { setTimeout as delay } from 'node:timers/promises'

export { lastingController } from '#lasting'

/** Resolves when everything that is ready in this turn of the event loop has run. */
export function endOfTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}

/**
 * Runs `act` with a signal that is aborted after `ms` milliseconds or with one of the others. Rejects with the reason
 * of the abort, whatever error `act` made of it.
 */
export async function timed<T>(
  ms: number,
  others: readonly (AbortSignal | undefined)[],
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const endings = others.flatMap((other) => {
    other?.throwIfAborted()
    return other === undefined ? [] : { other, onAbort: () => controller.abort(other.reason) }
  })
  const timer = setTimeout(() => controller.abort(new Error(`no answer in ${ms} ms`)), ms)
  for (const { other, onAbort } of endings) other.addEventListener('abort', onAbort, { once: true })
  try {
    return await act(controller.signal)
  } catch (error) {
    // The callee may wrap the reason; the reason itself says more.
    throw controller.signal.aborted ? controller.signal.reason : error
  } finally {
    clearTimeout(timer)
    for (const { other, onAbort } of endings) other.removeEventListener('abort', onAbort)
  }
}

/** Resolves with the work, or after `ms` milliseconds. The work continues; it must not reject. */
export async function within(ms: number, work: Promise<void>): Promise<void> {
  const enough = new AbortController()
  const end = delay(ms, undefined, { signal: enough.signal, ref: false }).catch(() => undefined)
  await Promise.race([work, end])
  enough.abort()
}
