/**
 * Asks peers again who they are. libp2p asks once, when a connection opens, and gives up after some seconds: if either
 * machine was busy then, both stay connected and speak no protocol with each other for as long as the connection lasts.
 */
import type { Connection, Libp2p } from '@libp2p/interface'
import type { Identify } from '@libp2p/identify'

/** Milliseconds between two checks of the connections. */
const LOOK_MS = 2_000
/**
 * Consecutive checks at which a peer may be unidentified before it is asked again: longer than libp2p itself waits for
 * an answer.
 */
const LOOKS_PER_QUESTION = 3
/** Our attempts after which an unresponsive connection is closed: a new one is worth more. */
const MAX_QUESTIONS = 3

/** Checks the connections of a host while it runs. */
export function identifyAgain(host: Libp2p<{ identify: Identify }>): void {
  const known = new WeakSet<Connection>()
  let unknown = new Map<Connection, number>()

  const ask = (connection: Connection, looks: number): void => {
    if (looks % LOOKS_PER_QUESTION !== 0) return
    const isLast = looks / LOOKS_PER_QUESTION > MAX_QUESTIONS
    const done = isLast ? connection.close() : host.services.identify.identify(connection)
    done.catch(() => undefined)
  }
  const look = (): void => {
    const open = host.getConnections().filter((connection) => connection.status === 'open' && !known.has(connection))
    unknown = new Map(open.map((connection) => [connection, (unknown.get(connection) ?? 0) + 1]))
    for (const [connection, looks] of unknown) ask(connection, looks)
  }

  let timer: NodeJS.Timeout | undefined
  host.addEventListener('peer:identify', ({ detail }) => known.add(detail.connection))
  host.addEventListener('start', () => {
    timer = setInterval(look, LOOK_MS).unref()
  })
  host.addEventListener('stop', () => clearInterval(timer))
}
