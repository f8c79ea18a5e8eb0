/** The HTTP doors of a node: its server, the operator's socket, and the bastion through which it serves. */
import { join } from 'node:path'
import type { Config } from '../config/config.js'
import type { NodeView } from '../status/node-view.js'
import { Bastion, type BastionReport } from '../http/bastion/bastion.js'
import { ChangingRoutes } from '../http/changing-routes.js'
import { allOperatorRoutes, OperatorDoor } from '../http/operator-socket.js'
import type { Route } from '../http/router.js'
import { HttpServer, type HttpServed } from '../http/server.js'
import type { SumdbProxy } from '../proxy/sumdb-proxy.js'
import type { Gate } from '../lib/gate.js'
import type { News } from './news.js'
import { PatientDoor } from './patient-door.js'

/**
 * The routes: for all, for the go command, for logs, for readers of what others recorded, and for the operator alone.
 */
export interface Served {
  readonly node: NodeView
  readonly sumdbs: readonly SumdbProxy[]
  readonly witness: readonly Route[]
  readonly reads: readonly Route[]
  readonly operator: readonly Route[]
}

export class Doors {
  readonly #config: Config
  readonly #news: News
  readonly #gate: Gate
  #operatorRoutes: ChangingRoutes | undefined
  #http: HttpServer | undefined
  #operator: PatientDoor | undefined
  #bastion: Bastion | undefined

  /** `gate` is closed while the routes are replaced. */
  constructor(config: Config, news: News, gate: Gate) {
    this.#config = config
    this.#news = news
    this.#gate = gate
  }

  /** URL of the HTTP API; empty before the start. */
  get url(): string {
    return this.#http?.url ?? ''
  }

  get bastion(): BastionReport | undefined {
    return this.#bastion?.report
  }

  /** Why the socket of the operator is not open; undefined when it is. */
  get operatorFault(): string | undefined {
    return this.#operator?.fault
  }

  /**
   * Opens them. The operator can use the `fixed` routes even while the others are replaced. Throws ADDRESS_IN_USE.
   */
  async start(served: Served, fixed: readonly Route[]): Promise<void> {
    const { home, http, trustedProxies, bastion } = this.#config
    const { onError, onRequest } = this.#news
    const { node, witness } = served
    const gate = this.#gate
    this.#http = await HttpServer.start({ ...http, trustedProxies, gate, ...publicOf(served), onError, onRequest })
    const operatorRoutes = new ChangingRoutes([], { gate, fixed })
    this.#operatorRoutes = operatorRoutes
    this.serve(served)
    // A home that cannot hold a socket does not prevent running: nothing can be acknowledged meanwhile, and that is
    // reported.
    const open = (): Promise<OperatorDoor> => OperatorDoor.start(home, node, { onError, onRequest }, operatorRoutes)
    this.#operator = new PatientDoor({ open, onError })
    await this.#operator.start()
    if (bastion !== undefined) await this.#startBastion(bastion, witness)
  }

  /** Replaces the routes. */
  serve(served: Served): void {
    const { node, witness, operator } = served
    if (this.#operatorRoutes !== undefined) this.#operatorRoutes.now = allOperatorRoutes(node, operator)
    this.#bastion?.serveRoutes(witness)
    this.#http?.serve(publicOf(served))
    this.#news.metrics.routes(this.#http?.routes ?? [])
  }

  async #startBastion(url: string, routes: readonly Route[]): Promise<void> {
    const { loadOrCreatePeerKey } = await import('../gossip/host/peer-key.js')
    const key = await loadOrCreatePeerKey(join(this.#config.home, 'peer.key'))
    this.#bastion = new Bastion({
      url,
      key: { publicKey: key.publicKey.raw, seed: key.raw.subarray(0, 32) },
      routes,
      gate: this.#gate,
      onChange: ({ state, error, url: of }) => this.#news.tell({ event: 'bastion', url: of, state, error }),
      onError: this.#news.onError,
      onRequest: this.#news.onRequest,
      now: Date.now,
    })
    this.#bastion.start()
  }

  /** Closes the open doors, the last one first. */
  async stop(): Promise<void> {
    await this.#bastion?.stop()
    await this.#operator?.stop()
    await this.#http?.stop()
  }
}

/** The public routes. */
export function publicOf({ node, sumdbs, witness, reads }: Served): HttpServed {
  return { node, sumdbs, routes: [...witness, ...reads] }
}
