/**
 * What happens in a node: reported to listeners, counted, and received by parts that were built later than the part in
 * which it happens.
 */
import { EventEmitter } from 'node:events'
import { errorCode, errorText } from '../errors.js'
import { createMetrics } from '../metrics/metrics.js'
import type { OutcomeKind } from '../witness/outcome.js'
import type { Door } from '../witness/source.js'
import { EVENT_NAMES } from './audience.js'
import type { NodeEvent, NodeEventBody } from './events.js'

interface Heard {
  /** A log has a new quorum head, or something was proven or suspected about it. */
  changed: [log: string]
  /** A log has a new head that this node proved. */
  advanced: [log: string]
  /** A head of a log came through a door, with this outcome. */
  outcome: [log: string, door: Door, kind: OutcomeKind]
  /** A key that could not sign can again. */
  keyBack: []
  /** An event was reported. */
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

  /** Current listeners stay as long as the node runs. */
  keep(): void {
    this.#lasting.push(...this.listeners('told'))
  }

  /** Removes the other listeners, whose parts have ended. */
  forget(): void {
    for (const what of ['changed', 'advanced', 'outcome', 'keyBack', 'told'] as const) this.removeAllListeners(what)
    for (const listener of this.#lasting) this.on('told', listener)
  }

  readonly tell = (body: NodeEventBody): void => {
    this.metrics.events.inc({ event: body.event })
    const event: NodeEvent = { at: new Date().toISOString(), ...body }
    for (const hear of [this.#onEvent, (told: NodeEvent) => this.emit('told', told)])
      try {
        hear(event)
      } catch {
        // A listener must not come between a head and its signature.
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
