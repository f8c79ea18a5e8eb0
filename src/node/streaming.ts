/** What happens in a node, over HTTP: to all what is for all, and all of it to the operator. */
import { eventsRoute, type EventsDoor } from '../http/events-door.js'
import type { Route } from '../http/router.js'
import { AUDIENCES, EVENT_NAMES, type Audience } from './audience.js'
import { EventLog } from './event-log.js'
import type { News } from './news.js'

export class Streaming {
  /** Two that know nothing of each other: what is missing in the one would tell that there was something. */
  readonly #logs = { all: new EventLog(), operator: new EventLog() }
  readonly #news: News

  /** Hears all that is told from now on. */
  constructor(news: News) {
    this.#news = news
    news.on('told', (event) => {
      if (AUDIENCES[event.event] === 'all') this.#logs.all.add(event)
      this.#logs.operator.add(event)
    })
  }

  /** The route for an audience; to the operator all is told. */
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
