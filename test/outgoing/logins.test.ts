/**
 * Logins in addresses: removed from every URL that is shown, and sent with requests to their own addresses, and no
 * others.
 */
import { expect, test } from 'vitest'
import { authorizationFor, basic, withLogin, withoutLogin, withoutLogins } from '../../src/outgoing/logins.js'

const header = (userinfo: string): string => `Basic ${Buffer.from(userinfo).toString('base64')}`

test('a URL without a login stays unchanged, and so does any other text', () => {
  for (const url of ['https://plain.example/', 'https://plain.example/a/', 'nonsense', ''])
    expect([withoutLogin(url), withLogin(url), authorizationFor(url)]).toEqual([url, url, undefined])
})

test('a login is removed from the URL, and restored for a file of its owner', () => {
  expect(withoutLogin('https://user:pass@one.example/log/')).toBe('https://one.example/log')
  expect(withLogin('https://one.example/log')).toBe('https://user:pass@one.example/log')
  expect(withLogin('https://one.example/log/other')).toBe('https://one.example/log/other')
  expect(withoutLogin('https://user@two.example')).toBe('https://two.example')
  expect(withLogin('https://two.example')).toBe('https://user@two.example')
  expect(authorizationFor('https://two.example/x')).toBe(header('user:'))
})

test('requests to the address and below it have the login, but similar addresses do not', () => {
  withoutLogin('https://u:p@three.example/log')
  for (const url of ['', '/', '/checkpoint', '?a=1'].map((rest) => `https://three.example/log${rest}`))
    expect(authorizationFor(url), url).toBe(header('u:p'))
  for (const url of [
    'https://three.example/log2',
    'https://three.example/logs/x',
    'https://three.example/',
    'https://three.example.org/log',
    'http://three.example/log',
    'https://x.example/?https://three.example/log',
  ])
    expect(authorizationFor(url), url).toBeUndefined()
})

test('of two nested addresses the longer one determines the login, in any order of reading', () => {
  withoutLogin('https://outer:1@four.example')
  withoutLogin('https://inner:2@four.example/a')
  expect(authorizationFor('https://four.example/a/b')).toBe(header('inner:2'))
  expect(authorizationFor('https://four.example/b')).toBe(header('outer:1'))
  withoutLogin('https://inner:2@five.example/a')
  withoutLogin('https://outer:1@five.example')
  expect(authorizationFor('https://five.example/a/b')).toBe(header('inner:2'))
})

test('a percent-encoded login is decoded for requests', () => {
  withoutLogin('https://us%40er:p%3Ass@six.example/')
  expect(authorizationFor('https://six.example/x')).toBe(header('us@er:p:ss'))
  expect(basic('%zz', 'p')).toBe(header('%zz:p'))
})

test('a login repeated by a server is not shown, in any encoding', () => {
  withoutLogin('https://me:s%33cret@seven.example/')
  const said = `bad login me:s3cret, ${header('me:s3cret')}, me:s%33cret`
  expect(withoutLogins(said)).toBe('bad login …, Basic …, …')
  expect(withoutLogins('nothing to hide')).toBe('nothing to hide')
})
