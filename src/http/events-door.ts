/** `GET /api/v1/events`: the events of the node, for any reader. */
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
  /** Names of the events available here. */
  readonly names: readonly string[]
  readonly follows: (log: string) => boolean
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Called when a reader arrives, and when it leaves. */
  readonly onReader: (change: 'comes' | 'gone' | 'slow') => void
  /** Milliseconds between two heartbeats; 15 seconds by default. */
  readonly heartbeatMs?: number
}

/** The most readers of one network, and of all: together half of the server's connections. */
const LIMITS = { perKey: 32, total: 128 }
/** Shorter than the time that proxies and the server wait for data. */
const HEARTBEAT_MS = 15_000

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': NO_STORE,
  // nginx would otherwise hold events back until its buffer is full.
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
  if (readers.total >= LIMITS.total) throw new GossumError('NODE_BUSY', 'too many readers of events')
  const leave = readers.take(network)
  if (leave === undefined) throw new GossumError('TOO_MANY_REQUESTS', `${LIMITS.perKey} concurrent readers of events`)
  onReader('comes')
  const onEnd: EventReading['onEnd'] = (why) => {
    leave()
    onReader(why)
  }
  const sent = new EventStream(events, { ...place, isWanted, heartbeatMs, onEnd })
  return { status: 200, headers: HEADERS, body: new Uint8Array(), sent }
}

/** Throws REQUEST_INVALID for events not available here, and LOG_UNKNOWN. */
function wanted({ names, follows }: EventsDoor, { query }: ApiRequest): (event: KeptEvent) => boolean {
  const asked = query.getAll('event').flatMap((list) => list.split(','))
  for (const name of asked)
    if (!names.includes(name))
      throw new GossumError('REQUEST_INVALID', `event is one or more of ${names.join(', ')}, separated by commas`)
  const log = query.get('log')
  if (log !== null && !follows(log)) throw new GossumError('LOG_UNKNOWN', log.slice(0, 80))
  return (event) => (asked.length === 0 || asked.includes(event.name)) && (log === null || event.log === log)
}

const ID = new RegExp(EVENT_ID.pattern)

/**
 * Where a reader continues: after the id that a reconnecting browser sends, otherwise after that in the query,
 * otherwise with the next event. If events after that id are missing, it continues with the oldest available one, and
 * is told so. Throws REQUEST_INVALID.
 */
function placeOf({ events, now }: EventsDoor, { headers, query }: ApiRequest): Pick<EventReading, 'from' | 'gap'> {
  const { boot, newest, oldest } = events
  const header = headers['last-event-id']
  const after = (typeof header === 'string' && header !== '' ? header : undefined) ?? query.get('after')
  if (after === null) return { from: newest + 1, gap: undefined }
  if (!ID.test(after)) throw new GossumError('REQUEST_INVALID', 'after and Last-Event-ID must be the id of an event')
  const [run, digits] = after.split('-')
  const number = Number(digits)
  const restarted = run !== boot
  if (!restarted && number <= newest && number + 1 >= oldest) return { from: number + 1, gap: undefined }
  const gap = { event: 'gap', at: new Date(now()).toISOString(), after, restarted }
  return { from: oldest, gap: JSON.stringify(gap) }
}
