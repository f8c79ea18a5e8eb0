/**
 * The operator's entrance: a socket in the home that only its owner can open. Whoever can open it is trusted; addresses
 * and headers prove nothing, since behind a reverse proxy everyone connects from loopback. So the operator's actions
 * have no route anywhere else. It also answers everything that the public server does, and stays available when that is
 * full.
 */
import { chmod, mkdir, rename, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { errorText, GossumError } from '../errors.js'
import { listen } from '../lib/listen.js'
import { apiRoutes, evidenceIdOf } from './api.js'
import type { NodeView } from '../status/node-view.js'
import { operatorSocket, withShortPath } from './operator-path.js'
import { json, type Reply } from './reply.js'
import { ChangingRoutes } from './changing-routes.js'
import { Responder, type ResponderReports } from './responder.js'
import type { ApiRequest, Route } from './router.js'

/** Milliseconds that requests in progress have to finish when it closes. */
const CLOSE_GRACE_MS = 1_000

export class OperatorDoor {
  readonly #server: Server
  readonly #responder: Responder
  readonly #path: string
  #closing: Promise<void> | undefined

  private constructor(server: Server, responder: Responder, path: string) {
    this.#server = server
    this.#responder = responder
    this.#path = path
  }

  /**
   * Opens the socket in a home that no other process uses; one left by a killed process is replaced. `routes` are the
   * operator's routes of parts of the node, in addition to those of every node; or all routes, if they change. Throws
   * OPERATOR_DOOR.
   */
  static async start(
    home: string,
    node: NodeView,
    reports: ResponderReports,
    routes: readonly Route[] | ChangingRoutes = [],
  ): Promise<OperatorDoor> {
    const responder = new Responder(
      routes instanceof ChangingRoutes ? routes : allOperatorRoutes(node, routes),
      reports,
    )
    const server = createServer()
    const door = new OperatorDoor(server, responder, operatorSocket(home))
    server.on('request', (request, response) => {
      const arrival = { client: undefined, closes: () => door.#closing !== undefined }
      void responder.respond(request, response, arrival)
    })
    try {
      await listenPrivately(server, home)
    } catch (error) {
      server.close()
      throw new GossumError('OPERATOR_DOOR', `${door.#path}: ${errorText(error)}`, error)
    }
    server.on('error', (error) => reports.onError?.(error))
    return door
  }

  /** Safe to call twice. */
  stop(): Promise<void> {
    this.#closing ??= (async () => {
      this.#responder.stop()
      await rm(this.#path, { force: true }).catch(() => undefined)
      await new Promise<void>((resolve) => {
        const drop = setTimeout(() => this.#server.closeAllConnections(), CLOSE_GRACE_MS)
        this.#server.close(() => {
          clearTimeout(drop)
          resolve()
        })
      })
    })()
    return this.#closing
  }
}

/**
 * Nobody else can open the socket at any moment: it is created in a private directory, and moved once its mode is set.
 */
async function listenPrivately(server: Server, home: string): Promise<void> {
  const directory = join(home, 'operator.new')
  const made = join(directory, 's')
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { mode: 0o700 })
  try {
    await withShortPath(made, (path) => listen(server, { path }))
    await chmod(made, 0o600)
    await rename(made, operatorSocket(home))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** All routes of this socket. */
export function allOperatorRoutes(node: NodeView, routes: readonly Route[]): Route[] {
  return [...operatorRoutes(node), ...routes, ...apiRoutes(node)]
}

/** The routes of which the public server has none. */
export function operatorRoutes(node: NodeView): Route[] {
  return [{ method: 'POST', path: '/api/v1/evidence/:id/ack', handle: (request) => acknowledge(node, request) }]
}

async function acknowledge(node: NodeView, request: ApiRequest): Promise<Reply> {
  const id = evidenceIdOf(request)
  const items = await node.acknowledge(id)
  if (items === 0) throw new GossumError('EVIDENCE_UNKNOWN', id)
  return json({ id, acked: true, items })
}
