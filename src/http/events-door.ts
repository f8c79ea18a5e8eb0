/** What happens in the node, to whoever listens: `GET /api/v1/events`. */
import { GossumError } from '../errors.js'
import { networkOf } from '../lib/network.js'
import { Slots } from '../lib/slots.js'
import { EventStream, type EventReading, type EventsView, type KeptEvent } from './event-stream.js'
import { NO_STORE } from './caching.js'
import type { Reply } from './reply.js'
import type { ApiRequest, Route } from './router.js'
import { EVENT_ID } from './schema/parameters.js'

export interface EventsDoor {
  readonly events: EventsView
  /** What is told here. */
  readonly names: readonly string[]
  readonly follows: (log: string) => boolean
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Called when a reader comes, and when it ends. */
  readonly onReader: (change: 'comes' | 'gone' | 'slow') => void
  /** Milliseconds between two signs of life; 15 seconds without it. */
  readonly heartbeatMs?: number
}

/** Readers of one network, and of all: together half of the connections that the server has. */
const LIMITS = { perKey: 32, total: 128 }
/** Less than proxies and the server wait for something to come. */
const HEARTBEAT_MS = 15_000

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': NO_STORE,
  // nginx would keep events back until it has a buffer full of them.
  'x-accel-buffering': 'no',
}

export function eventsRoute(door: EventsDoor): Route {
  const readers = new Slots(LIMITS)
  const handle: Route['handle'] = (request) => answer(door, readers, request)
  return { method: 'GET', path: '/api/v1/events', caching: NO_STORE, handle }
}

function answer(door: EventsDoor, readers: Slots, request: ApiRequest): Reply {
  const { events, onReader, heartbeatMs = HEARTBEAT_MS } = door
  const isWanted = wanted(door, request)
  const place = placeOf(door, request)
  const network = networkOf(request.remoteAddress ?? '')
  if (readers.total >= LIMITS.total) throw new GossumError('NODE_BUSY', 'too many read the events')
  const leave = readers.take(network)
  if (leave === undefined) throw new GossumError('TOO_MANY_REQUESTS', `${LIMITS.perKey} readers of events at a time`)
  onReader('comes')
  const onEnd: EventReading['onEnd'] = (why) => {
    leave()
    onReader(why)
  }
  const sent = new EventStream(events, { ...place, isWanted, heartbeatMs, onEnd })
  return { status: 200, headers: HEADERS, body: new Uint8Array(), sent }
}

/** Throws REQUEST_INVALID for what is not told here, and LOG_UNKNOWN. */
function wanted({ names, follows }: EventsDoor, { query }: ApiRequest): (event: KeptEvent) => boolean {
  const asked = query.getAll('event').flatMap((list) => list.split(','))
  for (const name of asked)
    if (!names.includes(name))
      throw new GossumError('REQUEST_INVALID', `event is one or more of ${names.join(', ')}, with commas between`)
  const log = query.get('log')
  if (log !== null && !follows(log)) throw new GossumError('LOG_UNKNOWN', log.slice(0, 80))
  return (event) => (asked.length === 0 || asked.includes(event.name)) && (log === null || event.log === log)
}

const ID = new RegExp(EVENT_ID.pattern)

/**
 * Where a reader goes on: behind the id that a browser sends by itself when it comes again, or else that of the query; without one at what
 * comes next. Where what follows that id is not all there, at the oldest that is, and it is told so. Throws REQUEST_INVALID.
 */
function placeOf({ events, now }: EventsDoor, { headers, query }: ApiRequest): Pick<EventReading, 'from' | 'gap'> {
  const { boot, newest, oldest } = events
  const header = headers['last-event-id']
  const after = (typeof header === 'string' && header !== '' ? header : undefined) ?? query.get('after')
  if (after === null) return { from: newest + 1, gap: undefined }
  if (!ID.test(after)) throw new GossumError('REQUEST_INVALID', 'after and Last-Event-ID are the id of an event')
  const [run, digits] = after.split('-')
  const number = Number(digits)
  const restarted = run !== boot
  if (!restarted && number <= newest && number + 1 >= oldest) return { from: number + 1, gap: undefined }
  const gap = { event: 'gap', at: new Date(now()).toISOString(), after, restarted }
  return { from: oldest, gap: JSON.stringify(gap) }
}
