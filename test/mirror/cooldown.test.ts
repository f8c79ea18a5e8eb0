/** How old a version has to be, by the clock of the witnesses and nothing else. */
import { describe, expect, it } from 'vitest'
import { isExempt, ripeness } from '../../src/mirror/cooldown.js'

const DAY = 86_400_000
const NOW = Date.parse('2026-06-30T00:00:00Z')
const FIRST = NOW - 5 * DAY

describe('a cooldown of seven days', () => {
  it.each<[string, { time: number; isExact: boolean } | undefined, number | undefined, number | 'ripe' | undefined]>([
    ['covered eight days ago', { time: NOW - 8 * DAY, isExact: true }, undefined, 'ripe'],
    ['covered seven days ago to the millisecond', { time: NOW - 7 * DAY, isExact: true }, undefined, 'ripe'],
    ['covered a millisecond less ago', { time: NOW - 7 * DAY + 1, isExact: true }, undefined, NOW + 1],
    ['covered now', { time: NOW, isExact: true }, undefined, NOW + 7 * DAY],
    ['covered in the future, by a wrong clock', { time: NOW + DAY, isExact: true }, undefined, NOW + 8 * DAY],
    ['not known to be covered', undefined, undefined, undefined],
    ['not known to be covered, if existing ones are allowed', undefined, NOW, undefined],
    ['there before the first quorum head', { time: FIRST, isExact: false }, undefined, FIRST + 7 * DAY],
    [
      'there before the first quorum head, if existing ones are allowed',
      { time: FIRST, isExact: false },
      FIRST,
      'ripe',
    ],
    [
      'first covered by that head, which does not count as existing',
      { time: FIRST, isExact: true },
      FIRST,
      FIRST + 7 * DAY,
    ],
    ['existing for another node that began later', { time: FIRST + 1, isExact: false }, FIRST, FIRST + 1 + 7 * DAY],
  ])('a version %s', (_what, covered, existingUntil, expected) => {
    const judged = ripeness(covered, 7 * DAY, existingUntil, NOW)
    expect(judged.isRipe ? 'ripe' : judged.at).toBe(expected)
  })

  it.each<[string, string, boolean]>([
    ['corp.example/*', 'corp.example/a', true],
    ['corp.example/*', 'corp.example/a/b', true],
    ['corp.example/*', 'corp.example', false],
    ['', 'corp.example/a', false],
    ['golang.org/x', 'golang.org/toolchain', false],
    ['*', 'golang.org/toolchain', false],
    ['a.example,golang.org/toolchain', 'golang.org/toolchain', true],
  ])('except %j: %s', (except, path, expected) => {
    const through = { isAllowed: () => false, existingUntil: undefined }
    expect(isExempt({ path, version: 'v1.0.0' }, { ms: 7 * DAY, except }, through)).toBe(expected)
  })

  it('does not apply to an allowed version, or without a setting', () => {
    const through = { isAllowed: ({ version }: { version: string }) => version === 'v1.0.0', existingUntil: undefined }
    const setting = { ms: DAY, except: '' }
    expect(isExempt({ path: 'a.example', version: 'v1.0.0' }, setting, through)).toBe(true)
    expect(isExempt({ path: 'a.example', version: 'v1.0.1' }, setting, through)).toBe(false)
    expect(isExempt({ path: 'a.example', version: 'v1.0.1' }, undefined, through)).toBe(true)
  })
})
