/**
 * What happened in a node since it started, as far back as there is room for: each event as text, with a number that counts up. Whoever
 * reads keeps a place in it, and nothing is kept for a reader: one that is too slow finds that its place is gone.
 */
import { randomBytes } from 'node:crypto'
import { printableJson } from '../lib/printable.js'
import type { EventsView, KeptEvent } from '../http/event-stream.js'
import type { NodeEvent } from './events.js'

export interface EventLogLimits {
  readonly events: number
  /** Characters of all events together; the newest is kept, however long. */
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

  /** Calls back for each event until what is returned is called. */
  onAdded(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Never throws, but for what an event holds that is no JSON. */
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
