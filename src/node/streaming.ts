/** Who may hear of what happens in a node over HTTP: some of it is for the operator alone. */
import { eventsRoute, type EventsDoor } from '../http/events-door.js'
import type { Route } from '../http/router.js'
import { EventLog } from './event-log.js'
import type { NodeEvent } from './events.js'
import type { News } from './news.js'

type Audience = 'all' | 'operator'

/** Whom each event is for. What is for all says no more than the rest of the API does. */
const AUDIENCES = {
  outcome: 'all',
  quorum: 'all',
  evidence: 'all',
  finding: 'all',
  watch: 'all',
  unauthorised: 'all',
  // Which modules somebody uses is nobody else's business.
  mirror: 'operator',
  audited: 'all',
  peer: 'all',
  suspect: 'all',
  log: 'all',
  // Whom the operator knows, before they are peers.
  bootstrap: 'operator',
  guard: 'all',
  deposit: 'all',
  clock: 'all',
  bastion: 'all',
  'first-use': 'all',
  exchange: 'all',
  // Paths of this machine stand in both.
  'log-list': 'operator',
  error: 'operator',
} as const satisfies Record<NodeEvent['event'], Audience>

const NAMES = Object.keys(AUDIENCES) as NodeEvent['event'][]

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
      names: audience === 'operator' ? NAMES : NAMES.filter((name) => AUDIENCES[name] === 'all'),
      onReader: (change) => {
        if (change === 'comes') eventReaders.inc()
        else eventReaders.dec()
        if (change === 'slow') eventReadersDropped.inc()
      },
    })
  }
}
