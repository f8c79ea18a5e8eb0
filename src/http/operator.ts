/**
 * Who may change something over HTTP: the operator on this machine, and nobody who only borrows their browser or a
 * proxy. Pure.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { isIPv4 } from 'node:net'
import { GossumError } from '../errors.js'

/** What proxies add: behind one of them every request comes from loopback. */
const PROXY_HEADERS = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip']

/**
 * Throws FORBIDDEN unless the request comes from this machine (loopback), from no web page (browsers send Origin with
 * a POST, so a page of another site cannot make the operator's browser ask), to a name that is this machine's own (a
 * page whose name was rebound to 127.0.0.1 sends that name as Host), and through no proxy that says so.
 */
export function requireOperator(remoteAddress: string | undefined, headers: IncomingHttpHeaders): void {
  if (!isLoopbackAddress(remoteAddress ?? '')) throw new GossumError('FORBIDDEN', 'the request is from another machine')
  if (headers.origin !== undefined) throw new GossumError('FORBIDDEN', 'the request is from a web page')
  if (!isLoopbackHost(headers.host ?? '')) throw new GossumError('FORBIDDEN', 'the Host is not a loopback name')
  const proxy = PROXY_HEADERS.find((name) => headers[name] !== undefined)
  if (proxy !== undefined) throw new GossumError('FORBIDDEN', `the request came through a proxy (${proxy})`)
}

function isLoopbackAddress(address: string): boolean {
  const v4 = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
  return address === '::1' || (isIPv4(v4) && v4.startsWith('127.'))
}

/** Whether a Host header, its port aside, is `localhost` or a loopback address. */
function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:\d{1,5}$/, '').toLowerCase()
  return name === 'localhost' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'))
}
