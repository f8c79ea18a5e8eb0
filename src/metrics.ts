/** Every metric, declared once. Names and units follow the Prometheus rules; labels come from closed sets only. */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'

/** `read` is asked for the values of gauges at each scrape, so that nothing has to keep them up to date. */
export function createMetrics(read: () => Sample) {
  const registry = new Registry()
  const registers = [registry]
  // The default looks at the event loop a hundred times a second, which is most of what an idle node would do.
  collectDefaultMetrics({ register: registry, prefix: 'gossum_', eventLoopMonitoringPrecision: 100 })

  const perLog = (name: string, help: string, value: (log: LogSample) => number | undefined): Gauge<'log'> =>
    new Gauge({
      name,
      help,
      labelNames: ['log'],
      registers,
      collect() {
        this.reset()
        for (const log of read().logs) {
          const current = value(log)
          if (current !== undefined) this.set({ log: log.name }, current)
        }
      },
    })

  perLog('gossum_head_size', 'Records in the newest proven head.', (log) => log.size)
  perLog('gossum_head_timestamp_seconds', 'Time of our newest cosignature.', (log) => log.signedAt)
  perLog('gossum_quorum_size', 'Records in the quorum head.', (log) => log.quorumSize)
  perLog('gossum_witnesses_agreeing', 'Cosignatures that count on the newest head.', (log) => log.cosignatures)
  perLog('gossum_suspects', 'Signed heads that could not be tied to our history.', (log) => log.suspects)
  perLog(
    'gossum_suspect_age_seconds',
    'How long the oldest suspect has not been tied to our history.',
    (log) => log.suspectAge,
  )
  perLog(
    'gossum_floor_unmet',
    'Whether a head that our key cosigned before must be reached first (1) or not (0).',
    (log) => (log.floor ? 1 : 0),
  )
  perLog('gossum_frozen', 'Whether the log is frozen for misbehaviour (1) or not (0).', (log) => (log.frozen ? 1 : 0))
  perLog('gossum_paused', 'Whether database and guard disagree and nothing is signed (1) or not (0).', (log) =>
    log.paused ? 1 : 0,
  )
  perLog('gossum_log_reachable', 'Whether the last poll got an answer (1) or not (0).', (log) =>
    log.reachable === undefined ? undefined : Number(log.reachable),
  )
  const single = (name: string, help: string, value: (sample: Sample) => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value(read()))
      },
    })

  single('gossum_peers', 'Peers connected.', (sample) => sample.peers)
  single(
    'gossum_convicted_witnesses',
    'Witnesses that do not count because they were proven to misbehave.',
    (sample) => sample.convicted,
  )
  single('gossum_relayed_keys', 'Witness keys that only neighbours count.', (sample) => sample.relayed)
  new Gauge({
    name: 'gossum_guard_state',
    help: 'What is known of what our key has signed before: 1 for the state that holds.',
    labelNames: ['state'],
    registers,
    collect() {
      const { guard } = read()
      for (const state of GUARD_STATES) this.set({ state }, state === guard ? 1 : 0)
    },
  })

  return {
    registry,
    heads: new Counter({
      name: 'gossum_heads_received_total',
      help: 'Heads received, by door, outcome and code.',
      labelNames: ['door', 'outcome', 'code'],
      registers,
    }),
    evidence: new Counter({
      name: 'gossum_evidence_total',
      help: 'Evidence kept, by source.',
      labelNames: ['source'],
      registers,
    }),
    suspectAlarms: new Counter({
      name: 'gossum_suspect_alarms_total',
      help: 'Suspects that people were told about.',
      registers,
    }),
    requests: new Counter({
      name: 'gossum_http_requests_total',
      help: 'Requests answered, by route and status.',
      labelNames: ['route', 'status'],
      registers,
    }),
    lookups: new Counter({
      name: 'gossum_proxy_lookups_total',
      help: "The go command's lookups answered, by where the record came from.",
      labelNames: ['source'],
      registers,
    }),
    exchange: new Counter({
      name: 'gossum_exchange_requests_total',
      help: 'Requests to places outside the mesh, by place and outcome.',
      labelNames: ['place', 'outcome'],
      registers,
    }),
    errors: new Counter({
      name: 'gossum_errors_total',
      help: 'Errors that are ours, by code.',
      labelNames: ['code'],
      registers,
    }),
    dropped: new Counter({
      name: 'gossum_gossip_dropped_total',
      help: 'Messages dropped over a limit, by reason.',
      labelNames: ['reason'],
      registers,
    }),
  }
}

const GUARD_STATES = ['fresh', 'waiting', 'guarded', 'partly guarded', 'unanswered', 'unguarded', 'twin'] as const

/** What the gauges show. */
export interface Sample {
  readonly logs: readonly LogSample[]
  readonly peers: number
  /** Witnesses with a conviction that nobody acknowledged. */
  readonly convicted: number
  /** Keys that neighbours count beside ours. */
  readonly relayed: number
  readonly guard: (typeof GUARD_STATES)[number]
}

/** What the gauges show of one log. */
export interface LogSample {
  readonly name: string
  readonly size: number
  /** POSIX seconds; 0 when nothing was signed. */
  readonly signedAt: number
  readonly quorumSize: number
  readonly cosignatures: number
  readonly suspects: number
  /** Seconds since the oldest of them was first seen; 0 without any. */
  readonly suspectAge: number
  /** Whether a floor is not reached. */
  readonly floor: boolean
  readonly frozen: boolean
  readonly paused: boolean
  /** Undefined for a log that is only pushed. */
  readonly reachable: boolean | undefined
}
