/**
 * Which requests go through a proxy, by HTTP_PROXY, HTTPS_PROXY and NO_PROXY, interpreted like Go and curl do. Pure.
 */
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import { GossumError } from '../errors.js'

type Env = Readonly<Record<string, string | undefined>>

/** Finds the proxy for a URL; undefined when the host is contacted directly. */
export type FindProxy = (url: URL) => URL | undefined

/**
 * Reads the environment; lower-case names take precedence. This machine is never contacted through a proxy. Throws
 * CONFIG_INVALID for a proxy that is not an http or https URL.
 */
export function readProxies(env: Env): FindProxy {
  const proxies: Partial<Record<string, URL>> = {
    'http:': readProxy(env, 'http_proxy'),
    'https:': readProxy(env, 'https_proxy'),
  }
  if (proxies['http:'] === undefined && proxies['https:'] === undefined) return () => undefined
  const isExempt = readExemptions(env['no_proxy'] ?? env['NO_PROXY'] ?? '')
  return (url) => {
    const proxy = proxies[url.protocol]
    if (proxy === undefined) return undefined
    const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase()
    const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port
    return isThisMachine(host) || isExempt(host, port) ? undefined : proxy
  }
}

function readProxy(env: Env, name: string): URL | undefined {
  const [spelled, value] = env[name] ? [name, env[name]] : [name.toUpperCase(), env[name.toUpperCase()]]
  if (!value) return undefined
  const text = value.includes('://') ? value : `http://${value}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    // Not the value: there may be a password in it.
    throw new GossumError('CONFIG_INVALID', `${spelled} is not the http or https URL of a proxy`)
  }
  return url
}

function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

/** Names (including their subdomains), addresses and networks, each with or without a port. `*` is everything. */
function readExemptions(text: string): (host: string, port: string) => boolean {
  const networks = new BlockList()
  const names: { name: string; port: string | undefined }[] = []
  for (const word of text.toLowerCase().split(/[\s,]+/)) {
    const [, network, bits] = /^([0-9a-f.:]+)\/(\d{1,3})$/.exec(word) ?? []
    const family = familyOf(network ?? '')
    if (family !== undefined && Number(bits) <= (family === 'ipv4' ? 32 : 128)) {
      networks.addSubnet(network!, Number(bits), family)
      continue
    }
    const [, host, port] = isIPv6(word) ? [word, word] : (/^\[?([^[\]:]*|[0-9a-f:.]+)\]?(?::(\d+))?$/.exec(word) ?? [])
    const name = host?.replace(/^\*?\.(?=.)/, '')
    if (name) names.push({ name, port })
  }
  return (host, port) => {
    const family = familyOf(host)
    if (family !== undefined && networks.check(host, family)) return true
    return names.some((exempt) => {
      if (exempt.port !== undefined && exempt.port !== port) return false
      return exempt.name === '*' || exempt.name === host || (isIP(host) === 0 && host.endsWith(`.${exempt.name}`))
    })
  }
}

function familyOf(host: string): 'ipv4' | 'ipv6' | undefined {
  return isIPv4(host) ? 'ipv4' : isIPv6(host) ? 'ipv6' : undefined
}
