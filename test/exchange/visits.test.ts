/** When a place is visited next, after each verdict. */
import { describe, expect, test } from 'vitest'
import type { OwnHead, ServiceVerdict } from '../../src/exchange/service.js'
import { Visits } from '../../src/exchange/visits.js'

const HOUR = 3_600_000
const [PAUSE, INTERVAL] = [5000, 10_000]
const NOW = 1_000_000

/** Only its size matters here. */
const headOf = (size: number): OwnHead => ({ size }) as OwnHead

/** Milliseconds after a push of size 5 until the same head is sent again, and until a larger one is. */
function afterPush(verdict: ServiceVerdict | undefined): [same: number, larger: number] {
  const visits = new Visits({ push: true, pull: false }, PAUSE, INTERVAL)
  expect(visits.next(headOf(5)).at).toBe(0)
  visits.ended('push', headOf(5), verdict, NOW)
  return [visits.next(headOf(5)).at - NOW, visits.next(headOf(6)).at - NOW]
}

describe('a push', () => {
  test.each<[ServiceVerdict | undefined, number, number]>([
    ['taken', HOUR / 2, PAUSE],
    ['uncounted', HOUR / 2, PAUSE],
    ['ahead', HOUR, PAUSE],
    ['refused', HOUR, PAUSE],
    ['unknown-log', HOUR, HOUR],
    ['consistent', HOUR, PAUSE],
    ['pending', INTERVAL, PAUSE],
    ['inconsistent', HOUR, PAUSE],
    // It could not be made.
    [undefined, INTERVAL, INTERVAL],
  ])('with the verdict %s is repeated after %i ms, and followed by a larger head after %i', (verdict, same, larger) => {
    expect(afterPush(verdict)).toEqual([same, larger])
  })

  test('never happens without a head', () => {
    const visits = new Visits({ push: true, pull: false }, PAUSE, INTERVAL)
    expect(visits.next(undefined).at).toBe(Infinity)
    visits.ended('push', headOf(5), 'taken', NOW)
    expect(visits.next(undefined).at).toBe(Infinity)
  })
})

describe('a pull', () => {
  test('is repeated after one interval, and not delayed by pushes', () => {
    const visits = new Visits({ push: true, pull: true }, PAUSE, INTERVAL)
    expect(visits.next(undefined)).toEqual({ does: 'pull', at: 0 })
    visits.ended('push', headOf(5), 'unknown-log', NOW)
    expect(visits.next(headOf(5))).toEqual({ does: 'pull', at: 0 })
    visits.ended('pull', undefined, 'read', NOW)
    expect(visits.next(headOf(5))).toEqual({ does: 'pull', at: NOW + INTERVAL })
  })
})
