/** The client's address: only a trusted proxy's statement about it is used. */
import { expect, test } from 'vitest'
import { ClientAddresses } from '../../src/http/client-address.js'

const of = (remote: string | undefined, named: string | undefined, ...proxies: string[]): string | undefined =>
  new ClientAddresses(proxies).of(remote, named === undefined ? {} : { 'x-forwarded-for': named })

test.each<[string, string | undefined, string | undefined, string | undefined, string[]]>([
  ['the address of the connection, if no proxy is trusted', '192.0.2.1', '203.0.113.9', '192.0.2.1', []],
  [
    'the address of the connection, if it is not a trusted proxy',
    '192.0.2.2',
    '203.0.113.9',
    '192.0.2.2',
    ['192.0.2.1'],
  ],
  ['the address that a trusted proxy names', '192.0.2.1', '203.0.113.9', '203.0.113.9', ['192.0.2.1']],
  [
    'the last address named, since the client controls those before it',
    '192.0.2.1',
    '6.6.6.6, 203.0.113.9',
    '203.0.113.9',
    ['192.0.2.1'],
  ],
  [
    'the address behind a chain of proxies',
    '192.0.2.1',
    '203.0.113.9,192.0.2.3, 192.0.2.2',
    '203.0.113.9',
    ['192.0.2.0/24'],
  ],
  ['the address of the proxy, if it names no client', '192.0.2.1', undefined, '192.0.2.1', ['192.0.2.1']],
  ['the address of the proxy, if it names something else', '192.0.2.1', 'unknown', '192.0.2.1', ['192.0.2.1']],
  [
    'the nearest name that is an address',
    '192.0.2.1',
    '203.0.113.9, _hidden, 192.0.2.2',
    '192.0.2.2',
    ['192.0.2.0/24'],
  ],
  ['the farthest proxy, if all named are trusted', '192.0.2.1', '192.0.2.3', '192.0.2.3', ['192.0.2.0/24']],
  ['an address without its port', '::1', '203.0.113.9:4711', '203.0.113.9', ['::1']],
  ['an IPv6 address without its brackets', '::1', '[2001:db8::7]:443', '2001:db8::7', ['::1']],
  ['an IPv6 address unchanged', '::1', '2001:db8::7', '2001:db8::7', ['::1']],
  [
    'an IPv4 address that a socket shows as IPv6',
    '::ffff:192.0.2.1',
    '::FFFF:203.0.113.9',
    '203.0.113.9',
    ['192.0.2.1'],
  ],
  ['within the bits of a network', '2001:db8:1::1', '203.0.113.9', '203.0.113.9', ['2001:db8::/32']],
  ['no address, without a connection', undefined, '203.0.113.9', undefined, ['0.0.0.0/0']],
])('%s', (_, remote, named, expected, proxies) => {
  expect(of(remote, named, ...proxies)).toBe(expected)
})

test('a single address trusts no other address of its network', () => {
  const addresses = new ClientAddresses(['192.0.2.1', '2001:db8::1'])
  const trusted = ['192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2', '::ffff:192.0.2.1', 'nonsense']
  expect(trusted.map((address) => addresses.isTrusted(address))).toEqual([true, false, true, false, true, false])
})
