/** The events over HTTP: to all those meant for all, and to the operator all of them. */
import { eventsRoute, type EventsDoor } from '../http/events-door.js'
import type { Route } from '../http/router.js'
import { AUDIENCES, EVENT_NAMES, type Audience } from './audience.js'
import { EventLog } from './event-log.js'
import type { News } from './news.js'

export class Streaming {
  /** Two separate logs with separate numbers: gaps in the public one would reveal that there was something. */
  readonly #logs = { all: new EventLog(), operator: new EventLog() }
  readonly #news: News

  /** Records all events from now on. */
  constructor(news: News) {
    this.#news = news
    news.on('told', (event) => {
      if (AUDIENCES[event.event] === 'all') this.#logs.all.add(event)
      this.#logs.operator.add(event)
    })
  }

  /** The route for an audience; the operator gets all events. */
  route(audience: Audience, node: Pick<EventsDoor, 'follows' | 'now'>): Route {
    const { eventReaders, eventReadersDropped } = this.#news.metrics
    return eventsRoute({
      ...node,
      events: this.#logs[audience],
      names: audience === 'operator' ? EVENT_NAMES : EVENT_NAMES.filter((name) => AUDIENCES[name] === 'all'),
      onReader: (change) => {
        if (change === 'comes') eventReaders.inc()
        else eventReaders.dec()
        if (change === 'slow') eventReadersDropped.inc()
      },
    })
  }
}
