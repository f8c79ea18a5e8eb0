/** What the gauges show: one reading of the node for a whole scrape. */
import { CLOCK_CONDITIONS, type ClockCondition } from '../witness/clock.js'
import type { ConditionName, Severity } from './conditions.js'
import type { MirrorStatusView } from './mirror-shapes.js'
import type { AuditView } from './shapes.js'

export { CLOCK_CONDITIONS }

export const GUARD_STATES = [
  'fresh',
  'waiting',
  'guarded',
  'partly guarded',
  'unanswered',
  'unguarded',
  'twin',
] as const
export const DEPOSIT_STATES = ['deposited', 'undeposited', 'nobody'] as const
export const BASTION_STATES = ['connecting', 'connected', 'serving'] as const

export interface Sample {
  readonly ready: boolean
  /** Who this is: `name+id` of the witness's key, empty for an observer; the peer id, undefined without a mesh. */
  readonly node: { readonly witness: string; readonly peerId: string | undefined }
  /** Names of the conditions that hold, each as often as it does. */
  readonly conditions: readonly ConditionName[]
  /** Their severities, likewise. */
  readonly severities: readonly Severity[]
  readonly logs: readonly LogSample[]
  /** Our own keys, and those of the policy. */
  readonly witnesses: readonly WitnessSample[]
  readonly peers: number
  /** Witnesses with a conviction that nobody acknowledged. */
  readonly convicted: number
  /** Keys that neighbours count beside ours. */
  readonly relayed: number
  readonly guard: (typeof GUARD_STATES)[number]
  readonly deposit: {
    readonly state: (typeof DEPOSIT_STATES)[number]
    readonly need: number
    readonly of: number
    readonly connected: number
    /** Number of logs. */
    readonly undeposited: number
  }
  readonly clock: {
    /** Seconds; undefined when nobody said anything. */
    readonly offset: number | undefined
    readonly conditions: readonly ClockCondition['name'][]
  }
  /** Whether whoever holds our key signs with it. */
  readonly canSign: boolean
  /** Undefined without a bastion. `age`: seconds since a cosignature went out through it; undefined before the first. */
  readonly bastion: { readonly state: (typeof BASTION_STATES)[number]; readonly age: number | undefined } | undefined
  readonly places: readonly PlaceSample[]
  readonly alarm: AlarmSample
  /** What the module mirror keeps; undefined without one. */
  readonly mirror?: MirrorStatusView['kept'] | undefined
}

/** What is told to hooks and webhooks. */
export interface AlarmSample {
  readonly receivers: number
  /** Of all receivers, what they have not taken. */
  readonly waiting: number
  /** Seconds since the oldest of that was made; 0 without any. */
  readonly oldestAge: number
}

/** What the gauges show of one log. */
export interface LogSample {
  /** Log id. */
  readonly id: string
  /** Key name, which several logs may have. */
  readonly name: string
  /** Names of the conditions of this log that hold. */
  readonly conditions: readonly ConditionName[]
  readonly size: number
  /** POSIX seconds; 0 when nothing was signed. */
  readonly signedAt: number
  /** Seconds since that cosignature was made; undefined when nothing was signed. */
  readonly signedAge: number | undefined
  /** Seconds that it is ahead of our clock. */
  readonly promiseAhead: number
  readonly quorumSize: number
  readonly cosignatures: number
  readonly suspects: number
  /** Seconds since the oldest of them was first seen; 0 without any. */
  readonly suspectAge: number
  /** Whether a floor is not reached. */
  readonly floor: boolean
  readonly frozen: boolean
  readonly paused: boolean
  /** Whether the last poll got a head of it. Undefined for a log that is only pushed. */
  readonly reachable: boolean | undefined
  /** Seconds since a polled head was proven; undefined when none was since the start. */
  readonly verifiedAge: number | undefined
  /** How its audit stands; undefined when there is none. */
  readonly audit: AuditView | undefined
}

export interface WitnessSample {
  /** `name+id` of its key. */
  readonly identity: string
  /** Seconds since it cosigned something, by its own word; undefined when it was never heard. */
  readonly age: number | undefined
}

/** A place outside the mesh. No two have one name. */
export interface PlaceSample {
  readonly name: string
  readonly kind: string
  /** Seconds since it answered; undefined when it did not since the start. */
  readonly age: number | undefined
  readonly isWell: boolean
}
