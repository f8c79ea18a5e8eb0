/**
 * The events of a node since it started, as far back as there is room: each as text, with an ascending number. A reader
 * keeps its own position, and nothing is kept for it: one that is too slow finds that its position is gone.
 */
import { randomBytes } from 'node:crypto'
import { printableJson } from '../lib/printable.js'
import type { EventsView, KeptEvent } from '../http/event-stream.js'
import type { NodeEvent } from './events.js'

export interface EventLogLimits {
  readonly events: number
  /** The most characters of all events together; the newest is kept, however long. */
  readonly characters: number
}

const LIMITS: EventLogLimits = { events: 4096, characters: 2 * 1024 * 1024 }

export class EventLog implements EventsView {
  readonly boot = randomBytes(4).toString('hex')
  readonly #limits: EventLogLimits
  readonly #kept = new Map<number, KeptEvent>()
  readonly #listeners = new Set<() => void>()
  #newest = 0
  #characters = 0

  constructor(limits: EventLogLimits = LIMITS) {
    this.#limits = limits
  }

  get newest(): number {
    return this.#newest
  }

  get oldest(): number {
    return this.#newest - this.#kept.size + 1
  }

  get(number: number): KeptEvent | undefined {
    return this.#kept.get(number)
  }

  /** Calls `listener` for each event until the returned function is called. */
  onAdded(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Throws only if an event contains something that is not JSON. */
  readonly add = (event: NodeEvent): void => {
    const log = 'log' in event && event.log !== null ? event.log : undefined
    const text = printableJson(JSON.stringify(event))
    this.#kept.set(++this.#newest, { name: event.event, log, text })
    this.#characters += text.length
    while (this.#kept.size > 1 && this.#isFull()) this.#forget(this.oldest)
    for (const listener of this.#listeners) listener()
  }

  #isFull(): boolean {
    return this.#kept.size > this.#limits.events || this.#characters > this.#limits.characters
  }

  #forget(number: number): void {
    this.#characters -= this.#kept.get(number)!.text.length
    this.#kept.delete(number)
  }
}
