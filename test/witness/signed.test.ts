/** What a key signs next, and until when it has signed: for the key, its second key, and earlier keys. */
import { describe, expect, test } from 'vitest'
import { MAX_EARLIER_KEYS, type LogState, type Signed } from '../../src/store/log-state.js'
import { isRenewalDue, isSigned, promise, signedUntil } from '../../src/witness/signed.js'
import type { Circumstances } from '../../src/witness/step-types.js'

const NOW = 1_800_000_000
const LATER = NOW + 1_000
const at = (keys: Circumstances['keys'], more: Partial<Circumstances> = {}): Circumstances => {
  return { now: NOW, keys, frozen: false, isPast: false, made: [], isOwed: false, ...more }
}
const ALONE = { key: 'own' }
const BOTH = { key: 'own', second: 'pq' }
const state = (signed?: Signed, more: Partial<LogState> = {}): LogState => {
  return {
    seq: 3,
    tree: { size: 5, root: new Uint8Array(32) },
    note: 'a head',
    holds: [],
    ...(signed && { signed }),
    ...more,
  }
}

describe('a promise', () => {
  test('for a log that no key has signed has the current time, and no earlier key', () => {
    expect(promise(state(), 9, at(ALONE))).toStrictEqual({ key: 'own', size: 9, time: NOW })
    expect(promise(state(), 9, at(BOTH))).toStrictEqual({ ...BOTH, size: 9, time: NOW })
    expect(promise(state(), 9, at(ALONE, { now: -5 })).time, 'no cosignature says 0').toBe(1)
  })

  test('continues from the same keys, and keeps the earlier ones', () => {
    const earlier = [{ key: 'before', size: 3, time: LATER + 9 }]
    const before = { ...BOTH, size: 5, time: LATER, earlier }
    expect(promise(state(before), 9, at(BOTH))).toStrictEqual({ ...BOTH, size: 9, time: LATER, earlier })
    const none = { ...ALONE, size: 5, time: NOW - 9 }
    expect(promise(state(none), 9, at(ALONE))).toStrictEqual({ key: 'own', size: 9, time: NOW })
  })

  test.each<[string, Signed, Circumstances['keys'], number]>([
    ['the first key is the same, the second is new', { ...ALONE, size: 5, time: LATER }, BOTH, LATER],
    ['the second key is gone', { ...BOTH, size: 5, time: LATER }, ALONE, LATER],
    ['the second key is the same, the first is new', { key: 'old', second: 'pq', size: 5, time: LATER }, BOTH, LATER],
    ['neither is the same', { key: 'old', second: 'old pq', size: 5, time: LATER }, BOTH, NOW],
    ['no second key then, and none now', { key: 'old', size: 5, time: LATER }, ALONE, NOW],
  ])('is dated no earlier than a key of its own signed: %s', (_when, before, keys, time) => {
    const { key, second, size, time: then } = before
    const said = { key, ...(second !== undefined && { second }), size, time: then }
    expect(promise(state(before), 9, at(keys))).toStrictEqual({ ...keys, size: 9, time, earlier: [said] })
  })

  test('respects a time whose key is unknown, and does not keep it as an earlier key', () => {
    const unknown = { key: '', size: 5, time: LATER }
    expect(promise(state(unknown), 9, at(ALONE))).toStrictEqual({ key: 'own', size: 9, time: LATER })
  })

  test('takes a key back from the earlier ones, and never lists it twice', () => {
    const before: Signed = { key: 'other', size: 5, time: NOW - 1, earlier: [{ ...BOTH, size: 4, time: LATER }] }
    expect(promise(state(before), 9, at(BOTH))).toStrictEqual({
      ...BOTH,
      size: 9,
      time: LATER,
      earlier: [{ key: 'other', size: 5, time: NOW - 1 }],
    })
  })

  test('remembers a limited number of earlier keys, those that signed last', () => {
    const earlier = Array.from({ length: MAX_EARLIER_KEYS }, (_, i) => ({ key: `key ${i}`, size: 3, time: NOW - i }))
    const { earlier: kept } = promise(state({ key: 'last', size: 5, time: NOW, earlier }), 9, at(ALONE))
    expect(kept!.map(({ key }) => key)).toEqual(['last', ...earlier.slice(0, -1).map(({ key }) => key)])
  })
})

describe('a time until which a key signed', () => {
  test('is kept if it is later, whichever key signed', () => {
    expect(signedUntil(state(), LATER, 5)).toEqual({ signed: { key: '', size: 5, time: LATER } })
    const before = { ...BOTH, size: 4, time: NOW }
    expect(signedUntil(state(before), LATER, 5)).toEqual({ signed: { ...before, time: LATER } })
  })

  test('changes nothing if it is not later', () => {
    expect(signedUntil(state({ ...ALONE, size: 5, time: NOW }), NOW, 5)).toEqual({})
    expect(signedUntil(state({ ...ALONE, size: 5, time: NOW }), NOW - 1, 5)).toEqual({})
    expect(signedUntil(state(), 0, 5)).toEqual({})
  })
})

describe('the newest head', () => {
  const signed = { ...BOTH, size: 5, time: NOW - 60 }

  test('counts as signed if these keys have promised exactly this size', () => {
    expect(isSigned(state(signed), at(BOTH))).toBe(true)
    expect(isSigned(state({ ...signed, size: 4 }), at(BOTH))).toBe(false)
    expect(isSigned(state(signed), at(ALONE))).toBe(false)
    expect(isSigned(state(signed), at({ key: 'other', second: 'pq' }))).toBe(false)
    expect(isSigned(state(), at(BOTH))).toBe(false)
    expect(isSigned(state(signed, { tree: undefined }), at(BOTH))).toBe(false)
  })

  test.each<[string, LogState, Partial<Circumstances>, boolean]>([
    ['is fresh', state(signed), {}, false],
    ['is almost half an hour old', state({ ...signed, time: NOW - 1_799 }), {}, false],
    ['is half an hour old', state({ ...signed, time: NOW - 1_800 }), {}, true],
    ['is owed', state(signed), { isOwed: true }, true],
    ['is by other keys', state({ ...ALONE, size: 5, time: NOW }), {}, true],
    ['is of another head', state({ ...signed, size: 4 }), {}, true],
    ['was never made', state(), { now: 60 }, true],
    ['is of a head whose note is not known', state(signed, { note: undefined }), {}, true],
  ])('is signed again or not, depending on its cosignature: it %s', (_what, of, more, isDue) => {
    expect(isRenewalDue(of, at(BOTH, more))).toBe(isDue)
  })
})
