/** The forms of a watch: a flag, a variable, or a mapping in the file. */
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../../src/config/config.js'
import { temporaryHome } from '../helpers/home.js'

const KEY = Buffer.alloc(32, 9).toString('base64')
const load = (watch: string[]) => loadConfig({ home: '/nonexistent', watch }, { env: {} }).watch

function inFile(yaml: string) {
  const file = join(temporaryHome(), 'settings.yaml')
  writeFileSync(file, yaml)
  return loadConfig({ home: '/nonexistent' }, { env: {}, file }).watch
}

test('a watch has patterns alone, or with a list, or with a list and its key', () => {
  expect(load(['example.com/*,github.com/me'])).toEqual([
    { modules: 'example.com/*,github.com/me', authorised: undefined, key: undefined },
  ])
  const [file, url] = load(['a.example authorised=go.sum', `b.example  key=${KEY} authorised=https://u:p@b.example/x`])
  expect(file).toMatchObject({ authorised: resolve('go.sum'), key: undefined })
  // A login is sent to its own server (outgoing/logins.ts), and shown nowhere.
  expect(url!.authorised).toBe('https://b.example/x')
  expect(Buffer.from(url!.key!.publicKey).toString('base64')).toBe(KEY)
})

test('a watch in the file is a mapping, or a text as elsewhere', () => {
  const watches = inFile(`
watch:
  - modules: example.com/mod
    authorised: https://example.com/go.sum
    key: ${KEY}
  - github.com/me
  - modules: b.example
`)
  expect(watches.map(({ modules, authorised }) => [modules, authorised])).toEqual([
    ['example.com/mod', 'https://example.com/go.sum'],
    ['github.com/me', undefined],
    ['b.example', undefined],
  ])
})

test.each([
  ['', '"PATTERNS [authorised=FILE|URL [key=BASE64]]" expected'],
  [', /', 'expected'],
  ['a.example list=x', 'expected'],
  ['a.example authorised=x authorised=y', 'expected'],
  ['authorised=x', 'with patterns as in GOPRIVATE'],
  [`a.example key=${KEY}`, 'the key is for a list, but authorised names none'],
  ['a.example authorised=x key=AAAA', 'base64 of an Ed25519 public key expected, got AAAA'],
  ['a.example authorised=https://', 'watch: '],
])('%j is refused', (text, why) => {
  expect(() => load([text])).toThrow(why)
})

test.each([
  ['watch:\n  - module: x\n', 'watch: unknown key "module": modules, authorised, key'],
  ['watch:\n  - authorised: x\n', 'watch: modules is missing'],
  ['watch:\n  - modules: a b\n', 'watch: modules contains white space'],
  ['watch:\n  - modules: [a, b]\n', 'watch: modules: must be a string'],
  ['watch:\n  - [a]\n', 'watch: unknown key "0"'],
  ['poll:\n  - a: 1\n', 'poll: seconds'],
])('a file with %j is refused', (yaml, why) => {
  expect(() => inFile(yaml)).toThrow(why)
})
