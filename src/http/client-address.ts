/**
 * Who is at the other end: the address of the connection, and behind a reverse proxy that the operator trusts the one that
 * it names in X-Forwarded-For. Whoever else sends that header is not believed. It tells clients apart, and gives nobody
 * a right.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { BlockList, isIP, isIPv6 } from 'node:net'

export class ClientAddresses {
  readonly #trusted = new BlockList()
  readonly #trustsNobody: boolean

  /** `proxies` are networks as ADDRESS/BITS, or addresses, which have been checked. */
  constructor(proxies: readonly string[]) {
    this.#trustsNobody = proxies.length === 0
    for (const proxy of proxies) {
      const [address, bits] = proxy.split('/') as [string, string?]
      const family = isIPv6(address) ? 'ipv6' : 'ipv4'
      this.#trusted.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family)
    }
  }

  isTrusted(address: string): boolean {
    const plain = unmapped(address)
    return isIP(plain) !== 0 && this.#trusted.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
  }

  /** The nearest address that is no trusted proxy's; each proxy adds whom it was asked by at the end. */
  of(remoteAddress: string | undefined, headers: IncomingHttpHeaders): string | undefined {
    if (remoteAddress === undefined) return undefined
    let client = unmapped(remoteAddress)
    // Which is usual, and asked at each request: looking into an empty list would be the most of this.
    if (this.#trustsNobody) return client
    const named = [headers['x-forwarded-for'] ?? []].flat().join(',').split(',')
    while (this.isTrusted(client) && named.length > 0) {
      const next = plainAddress(named.pop()!)
      if (next === undefined) break
      client = next
    }
    return client
  }
}

/** The address in what a proxy wrote, which may have a port; undefined for anything else. */
function plainAddress(text: string): string | undefined {
  const trimmed = text.trim()
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(trimmed)?.[1] ?? /^([\d.]+):\d+$/.exec(trimmed)?.[1] ?? trimmed
  const address = unmapped(bare)
  return isIP(address) === 0 ? undefined : address
}

/** An IPv4 address that a socket for both families shows as IPv6. */
function unmapped(address: string): string {
  return /^::ffff:([0-9.]+)$/i.exec(address)?.[1] ?? address
}
