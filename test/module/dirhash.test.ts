import { hash } from 'node:crypto'
import { expect, test } from 'vitest'
import { goModHash, hash1 } from '../../src/module/dirhash.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { codeOf } from '../helpers/codes.js'
import { h1 } from '../helpers/go.js'

const file = (name: string, text: string) => ({ name, sha256: hash('sha256', text) })

test('no files have the hash of the empty string', () => {
  expect(hash1([])).toBe('h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=')
})

test('an empty go.mod has the hash that go once recorded by mistake', () => {
  expect(goModHash(new Uint8Array())).toBe('h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY=')
})

test('a go.mod has the hash of a single file of this name', () => {
  expect(goModHash(utf8('module m\n'))).toBe(h1({ 'go.mod': 'module m\n' }))
})

test('the order of the files does not matter, since names are sorted by bytes', () => {
  // A letter beyond U+FFFF sorts last in UTF-8, and before the other one in UTF-16.
  const files = { 'm@v1/\uff41': 'a', 'm@v1/\u{10400}': 'b', 'm@v1/B': 'c', 'm@v1/a': 'd' }
  const given = Object.entries(files).map(([name, text]) => file(name, text))
  expect(hash1(given)).toBe(h1(files))
  expect(hash1(given.toReversed())).toBe(h1(files))
})

test('a name with a newline is refused', () => {
  expect(codeOf(() => hash1([file('a\nb', '')]))).toBe('MODULE_ZIP_INVALID')
})
