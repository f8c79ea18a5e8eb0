import { expect, test } from 'vitest'
import { isSinceGo124, modulePathIn } from '../../src/module/go-mod-text.js'

test.each([
  ['module example.com/m\n', 'example.com/m'],
  ['// a comment\n\n  module\texample.com/m // why\n', 'example.com/m'],
  ['module "example.com/m"\n', 'example.com/m'],
  ['module `example.com/m`\n', 'example.com/m'],
  ['go 1.20\nmodule example.com/m\r\n', 'example.com/m'],
  ['modulex\nmodule x', 'x'],
  ['', undefined],
  ['// module x\n', undefined],
  ['module\n', undefined],
  ['module "x\n', undefined],
  // The word ends where Go's white space begins, and nowhere else.
  ['module"x"\nmodule y\n', 'y'],
  ['module\u0085x\u0085\n', 'x'],
  ['module \ufeffx\n', '\ufeffx'],
])('%j names the module %s', (text, path) => {
  expect(modulePathIn(text)).toBe(path)
})

test.each([
  ['module m\n\ngo 1.24\n', true],
  ['go 1.24rc1\n', true],
  ['go 1.24.3 // new\n', true],
  ['go 1.100\n', true],
  ['go 2.0\n', true],
  ['go 1.23.9\n', false],
  ['go 1.3\n', false],
  ['module m\n', false],
  ['// go 1.24\n', false],
  ['gox 1.24\n', false],
])('%j: since Go 1.24 is %s', (text, is) => {
  expect(isSinceGo124(text)).toBe(is)
})
