/** How often addresses named by strangers are dialled. */
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { doorOf, Knocks } from '../../../src/gossip/membership/knocks.js'

const at = (host: string, port = 4001) => multiaddr(`/ip4/${host}/tcp/${port}`)
const tries = (knocks: Knocks, addresses: ReturnType<typeof at>[], now = 0, isProven = false): number =>
  addresses.filter((address) => knocks.mayTry(address, isProven, now)).length
const ports = (host: string, count: number) => Array.from({ length: count }, (_, i) => at(host, 4001 + i))

test('each host and port is tried once a minute, whichever peer ids are named for it', () => {
  const knocks = new Knocks()
  const peer = (id: string) => multiaddr(`/ip4/127.0.0.1/tcp/4001/p2p/${id}`)
  const [a, b] = [
    peer('12D3KooWGRUVh7sSbNTmKLoEEqBFRQYB8w9Mhwo9Nmm6mGQpoZ4s'),
    peer('12D3KooWSsChzF81YDUKpe9Uk5AHV5oqAaXAcWNSPYgoLauUk4st'),
  ]
  expect([doorOf(a), doorOf(b)]).toEqual(['127.0.0.1 4001', '127.0.0.1 4001'])
  expect(tries(knocks, [a, b])).toBe(1)
  expect([tries(knocks, [b], 59_999), tries(knocks, [b], 60_000), tries(knocks, [a], 60_001)]).toEqual([0, 1, 0])
  // Whether it was reached before or not.
  expect(tries(knocks, [a], 60_001, true)).toBe(0)
})

test('an internet host is tried four times at once over all its ports, a network eight times', () => {
  const knocks = new Knocks()
  expect(tries(knocks, ports('203.0.113.1', 10))).toBe(4)
  expect(tries(knocks, [...ports('203.0.113.2', 4), ...ports('203.0.113.3', 4)])).toBe(4)
  expect(tries(knocks, ports('198.51.100.1', 10))).toBe(4)
  // Two per host become available again in a minute.
  expect(tries(knocks, ports('198.51.100.1', 20).slice(10), 60_000)).toBe(2)
})

test('at most 32 internet addresses are tried at once, and then twenty a minute', () => {
  const knocks = new Knocks()
  const all = Array.from({ length: 100 }, (_, i) => at(`20.${i}.0.1`))
  expect(tries(knocks, all)).toBe(32)
  const others = Array.from({ length: 100 }, (_, i) => at(`21.${i}.0.1`))
  expect(tries(knocks, others, 60_000)).toBe(20)
})

test('an address that one budget does not allow uses up none of the others', () => {
  const knocks = new Knocks()
  const others = (first: number) => Array.from({ length: 32 }, (_, i) => at(`${first}.${i}.0.1`))
  const honest = ports('198.51.100.1', 10)
  expect([tries(knocks, others(20)), tries(knocks, honest)]).toEqual([32, 0])
  expect(tries(knocks, honest, 60_000), 'all of its host').toBe(4)
  expect(
    tries(knocks, [...ports('203.0.113.1', 10), ...ports('203.0.113.2', 10), ...ports('203.0.113.3', 10)], 60_000),
  ).toBe(8)
  expect(tries(knocks, others(21), 60_000), 'what is left of twenty').toBe(8)
  expect(tries(knocks, ports('203.0.113.3', 20).slice(10), 120_000), 'as if it had never been named').toBe(4)
})

test('addresses reached before, and local ones, are limited only per host and port', () => {
  const knocks = new Knocks()
  expect(tries(knocks, ports('203.0.113.1', 50), 0, true)).toBe(50)
  for (const near of ['127.0.0.1', '10.1.2.3', '192.168.1.1']) expect(tries(knocks, ports(near, 50)), near).toBe(50)
  // Near or proven addresses have not reduced the allowance of the others.
  expect(tries(knocks, ports('203.0.113.2', 10))).toBe(4)
})
