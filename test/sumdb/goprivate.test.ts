import { describe, expect, test } from 'vitest'
import { isPrivate } from '../../src/sumdb/goprivate.js'
import { readJson, SMALL } from './genuine.js'

const vectors = readJson(new URL('records.json', SMALL)) as {
  gonosumdb_globs: { cases: { globs: string; target: string; match: boolean }[] }
  gonosumdb_client: { globs: string; looked_up: string[]; skipped: string[] }
}

describe('patterns are matched as by the go command', () => {
  test.each(vectors.gonosumdb_globs.cases)('$globs and $target: $match', ({ globs, target, match }) => {
    expect(isPrivate(globs, target)).toBe(match)
  })

  test('in the cases of its client', () => {
    const { globs, looked_up, skipped } = vectors.gonosumdb_client
    expect(looked_up.filter((path) => isPrivate(globs, path))).toEqual([])
    expect(skipped.filter((path) => !isPrivate(globs, path))).toEqual([])
  })

  // Each with the result of golang.org/x/mod/module.MatchPrefixPatterns, v0.37.0.
  test.each([
    ['example.com/[a-c]?', 'example.com/b1/x', true],
    ['example.com/[^a-c]*', 'example.com/b1', false],
    ['example.com/[^a-c]*', 'example.com/d', true],
    ['a[/]c', 'a/c', true],
    ['a[]b', 'a]b', false],
    ['a[', 'a[', false],
    ['a[b', 'ab', false],
    ['a[b-]', 'ab', false],
    ['a\\', 'a\\', false],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'axb', false],
    ['[\\]]', ']', true],
    ['*b*c', 'abxc', true],
    ['*b*c', 'abxcd', false],
    ['a**', 'abc', true],
    ['é?', 'éü', true],
    ['[à-ÿ]', 'é', true],
  ])('%s and %s: %s', (globs, target, match) => {
    expect(isPrivate(globs, target)).toBe(match)
  })

  test('but never the toolchain that the go command runs', () => {
    for (const patterns of ['*', 'golang.org', 'golang.org/toolchain', '*/*']) {
      expect(isPrivate(patterns, 'golang.org/toolchain')).toBe(false)
    }
    expect(isPrivate('golang.org', 'golang.org/x/text')).toBe(true)
  })

  test('but never one that would take forever', () => {
    expect(isPrivate(`${'*a'.repeat(20_000)}b`, 'a'.repeat(1000))).toBe(false)
  })
})
