/** Reads all gauge values at once, for a whole scrape. */
import type { AlarmSample, LogSample, Sample, WitnessSample } from './sample.js'
import { isReady } from './conditions.js'
import { unmetFloor } from '../store/heads.js'
import type { Readings } from './readings.js'
import { depositView } from './standing.js'
import type { ViewParts } from './view-parts.js'
import { cosignatureViews, identityOf, witnessKeys } from './witnesses.js'

export function sampleOf(parts: ViewParts, readings: Readings): Sample {
  const { witnesses, barrier, around, time } = parts
  const mesh = around.mesh()
  const now = time.now()
  const clock = readings.clock()
  const conditions = readings.conditions()
  const behind = around.bastion()
  return {
    ready: isReady(conditions),
    node: { witness: witnesses.witness === undefined ? '' : identityOf(witnesses.witness.vkey), peerId: mesh?.peerId },
    conditions: conditions.map(({ name }) => name),
    severities: conditions.map(({ severity }) => severity),
    logs: witnesses.config.logs.map((log) => ({
      ...logSample(log, parts, readings),
      conditions: conditions.flatMap((condition) => (condition.log === log.id ? condition.name : [])),
    })),
    witnesses: witnessKeys(witnesses).map((key): WitnessSample => ({
      identity: identityOf(key),
      age: readings.witnessAge(key),
    })),
    peers: mesh?.peers().length ?? 0,
    convicted: witnesses.store.convictions.convicted().size,
    relayed: mesh?.relayed().length ?? 0,
    guard: barrier.guard().state,
    deposit: depositView(barrier.deposit()),
    clock: { offset: clock.offset, conditions: clock.conditions.map(({ name }) => name) },
    canSign: barrier.signing().error === null,
    bastion: behind && { state: behind.state, age: ageOf(behind.lastCosignature, now) },
    places: around.exchange().map(({ name, kind, lastAnswer, error }) => ({
      name,
      kind,
      age: ageOf(lastAnswer, now),
      isWell: error === null && lastAnswer !== null,
    })),
    alarm: alarmSample(around.alarm(), now),
  }
}

function alarmSample({ receivers }: ReturnType<ViewParts['around']['alarm']>, now: number): AlarmSample {
  const ages = receivers.map(({ oldest }) => ageOf(oldest, now) ?? 0)
  const waiting = receivers.reduce((sum, one) => sum + one.waiting, 0)
  return { receivers: receivers.length, waiting, oldestAge: Math.max(0, ...ages) }
}

function logSample(
  { id, key, url, disabled }: ViewParts['witnesses']['config']['logs'][number],
  parts: ViewParts,
  readings: Readings,
): Omit<LogSample, 'conditions'> {
  const { witnesses, suspects, around, time } = parts
  const { store, cosigned } = witnesses
  const state = store.heads.get(id)
  const head = cosigned.current(id)
  const poll = url === null || disabled || witnesses.config.observer ? undefined : readings.poll(id)
  return {
    id,
    name: key.name,
    size: state.tree?.size ?? 0,
    signedAt: state.signed?.time ?? 0,
    signedAge: readings.signedAge(id),
    promiseAhead: Math.max(0, (state.signed?.time ?? 0) - time.now() / 1000),
    quorumSize: cosigned.quorum(id)?.size ?? 0,
    cosignatures: head ? cosignatureViews(witnesses, head).filter(({ counted }) => counted).length : 0,
    suspects: suspects.list(id).length,
    suspectAge: readings.suspectAge(id),
    floor: unmetFloor(state) !== undefined,
    frozen: readings.isFrozen(id),
    paused: readings.paused(id) !== undefined,
    reachable: poll && poll.reachable === true,
    verifiedAge: poll?.verifiedAgo === undefined ? undefined : poll.verifiedAgo / 1000,
    audit: around.audit(id),
  }
}

/** Seconds since a time, which may be in the future if the clock was set back. */
function ageOf(time: string | null, now: number): number | undefined {
  return time === null ? undefined : Math.max(0, now - Date.parse(time)) / 1000
}
