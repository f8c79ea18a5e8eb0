/**
 * Which addresses may be told to which peers, and believed from which. A stranger on the internet must neither make us
 * dial into our own network nor learn from us what is in it.
 */
import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { CODE_P2P, multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { errorText, GossumError } from '../../errors.js'
import { Lru } from '../../lib/lru.js'
import { toHex } from '../../tlog/bytes.js'

/** How near an address is: on the internet, on a private or link-local network, or on this machine. */
export const NEARNESS = { internet: 0, network: 1, machine: 2 } as const
export type Nearness = (typeof NEARNESS)[keyof typeof NEARNESS]

/** A name is as near as what it resolves to, which only a lookup tells. */
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
/**
 * Addresses that cannot be dialled: "this network", multicast, reserved; and IPv4 embedded in a translation prefix (RFC
 * 6052).
 */
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

/** How near the addresses are that were judged last: the same few are judged again and again. */
const JUDGED = new Lru<Nearness>(1024)

/**
 * How near an IP address is; undefined when it cannot be dialled. IPv4 embedded in IPv6 is treated as that IPv4
 * address.
 */
export function nearnessOfIp(ip: string): Nearness | undefined {
  const known = JUDGED.get(ip)
  if (known !== undefined) return known
  const nearness = judgeNearness(ip)
  if (nearness !== undefined) JUDGED.put(ip, nearness)
  return nearness
}

function judgeNearness(ip: string): Nearness | undefined {
  const family = isIPv4(ip) ? 'ipv4' : isIPv6(ip) ? 'ipv6' : undefined
  if (family === undefined || NOWHERE.check(ip, family)) return undefined
  if (MACHINE.check(ip, family)) return NEARNESS.machine
  return NETWORK.check(ip, family) ? NEARNESS.network : NEARNESS.internet
}

/** An address at which a peer can be dialled: a host, a TCP port, a peer id, and nothing else. */
export interface DialAddress {
  /** With /p2p/ID. */
  readonly address: Multiaddr
  readonly peer: PeerId
  readonly host: string
  /** Whether the host is a name, which has to be looked up before dialling. */
  readonly isName: boolean
}

/** Characters of an address, including a name of up to 253. Reading a peer id takes time quadratic in its length. */
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

/**
 * Whether a peer this near may tell of an address, or be told it: an address is known only to peers at least as near to
 * it.
 */
export function mayTell(place: DialAddress, who: Nearness): boolean {
  return place.isName || nearnessOf(place.address) <= who
}

/**
 * The network that an address is in. On the internet that is an IPv4 /24 or an IPv6 /48, since whoever rents one
 * address gets the others as well; nearer to us it is the single address, since a laboratory is not an attack.
 */
export function networkOfAddress(address: Multiaddr): string {
  const [host] = address.getComponents()
  const ip = host?.value ?? ''
  if (isIPv6(ip)) {
    // An IPv6 multiaddr begins with a one-byte code and the 16 bytes of the address.
    return toHex(address.bytes.subarray(1, nearnessOfIp(ip) === NEARNESS.internet ? 7 : 9))
  }
  return nearnessOf(address) === NEARNESS.internet ? ip.slice(0, Math.max(0, ip.lastIndexOf('.'))) || ip : ip
}

/** An address, followed by the id of the peer it leads to. */
export function withPeer(address: Multiaddr, peer: PeerId): string {
  return `${address.decapsulateCode(CODE_P2P).toString()}/p2p/${peer.toString()}`
}

/** The peer id at the end of an address, if any. Throws when the address is malformed. */
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

/** Reads the addresses of a node. Throws CONFIG_INVALID naming the first that is unusable. */
export function parseAddresses(texts: AddressTexts): Addresses {
  return {
    listen: texts.listen.map((text) => parseAddress(text, 'listen')),
    bootstrap: texts.bootstrap.map((text) => parseAddress(text, 'bootstrap')),
    announce: (texts.announce ?? []).map(parseAnnounced),
  }
}

/** An announced address must be one that others can dial; its peer id is ours in any case. */
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
