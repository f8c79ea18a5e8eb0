/**
 * Connections to hosts with several addresses (RFC 8305): the next one is tried when one has failed or is slow, and the
 * first to answer is used. Node itself gives up on an address after 250 ms, so it never reaches a distant host that has
 * a dead address.
 */
import { lookup as dnsLookup, type LookupAddress } from 'node:dns'
import { connect as netConnect, type Socket } from 'node:net'
import { reasonOf } from './reason.js'

/** Milliseconds until the next address is tried as well, and for all of them together. */
const STAGGER_MS = 250
export const CONNECT_MS = 10_000

export interface ConnectOptions {
  /** All addresses of a name, in the order of the system. */
  readonly lookup?: (host: string) => Promise<readonly LookupAddress[]>
  /** Starts a connection. */
  readonly connect?: (address: string, port: number) => Socket
  readonly staggerMs?: number
  readonly timeoutMs?: number
}

/**
 * Connects to a host. Throws the error of the lookup, or the errors of the addresses with the reason of each, or the
 * signal's reason.
 */
export async function connectTo(
  host: string,
  port: number,
  options: ConnectOptions,
  signal?: AbortSignal,
): Promise<Socket> {
  const { lookup = addressesOf } = options
  return race(mixed(await lookup(host)), port, options, signal)
}

function addressesOf(host: string): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    dnsLookup(host, { all: true, order: 'verbatim' }, (error, addresses) => {
      if (error) reject(error)
      else resolve(addresses)
    })
  })
}

/** The addresses, alternating between the two families. */
function mixed(addresses: readonly LookupAddress[]): string[] {
  const first = addresses.filter(({ family }) => family === addresses[0]!.family)
  const second = addresses.filter(({ family }) => family !== addresses[0]!.family)
  return first
    .flatMap((one, i) => [one, ...second.slice(i, i + 1)])
    .concat(second.slice(first.length))
    .map(({ address }) => address)
}

function race(
  addresses: readonly string[],
  port: number,
  options: ConnectOptions,
  signal?: AbortSignal,
): Promise<Socket> {
  const { staggerMs = STAGGER_MS, timeoutMs = CONNECT_MS } = options
  const { connect = (host: string, to: number) => netConnect({ host, port: to }) } = options
  return new Promise((resolve, reject) => {
    const underWay = new Set<Socket>()
    const errors: Error[] = []
    let next = 0
    let stagger: NodeJS.Timeout | undefined
    const end = (): void => {
      clearTimeout(limit)
      clearTimeout(stagger)
      signal?.removeEventListener('abort', onAbort)
      for (const socket of underWay)
        socket
          .off('error', tryNext)
          .on('error', () => undefined)
          .destroy()
    }
    const fail = (error: Error): void => {
      end()
      reject(error)
    }
    const onAbort = (): void => fail(signal?.reason as Error)
    const limit = setTimeout(() => fail(new Error(`no connection in ${timeoutMs} ms`)), timeoutMs)
    const tryNext = (): void => {
      clearTimeout(stagger)
      const address = addresses[next++]
      if (address === undefined) {
        if (underWay.size === 0) fail(new Error(reasonOf(new AggregateError(errors))))
        return
      }
      const socket = connect(address, port)
      underWay.add(socket)
      socket.once('error', (error) => {
        underWay.delete(socket)
        errors.push(error)
      })
      socket.once('error', tryNext)
      socket.once('connect', () => {
        underWay.delete(socket)
        socket.removeAllListeners('error')
        end()
        resolve(socket)
      })
      if (next < addresses.length) stagger = setTimeout(tryNext, staggerMs)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted === true) onAbort()
    else tryNext()
  })
}
