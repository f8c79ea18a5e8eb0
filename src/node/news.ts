/**
 * What happens in a node: told to whoever listens to it, counted, and heard by those of its parts that are made later than
 * the part that it happens in.
 */
import { EventEmitter } from 'node:events'
import { errorCode, errorText } from '../errors.js'
import { createMetrics } from '../metrics/metrics.js'
import type { OutcomeKind } from '../witness/outcome.js'
import type { Door } from '../witness/source.js'
import { EVENT_NAMES } from './audience.js'
import type { NodeEvent, NodeEventBody } from './events.js'

interface Heard {
  /** A log has another quorum head, or something was proven or suspected of it. */
  changed: [log: string]
  /** A log has a new head that this node proved. */
  advanced: [log: string]
  /** A head of a log came by a door, and this became of it. */
  outcome: [log: string, door: Door, kind: OutcomeKind]
  /** Something is told. */
  told: [event: NodeEvent]
}

export class News extends EventEmitter<Heard> {
  readonly metrics: ReturnType<typeof createMetrics>
  readonly #onEvent: (event: NodeEvent) => void
  readonly #lasting: ((event: NodeEvent) => void)[] = []
  readonly #onRequest: (route: string, status: number) => void

  constructor(
    onEvent: (event: NodeEvent) => void,
    onRequest: (route: string, status: number) => void = () => undefined,
  ) {
    super()
    this.#onEvent = onEvent
    this.#onRequest = onRequest
    this.metrics = createMetrics({ events: EVENT_NAMES })
  }

  /** Whoever listens by now does so as long as the node runs. */
  keep(): void {
    this.#lasting.push(...this.listeners('told'))
  }

  /** The others have ended. */
  forget(): void {
    for (const what of ['changed', 'advanced', 'outcome', 'told'] as const) this.removeAllListeners(what)
    for (const listener of this.#lasting) this.on('told', listener)
  }

  readonly tell = (body: NodeEventBody): void => {
    this.metrics.events.inc({ event: body.event })
    const event: NodeEvent = { at: new Date().toISOString(), ...body }
    for (const hear of [this.#onEvent, (told: NodeEvent) => this.emit('told', told)])
      try {
        hear(event)
      } catch {
        // Whoever listens to us must not come between a head and its signature.
        this.metrics.errors.inc({ code: 'INTERNAL' })
      }
  }

  readonly onError = (error: unknown): void => {
    this.metrics.errors.inc({ code: errorCode(error) })
    this.tell({ event: 'error', code: errorCode(error), message: errorText(error) })
  }

  readonly onRequest = (route: string, status: number): void => {
    this.metrics.requests.inc({ route, status: String(status) })
    this.#onRequest(route, status)
  }
}
