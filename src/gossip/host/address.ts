/**
 * Which addresses may be told to whom, and believed from whom. A stranger on the internet must not make us knock at
 * our own network, nor learn from us what is in it.
 */
import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { CODE_P2P, multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { errorText, GossumError } from '../../errors.js'
import { toHex } from '../../tlog/bytes.js'

/** How near something is: the internet, a private or link-local network, this machine. */
export const NEARNESS = { internet: 0, network: 1, machine: 2 } as const
export type Nearness = (typeof NEARNESS)[keyof typeof NEARNESS]

/** Names are as near as what they resolve to, which only a lookup tells. */
const HOST_PROTOCOLS = new Set(['ip4', 'ip6', 'dns', 'dns4', 'dns6'])

/** Addresses of this machine. */
const MACHINE = subnets(['127.0.0.0', 8], ['::1', 128])
/** Private, shared and link-local addresses (RFC 1918, 6598, 3927, 4193, 4291), and those for benchmarks (RFC 2544). */
const NETWORK = subnets(
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['fc00::', 7],
  ['fe80::', 10],
)
/** Nothing that can be dialled: this network, groups, reserved; and IPv4 inside the prefixes of translators (RFC 6052). */
const NOWHERE = subnets(
  ['0.0.0.0', 8],
  ['224.0.0.0', 3],
  ['::', 128],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
  ['ff00::', 8],
)

function subnets(...ranges: readonly (readonly [network: string, bits: number])[]): BlockList {
  const list = new BlockList()
  for (const [network, bits] of ranges) list.addSubnet(network, bits, isIPv4(network) ? 'ipv4' : 'ipv6')
  return list
}

/** How near an IP address is; undefined when it cannot be dialled. IPv4 in IPv6 is what it holds. */
export function nearnessOfIp(ip: string): Nearness | undefined {
  const family = isIPv4(ip) ? 'ipv4' : isIPv6(ip) ? 'ipv6' : undefined
  if (family === undefined || NOWHERE.check(ip, family)) return undefined
  if (MACHINE.check(ip, family)) return NEARNESS.machine
  return NETWORK.check(ip, family) ? NEARNESS.network : NEARNESS.internet
}

/** A place where a peer can be dialled: a host, a TCP port, a peer id, and nothing else. */
export interface DialAddress {
  /** With /p2p/ID. */
  readonly address: Multiaddr
  readonly peer: PeerId
  readonly host: string
  /** Whether the host is a name, to be looked up before anybody is dialled. */
  readonly isName: boolean
}

/** Characters of an address, a name of 253 among them: a peer id takes the square of its length to be read. */
const MAX_ADDRESS_LENGTH = 512

/** Reads an address of the form /ip4|ip6|dns|dns4|dns6/HOST/tcp/PORT/p2p/ID; undefined for any other. */
export function readPlace(text: string): DialAddress | undefined {
  if (text.length > MAX_ADDRESS_LENGTH) return undefined
  try {
    const address = multiaddr(text)
    const [host, tcp, p2p, ...more] = address.getComponents()
    if (host === undefined || !HOST_PROTOCOLS.has(host.name) || !host.value) return undefined
    if (tcp?.name !== 'tcp' || Number(tcp.value) === 0 || p2p?.name !== 'p2p' || more.length > 0) return undefined
    const isName = host.name.startsWith('dns')
    if (!isName && nearnessOfIp(host.value) === undefined) return undefined
    return { address, peer: peerIdFromString(p2p.value!), host: host.value, isName }
  } catch {
    return undefined
  }
}

/** How near the host of an address is; a name counts as the internet, as an unknown host does. */
export function nearnessOf(address: Multiaddr): Nearness {
  return nearnessOfIp(address.getComponents()[0]?.value ?? '') ?? NEARNESS.internet
}

/** Whether somebody at this distance may tell of a place, or be told: nobody but the neighbours knows a neighbour. */
export function mayTell(place: DialAddress, who: Nearness): boolean {
  return place.isName || nearnessOf(place.address) <= who
}

/**
 * What counts as one network: of the internet an IPv4 /24 or an IPv6 /48, for who rents one address gets the others as
 * well; nearer to us one address, for a laboratory is no attack.
 */
export function networkOfAddress(address: Multiaddr): string {
  const [host] = address.getComponents()
  const ip = host?.value ?? ''
  if (isIPv6(ip)) {
    // A multiaddr of IPv6 begins with a one-byte code and the 16 bytes of the address.
    return toHex(address.bytes.subarray(1, nearnessOfIp(ip) === NEARNESS.internet ? 7 : 9))
  }
  return nearnessOf(address) === NEARNESS.internet ? ip.slice(0, Math.max(0, ip.lastIndexOf('.'))) || ip : ip
}

/** An address with the peer id it leads to. */
export function withPeer(address: Multiaddr, peer: PeerId): string {
  return `${address.decapsulateCode(CODE_P2P).toString()}/p2p/${peer.toString()}`
}

/** The peer id that an address ends in, if any. Throws when it is malformed. */
export function peerOf(address: Multiaddr): PeerId | undefined {
  const id = address.getComponents().findLast((component) => component.name === 'p2p')?.value
  return id === undefined ? undefined : peerIdFromString(id)
}

// ---- those of a configuration ----------------------------------------------------------------------------------

/** The addresses of a node as its operator writes them. */
export interface AddressTexts {
  readonly listen: readonly string[]
  readonly bootstrap: readonly string[]
  readonly announce?: readonly string[]
}

type Addresses = Record<keyof AddressTexts, Multiaddr[]>

/** Reads the addresses of a node. Throws CONFIG_INVALID naming the first that cannot be used. */
export function parseAddresses(texts: AddressTexts): Addresses {
  return {
    listen: texts.listen.map((text) => parseAddress(text, 'listen')),
    bootstrap: texts.bootstrap.map((text) => parseAddress(text, 'bootstrap')),
    announce: (texts.announce ?? []).map(parseAnnounced),
  }
}

/** An address to announce is one that others can dial; the peer id is ours anyway. */
function parseAnnounced(text: string): Multiaddr {
  const address = parseAddress(text, 'announce').decapsulateCode(CODE_P2P)
  const port = address.getComponents().find(({ name }) => name === 'tcp')?.value
  if (Number(port) > 0) return address
  throw new GossumError('CONFIG_INVALID', `announce address ${JSON.stringify(text)} has no port that can be dialled`)
}

function parseAddress(text: string, what: keyof Addresses): Multiaddr {
  let address: Multiaddr
  try {
    address = multiaddr(text)
    peerOf(address)
  } catch (error) {
    throw new GossumError('CONFIG_INVALID', `${what} address ${JSON.stringify(text)}: ${errorText(error)}`, error)
  }
  const names = address.getComponents().map((component) => component.name)
  if (!names.includes('tcp'))
    throw new GossumError('CONFIG_INVALID', `${what} address ${JSON.stringify(text)} is not TCP`)
  return address
}
