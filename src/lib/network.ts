/** Which addresses count as one client: whoever has one address of a network may have all of it. Pure. */
import { isIPv4, isIPv6 } from 'node:net'

/** IPv4 networks in which each address counts separately: this machine, private, shared and link-local ones. */
const NEAR = /^(?:127|10|192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01])|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\./

/**
 * The network of an IP address: the first 64 bits for IPv6, the first 24 for IPv4 on the internet; a nearby IPv4
 * address is its own network. IPv4 embedded in IPv6 is treated as that IPv4 address. Anything else is returned as it
 * is.
 */
export function networkOf(address: string): string {
  const v4 = /^::ffff:([0-9.]+)$/i.exec(address)?.[1] ?? address
  if (isIPv4(v4)) return NEAR.test(v4) ? v4 : `${v4.split('.', 3).join('.')}.0/24`
  if (!isIPv6(address)) return address
  return `${groupsOf(address).slice(0, 4).join(':')}::/64`
}

/**
 * The part of the internet that one hoster or provider may own: the first 16 bits of an IPv4 address, the first 32 of
 * an IPv6 address. Undefined for a nearby address, and for anything else: where that is cannot be known.
 */
export function wideNetworkOf(address: string): string | undefined {
  const v4 = /^::ffff:([0-9.]+)$/i.exec(address)?.[1] ?? address
  if (isIPv4(v4)) return NEAR.test(v4) ? undefined : `${v4.split('.', 2).join('.')}.0.0/16`
  if (!isIPv6(address)) return undefined
  const [first = '', second] = groupsOf(address)
  // Anything that begins otherwise is local, or not the address of a host.
  return /^[23]...$/.test(first) ? `${first}:${second}::/32` : undefined
}

/** The eight groups of an IPv6 address, without leading zeros. */
function groupsOf(address: string): string[] {
  const [head = '', tail = ''] = address.toLowerCase().split('%', 1)[0]!.split('::')
  const [left, right] = [head, tail].map((part) => (part === '' ? [] : part.split(':'))) as [string[], string[]]
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0')
  return [...left, ...zeros, ...right].map((part) => part.replace(/^0+(?=.)/, ''))
}
