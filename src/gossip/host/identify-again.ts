/**
 * Asks again who a peer is. libp2p asks once, when a connection opens, and gives up after some seconds: if either machine was
 * busy then, both stay connected and speak no protocol with each other, as long as the connection lasts.
 */
import type { Connection, Libp2p } from '@libp2p/interface'
import type { Identify } from '@libp2p/identify'

/** Milliseconds between two looks at the connections. */
const LOOK_MS = 2_000
/** Looks in a row at which a peer may be unknown before it is asked again: longer than libp2p itself waits for its answer. */
const LOOKS_PER_QUESTION = 3
/** Questions of ours after which one that says nothing is let go: a new connection is worth more. */
const MAX_QUESTIONS = 3

/** Looks after the connections of a host while it runs. */
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
