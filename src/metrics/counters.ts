/**
 * The counters and histograms. Their labels come from closed sets, and every possible series exists from the start, at
 * zero: an increase from no series to one would go unnoticed.
 */
import { Counter, Histogram, type Registry } from 'prom-client'
import { ERRORS, type ErrorCode } from '../errors.js'

const DOORS = ['poll', 'push', 'gossip', 'sync'] as const
/** Reasons why heads are refused, or wait. */
const REFUSALS = [
  'NOTE_MALFORMED',
  'NOTE_TOO_LARGE',
  'LOG_UNKNOWN',
  'SIGNATURE_MISSING',
  'SIGNATURE_INVALID',
  'CHECKPOINT_MALFORMED',
  'ORIGIN_MISMATCH',
  'LOG_FROZEN',
  'LOG_BUDGET',
  'GUARD_WAITING',
  'GUARD_BEHIND',
  'KEY_DUPLICATE',
  'DEPOSIT_WAITING',
  'CLOCK_WRONG',
  'ORIGIN_TAKEN',
  'AGENT_UNAVAILABLE',
  'STATE_DISAGREES',
  'OLD_SIZE_DIFFERS',
  'PROOF_INVALID',
] as const satisfies readonly ErrorCode[]
const DELAYS = [
  'NOT_CANONICAL',
  'SIZE_IMPOSSIBLE',
  'LOG_UNREACHABLE',
  'LOG_ANSWER_INVALID',
  'TILE_INVALID',
  'PROOF_INVALID',
  'OLD_SIZE_DIFFERS',
  'HISTORY_MISSING',
  'GUARD_BEHIND',
  'HEADS_WAITING',
  'PEER_BUDGET',
  'PEER_UNHELPFUL',
] as const satisfies readonly ErrorCode[]
const EVIDENCE_SOURCES = ['found', 'received'] as const
const LOOKUP_SOURCES = ['memory', 'disk', 'log'] as const
const MIRROR_KINDS = ['mod', 'zip'] as const
const MIRROR_SOURCES = ['kept', 'upstream'] as const
/** Classes of `gossum check module` that a mirror can find. */
const MIRROR_CLASSES = ['repacked zip', 'mirror only'] as const
const RECEIVER_KINDS = ['hook', 'webhook'] as const
/** Results of a delivery to a receiver: a failed attempt is not the end. */
const DELIVERY_OUTCOMES = ['taken', 'failed', 'dropped'] as const
const DROPS = [
  'gossip-busy',
  'gossip-flood',
  'suspects-full',
  'sync-busy',
  'sync-budget',
  'sync-promises',
  'sync-proofs',
  'sync-streams',
] as const
const REQUEST_OUTCOMES = ['ok', 'size', 'unknown', 'refused', 'busy', 'failed', 'invalid'] as const

/** In seconds: for a log nearby, one far away, and where peers keep the promise first. */
const HEAD_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]

export interface CounterOptions {
  /** Names of all events. */
  readonly events?: readonly string[]
}

/** Declares the counters, each with the series that it can have. */
export function addCounters(registry: Registry, { events = [] }: CounterOptions) {
  const add = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    known: readonly Readonly<Record<L, string>>[],
  ): Counter<L> => {
    const counter = new Counter<L>({ name, help, labelNames, registers: [registry] })
    for (const labels of known) counter.inc(labels, 0)
    return counter
  }
  const heads = (door: string): { door: string; outcome: string; code: string }[] => [
    ...['advanced', 'known', 'past', 'conflict'].map((outcome) => ({ door, outcome, code: '' })),
    ...REFUSALS.map((code) => ({ door, outcome: 'refused', code })),
    ...DELAYS.map((code) => ({ door, outcome: 'pending', code })),
  ]
  const requests = add('gossum_http_requests_total', 'Requests answered, by route and status.', ['route', 'status'], [])
  const byReason = add(
    'gossum_gossip_dropped_total',
    'Messages dropped because of a limit, by reason.',
    ['reason'],
    DROPS.map((reason) => ({ reason })),
  )
  const lookups = add(
    'gossum_proxy_lookups_total',
    "The go command's lookups answered, by where the record came from.",
    ['source'],
    LOOKUP_SOURCES.map((source) => ({ source })),
  )
  const served = add(
    'gossum_mirror_served_total',
    'Files that the module mirror served, by kind and origin.',
    ['kind', 'source'],
    MIRROR_KINDS.flatMap((kind) => MIRROR_SOURCES.map((source) => ({ kind, source }))),
  )
  const refused = add(
    'gossum_mirror_refused_total',
    'Files from upstreams that the module mirror refused, by class.',
    ['class'],
    MIRROR_CLASSES.map((of) => ({ class: of })),
  )
  const headDuration = new Histogram<'door'>({
    name: 'gossum_head_duration_seconds',
    help: 'Time from the arrival of a head until it was proven, signed if our key signs it, and the newest here; by door.',
    labelNames: ['door'],
    buckets: HEAD_BUCKETS,
    registers: [registry],
  })
  for (const door of DOORS) headDuration.zero({ door })
  const deliveries = add(
    'gossum_alarm_deliveries_total',
    'Attempts to deliver an alert to a hook or webhook, by outcome; dropped: it is not attempted again.',
    ['kind', 'outcome'],
    RECEIVER_KINDS.flatMap((kind) => DELIVERY_OUTCOMES.map((outcome) => ({ kind, outcome }))),
  )
  return {
    headDuration,
    heads: add(
      'gossum_heads_received_total',
      'Heads received, by door, outcome and code.',
      ['door', 'outcome', 'code'],
      DOORS.flatMap(heads),
    ),
    evidence: add(
      'gossum_evidence_total',
      'Evidence kept, by source.',
      ['source'],
      EVIDENCE_SOURCES.map((source) => ({ source })),
    ),
    suspectAlarms: add('gossum_suspect_alarms_total', 'Suspects that raised an alarm.', [], [{}]),
    events: add(
      'gossum_events_total',
      'Events, by name.',
      ['event'],
      events.map((event) => ({ event })),
    ),
    eventReadersDropped: add(
      'gossum_event_readers_dropped_total',
      'Readers of the events that were dropped because they were too slow.',
      [],
      [{}],
    ),
    requests,
    /** Registers routes that are served: from now on they have a count, even if it is 0. */
    routes(paths: readonly string[]): void {
      for (const route of paths) for (const status of ['200', '500']) requests.inc({ route, status }, 0)
    },
    mirrorServed: (kind: (typeof MIRROR_KINDS)[number], source: (typeof MIRROR_SOURCES)[number]): void =>
      served.inc({ kind, source }),
    mirrorRefused: (of: (typeof MIRROR_CLASSES)[number]): void => refused.inc({ class: of }),
    alarmDelivery: (kind: (typeof RECEIVER_KINDS)[number], outcome: (typeof DELIVERY_OUTCOMES)[number]): void =>
      deliveries.inc({ kind, outcome }),
    lookup: (source: (typeof LOOKUP_SOURCES)[number]): void => lookups.inc({ source }),
    exchange: add(
      'gossum_exchange_requests_total',
      'Requests to places outside the mesh, by place and outcome.',
      ['place', 'outcome'],
      [],
    ),
    /** Likewise for places outside the mesh, by name. */
    places(names: readonly string[]): void {
      for (const place of names) for (const outcome of REQUEST_OUTCOMES) this.exchange.inc({ place, outcome }, 0)
    },
    errors: add(
      'gossum_errors_total',
      'Errors that are ours, by code.',
      ['code'],
      Object.keys(ERRORS).map((code) => ({ code })),
    ),
    dropped: (reason: (typeof DROPS)[number]): void => byReason.inc({ reason }),
  }
}
