/** Names of files in modules: by the rules, and as judged by golang.org/x/mod/module, if it is installed. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { badFilePath, folded, NameCollisions } from '../../src/module/file-path.js'
import { required } from '../helpers/go.js'
import { askGo, modrules } from './modrules.js'

const GOOD = ['a', 'a/b.go', 'ä/ñ', '.gitignore', 'a b', 'x~1', 'A@v1.0.0/[b]', '日本.go', 'con1', 'comp.go', 'a..b']
const BAD = [
  ...[
    '',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    'a.',
    'a./b',
    '...',
    'a\\b',
    'a:b',
    'a*b',
    'a"b',
    "a'b",
    'a<b',
    'a|b',
  ],
  ...['con', 'Con.go', 'x/NUL', 'lpt9.x.y', 'a\nb', 'a\tb', 'a\0b', 'a`b', 'a;b', 'a?', '😀', 'a\u0301', '²'],
]

test.each(GOOD)('%j is a valid name', (name) => {
  expect(badFilePath(name)).toBeUndefined()
})

test.each(BAD)('%j is not a valid name', (name) => {
  expect(badFilePath(name)).toBeTypeOf('string')
})

describe('collisions', () => {
  const add = (...names: string[]): (string | undefined)[] => {
    const collisions = new NameCollisions()
    return names.map((name) => collisions.add(name, name.endsWith('/')))
  }

  test('do not include different files in one folder', () => {
    expect(add('a/b', 'a/c', 'a/d/e', 'a/d/f')).toEqual([undefined, undefined, undefined, undefined])
  })

  test.each([
    [['a/b', 'a/b'], 'twice'],
    [['a/B', 'a/b'], 'case'],
    [['A/b', 'a/c'], 'case'],
    [['a', 'a/b'], 'both'],
    [['a/b', 'a'], 'both'],
    [['k', '\u212a'], 'case'],
    [['ς', 'Σ'], 'case'],
  ])('%j: %s', (names, why) => {
    expect(add(...names).at(-1)).toContain(why)
  })
})

describe.skipIf(modrules === undefined && !required)('Go says the same', () => {
  const alphabet = [
    ...Array.from('aAb/.-_ ~"\'\\:é'),
    '\u0130',
    '\u0131',
    'ß',
    'ẞ',
    '\u017f',
    'K',
    '\u212a',
    'Σ',
    'ς',
    'ǅ',
    '\u0345',
    '😀',
    'con',
    '.go',
  ]

  test('about names', async () => {
    const words = fc.array(fc.constantFrom(...alphabet), { maxLength: 6 }).map((parts) => parts.join(''))
    const names = [...GOOD, ...BAD, ...fc.sample(words, 3000)]
    const theirs = await askGo(['names'], names)
    const ours = names.map((name) => badFilePath(name) === undefined)
    expect(names.filter((_, i) => ours[i] !== theirs[i])).toEqual([])
  })

  test('about letters that differ only in case', async () => {
    const letters = Array.from({ length: 0x2fff }, (_, i) => String.fromCodePoint(i + 1))
    // Each with its case variants, in all languages.
    const pairs = letters.flatMap((letter) =>
      [letter.toUpperCase(), letter.toLowerCase(), letter.toUpperCase().toLowerCase()].map((other) => [letter, other]),
    )
    const theirs = await askGo(['folds'], pairs)
    const wrong = pairs.filter(([a, b], i) => (folded(a!) === folded(b!)) !== theirs[i])
    // Letters of Unicode 16, which Node knows and Go does not yet.
    expect(wrong.filter(([a]) => !/[\u019b\u0264\u1c89\u1c8a]/.test(a!))).toEqual([])
  })
})
