/** The gauges. All gauges of a scrape show one reading of the node, so that they do not contradict each other. */
import { Gauge, type Registry } from 'prom-client'
import { CONDITION_NAMES, SEVERITIES } from '../status/conditions.js'
import {
  BASTION_STATES,
  CLOCK_CONDITIONS,
  DEPOSIT_STATES,
  GUARD_STATES,
  type LogSample,
  type PlaceSample,
  type Sample,
  type WitnessSample,
} from '../status/sample.js'

/** Labels, and their value; undefined when it is unknown. */
type Series = readonly [labels: Readonly<Record<string, string>>, value: number | boolean | undefined]

class Gauges {
  readonly #registers: Registry[]
  readonly #read: () => Sample | undefined

  constructor(registry: Registry, read: () => Sample | undefined) {
    this.#registers = [registry]
    this.#read = read
  }

  /** A gauge whose series `of` derives from the reading. */
  add(name: string, help: string, labelNames: readonly string[], of: (sample: Sample) => readonly Series[]): void {
    const read = this.#read
    new Gauge({
      name,
      help,
      labelNames,
      registers: this.#registers,
      collect() {
        this.reset()
        // A reset sets a gauge without labels to 0, which would be wrong when its value is unknown.
        if (labelNames.length === 0) this.remove()
        const sample = read()
        for (const [labels, value] of sample === undefined ? [] : of(sample))
          if (value !== undefined) this.set(labels, Number(value))
      },
    })
  }

  one(name: string, help: string, value: (sample: Sample) => number | boolean | undefined): void {
    this.add(name, help, [], (sample) => [[{}, value(sample)]])
  }

  /** `log` is the display name, `log_id` the identity: several logs may have one name. */
  perLog(name: string, help: string, value: (log: LogSample) => number | boolean | undefined): void {
    this.add(name, help, ['log', 'log_id'], ({ logs }) =>
      logs.map((log) => [{ log: log.name, log_id: log.id }, value(log)]),
    )
  }

  /** The same by the level of findings. */
  perFinding(name: string, help: string, value: (log: LogSample) => { error: number; note: number } | undefined): void {
    this.add(name, help, ['log', 'log_id', 'level'], ({ logs }) =>
      logs.flatMap((log) => {
        const counts = value(log)
        return (['error', 'note'] as const).map(
          (level) => [{ log: log.name, log_id: log.id, level }, counts?.[level]] as const,
        )
      }),
    )
  }

  perWitness(name: string, help: string, value: (witness: WitnessSample) => number | undefined): void {
    this.add(name, help, ['witness'], ({ witnesses }) =>
      witnesses.map((witness) => [{ witness: witness.identity }, value(witness)]),
    )
  }

  perPlace(name: string, help: string, value: (place: PlaceSample) => number | boolean | undefined): void {
    this.add(name, help, ['place', 'kind'], ({ places }) =>
      places.map((place) => [{ place: place.name, kind: place.kind }, value(place)]),
    )
  }

  /** Each of a closed set of names, with the number of times that it holds. */
  names(
    name: string,
    help: string,
    label: string,
    values: readonly string[],
    hold: (sample: Sample) => readonly string[],
  ): void {
    this.add(name, help, [label], (sample) => {
      const held = hold(sample)
      return values.map((value) => [{ [label]: value }, held.filter((one) => one === value).length])
    })
  }
}

/** Declares the gauges; `read` returns the current reading. */
export function addGauges(registry: Registry, read: () => Sample | undefined): void {
  const gauges = new Gauges(registry, read)
  addHealth(gauges)
  addLogs(gauges)
  addAudits(gauges)
  addStanding(gauges)
  addNeighbours(gauges)
  addMirror(gauges)
  addAlarm(gauges)
}

function addHealth(gauges: Gauges): void {
  gauges.one('gossum_ready', 'Whether /readyz reports the node as ready (1) or not (0).', ({ ready }) => ready)
  gauges.names(
    'gossum_condition',
    'Conditions (docs/operating.md): for how many logs, witnesses, places, lists or receivers each holds; 0 if it does not hold.',
    'name',
    CONDITION_NAMES,
    ({ conditions }) => conditions,
  )
  gauges.add(
    'gossum_log_condition',
    'Conditions of a log that hold: 1; there is no series for those that do not.',
    ['log', 'log_id', 'name'],
    ({ logs }) =>
      logs.flatMap((log) => log.conditions.map((name) => [{ log: log.name, log_id: log.id, name }, 1] as const)),
  )
  gauges.names(
    'gossum_conditions_by_severity',
    'How many conditions hold, by severity.',
    'severity',
    Object.keys(SEVERITIES),
    ({ severities }) => severities,
  )
  gauges.add(
    'gossum_node_info',
    'Always 1; the labels identify this node, as in its cosignatures and to its peers.',
    ['witness', 'peer_id'],
    ({ node }) => [[{ witness: node.witness, peer_id: node.peerId ?? '' }, 1]],
  )
}

function addLogs(gauges: Gauges): void {
  gauges.perLog('gossum_head_size', 'Records in the newest proven head.', ({ size }) => size)
  gauges.perLog('gossum_head_timestamp_seconds', 'Time of our newest cosignature.', ({ signedAt }) => signedAt)
  gauges.perLog(
    'gossum_head_age_seconds',
    'How long ago our newest cosignature was made, regardless of the time in it.',
    ({ signedAge }) => signedAge,
  )
  gauges.perLog(
    'gossum_clock_promise_ahead_seconds',
    'How far the time of our newest cosignature is ahead of our clock; 0 when it is not.',
    ({ promiseAhead }) => promiseAhead,
  )
  gauges.perLog('gossum_quorum_size', 'Records in the quorum head.', ({ quorumSize }) => quorumSize)
  gauges.perLog(
    'gossum_witnesses_agreeing',
    'Cosignatures that count on the newest head.',
    ({ cosignatures }) => cosignatures,
  )
  gauges.perLog('gossum_suspects', 'Signed heads that could not be tied to our history.', ({ suspects }) => suspects)
  gauges.perLog(
    'gossum_suspect_age_seconds',
    'How long the oldest suspect has been one.',
    ({ suspectAge }) => suspectAge,
  )
  gauges.perLog(
    'gossum_floor_unmet',
    'Whether a head that our key cosigned before must be reached first (1) or not (0).',
    ({ floor }) => floor,
  )
  gauges.perLog('gossum_frozen', 'Whether the log is frozen for misbehaviour (1) or not (0).', ({ frozen }) => frozen)
  gauges.perLog(
    'gossum_paused',
    'Whether nothing is signed for a reason on our side (1) or not (0).',
    ({ paused }) => paused,
  )
  gauges.perLog(
    'gossum_log_reachable',
    'Whether the last poll got a head that the log signed (1) or not (0).',
    ({ reachable }) => reachable,
  )
  gauges.perLog(
    'gossum_log_verified_age_seconds',
    'How long ago the head of a poll was last proven.',
    ({ verifiedAge }) => verifiedAge,
  )
}

function addAudits(gauges: Gauges): void {
  gauges.perLog(
    'gossum_audited_records',
    'Records read and judged, counted from the first without a gap.',
    ({ audit }) => audit?.size,
  )
  gauges.perLog(
    'gossum_indexed_records',
    'Records in the index, counted from the first without a gap.',
    ({ audit }) => audit?.indexed ?? undefined,
  )
  gauges.perFinding('gossum_audit_findings', 'What an audit found, by level.', ({ audit }) => audit?.findings)
  gauges.perLog(
    'gossum_audit_complete',
    'Whether everything below the head that is being audited was read (1) or not (0).',
    ({ audit }) => audit?.complete,
  )
  gauges.perLog(
    'gossum_audit_cosigned_size',
    "Records in the head that the auditor's key cosigned last; 0 for none.",
    ({ audit }) => audit && (audit.cosigned ?? 0),
  )
}

function addStanding(gauges: Gauges): void {
  gauges.one(
    'gossum_signing_available',
    'Whether the holder of our key, this node or an ssh-agent, signs with it (1) or not (0).',
    (sample) => {
      return sample.canSign
    },
  )
  gauges.names(
    'gossum_guard_state',
    'What is known of what our key has signed before: 1 for the current state.',
    'state',
    GUARD_STATES,
    ({ guard }) => [guard],
  )
  gauges.names(
    'gossum_deposit_state',
    'Whether chosen peers keep what our key has promised: 1 for the current state.',
    'state',
    DEPOSIT_STATES,
    ({ deposit }) => [deposit.state],
  )
  gauges.one('gossum_deposit_need', 'Chosen peers that are to keep a promise.', ({ deposit }) => deposit.need)
  gauges.one('gossum_deposit_chosen', 'Chosen peers.', ({ deposit }) => deposit.of)
  gauges.one('gossum_deposit_connected', 'Chosen peers that are connected.', ({ deposit }) => deposit.connected)
  gauges.one(
    'gossum_deposit_undeposited',
    'Logs whose newest promise too few chosen peers keep.',
    ({ deposit }) => deposit.undeposited,
  )
  gauges.one(
    'gossum_clock_offset_seconds',
    'How far our clock is ahead of those of peers and logs, in the median.',
    ({ clock }) => clock.offset,
  )
  gauges.names(
    'gossum_clock_condition',
    'Problems with the clock: 1 for those that hold.',
    'name',
    CLOCK_CONDITIONS,
    ({ clock }) => clock.conditions,
  )
}

function addNeighbours(gauges: Gauges): void {
  gauges.one('gossum_peers', 'Peers connected.', ({ peers }) => peers)
  gauges.one(
    'gossum_convicted_witnesses',
    'Witnesses that do not count because they were proven to misbehave.',
    ({ convicted }) => convicted,
  )
  gauges.one('gossum_relayed_keys', 'Witness keys that only neighbours count.', ({ relayed }) => relayed)
  gauges.perWitness(
    'gossum_witness_age_seconds',
    'How long ago a witness of the policy, or this one, cosigned a head that we have seen.',
    ({ age }) => age,
  )
  gauges.names(
    'gossum_bastion_state',
    'Whether logs reach us through the bastion: 1 for the current state; all 0 without a bastion.',
    'state',
    BASTION_STATES,
    ({ bastion }) => (bastion === undefined ? [] : [bastion.state]),
  )
  gauges.one(
    'gossum_bastion_cosignature_age_seconds',
    'How long ago a cosignature went out through the bastion.',
    ({ bastion }) => bastion?.age,
  )
  gauges.perPlace(
    'gossum_exchange_well',
    'Whether a place outside the mesh answers, and objects to nothing (1) or not (0).',
    ({ isWell }) => isWell,
  )
  gauges.perPlace(
    'gossum_exchange_answer_age_seconds',
    'How long ago a place outside the mesh answered.',
    ({ age }) => age,
  )
}

function addMirror(gauges: Gauges): void {
  gauges.one('gossum_mirror_bytes', 'Bytes that the module mirror keeps.', ({ mirror }) => mirror?.bytes)
  gauges.one('gossum_mirror_max_bytes', 'Bytes that it may keep at most.', ({ mirror }) => mirror?.maxBytes)
  gauges.one('gossum_mirror_files', 'Files that it keeps.', ({ mirror }) => mirror?.files)
  gauges.one('gossum_mirror_damaged', 'Damaged files that it set aside.', ({ mirror }) => mirror?.damaged)
}

function addAlarm(gauges: Gauges): void {
  gauges.one('gossum_alarm_receivers', 'Hooks and webhooks that receive alerts.', ({ alarm }) => alarm.receivers)
  gauges.one(
    'gossum_alarm_waiting',
    'Alerts that receivers have not accepted yet, over all receivers.',
    ({ alarm }) => alarm.waiting,
  )
  gauges.one(
    'gossum_alarm_oldest_age_seconds',
    'How long the oldest alert has waited; 0 when none waits.',
    ({ alarm }) => alarm.oldestAge,
  )
}
