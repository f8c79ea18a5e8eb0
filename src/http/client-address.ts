/**
 * The address of a client: that of the connection or, behind a reverse proxy that the operator trusts, the one that the
 * proxy gives in X-Forwarded-For. The header is ignored from anyone else. The address distinguishes clients; it grants
 * no rights.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { BlockList, isIP, isIPv6 } from 'node:net'

export class ClientAddresses {
  readonly #trusted = new BlockList()
  readonly #trustsNobody: boolean

  /** `proxies` are validated networks as ADDRESS/BITS, or addresses. */
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

  /** The nearest address that is not a trusted proxy's; each proxy appends the address of its client. */
  of(remoteAddress: string | undefined, headers: IncomingHttpHeaders): string | undefined {
    if (remoteAddress === undefined) return undefined
    let client = unmapped(remoteAddress)
    // The usual case, at each request: searching an empty list would dominate the cost.
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

/** The address in what a proxy wrote, which may include a port; undefined for anything else. */
function plainAddress(text: string): string | undefined {
  const trimmed = text.trim()
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(trimmed)?.[1] ?? /^([\d.]+):\d+$/.exec(trimmed)?.[1] ?? trimmed
  const address = unmapped(bare)
  return isIP(address) === 0 ? undefined : address
}

/** An IPv4 address that a dual-stack socket shows as IPv6. */
function unmapped(address: string): string {
  return /^::ffff:([0-9.]+)$/i.exec(address)?.[1] ?? address
}
