/** Slots: a bound for each key and one for all. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Slots } from '../../src/lib/slots.js'

describe('slots', () => {
  test('have a limit for each key, and one for all', () => {
    const slots = new Slots({ perKey: 2, total: 3 })
    const [a, b] = [slots.take('a'), slots.take('a')]
    expect(slots.take('a')).toBeUndefined()
    const c = slots.take('b')
    expect([a, b, c]).not.toContain(undefined)
    expect(slots.take('b'), 'all are taken').toBeUndefined()
    a!()
    expect(slots.take('b')).toBeDefined()
    expect([slots.of('a'), slots.of('b'), slots.of('c'), slots.total]).toEqual([1, 2, 0, 3])
  })

  test('count weights, and refuse as a whole what does not fit', () => {
    const slots = new Slots({ perKey: 10 })
    expect(slots.take('a', 11)).toBeUndefined()
    const leave = slots.take('a', 7)
    expect(slots.take('a', 4)).toBeUndefined()
    expect(slots.take('a', 3)).toBeDefined()
    leave!()
    expect(slots.of('a')).toBe(3)
  })

  test('are released once, even if they are released twice', () => {
    const slots = new Slots()
    const leave = slots.hold('a')
    slots.hold('a')
    leave()
    leave()
    expect(slots.of('a')).toBe(1)
  })

  test('may be held beyond the limit by a caller that has checked', () => {
    const slots = new Slots({ total: 1 })
    slots.hold('a')
    slots.hold('b')
    expect(slots.total).toBe(2)
    expect(slots.take('c')).toBeUndefined()
  })

  test('add up to the total, whatever is taken and released', () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c'), count: fc.nat(5), back: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const slots = new Slots({ perKey: 12, total: 20 })
        const held: (() => void)[] = []
        for (const { key, count, back } of steps) {
          const leave = back ? undefined : slots.take(key, count)
          if (leave !== undefined) held.push(leave)
          if (back) held.shift()?.()
          const each = ['a', 'b', 'c'].map((name) => slots.of(name))
          expect(slots.total).toBe(each.reduce((sum, one) => sum + one, 0))
          expect(Math.max(...each)).toBeLessThanOrEqual(12)
          expect(slots.total).toBeLessThanOrEqual(20)
        }
        for (const leave of held) leave()
        expect(slots.total).toBe(0)
      }),
    )
  })
})
