/** The values of the gauges: one reading of the node for a whole scrape. */
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
  /**
   * The node's identity: `name+id` of the witness's key, empty for an observer; the peer id, undefined without a mesh.
   */
  readonly node: { readonly witness: string; readonly peerId: string | undefined }
  /** Names of the conditions that hold, each as often as it holds. */
  readonly conditions: readonly ConditionName[]
  /** Their severities, likewise. */
  readonly severities: readonly Severity[]
  readonly logs: readonly LogSample[]
  /** Our own keys, and those of the policy. */
  readonly witnesses: readonly WitnessSample[]
  readonly peers: number
  /** Witnesses with an unacknowledged conviction. */
  readonly convicted: number
  /** Keys that neighbours count and we do not. */
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
    /** Seconds; undefined without recent reports. */
    readonly offset: number | undefined
    readonly conditions: readonly ClockCondition['name'][]
  }
  /** Whether the holder of our key signs with it. */
  readonly canSign: boolean
  /**
   * Undefined without a bastion. `age`: seconds since a cosignature went out through it; undefined before the first.
   */
  readonly bastion: { readonly state: (typeof BASTION_STATES)[number]; readonly age: number | undefined } | undefined
  readonly places: readonly PlaceSample[]
  readonly alarm: AlarmSample
  /** What the module mirror keeps; undefined without one. */
  readonly mirror?: MirrorStatusView['kept'] | undefined
}

/** The state of hooks and webhooks. */
export interface AlarmSample {
  readonly receivers: number
  /** What the receivers have not accepted yet, over all of them. */
  readonly waiting: number
  /** Seconds since the oldest of it was created; 0 if there is none. */
  readonly oldestAge: number
}

/** The gauges of one log. */
export interface LogSample {
  /** Log id. */
  readonly id: string
  /** Key name, which several logs may share. */
  readonly name: string
  /** Names of the conditions of this log that hold. */
  readonly conditions: readonly ConditionName[]
  readonly size: number
  /** POSIX seconds; 0 when nothing was signed. */
  readonly signedAt: number
  /** Seconds since that cosignature was made; undefined when nothing was signed. */
  readonly signedAge: number | undefined
  /** Seconds by which it is ahead of our clock. */
  readonly promiseAhead: number
  readonly quorumSize: number
  readonly cosignatures: number
  readonly suspects: number
  /** Seconds since the oldest of them was first seen; 0 if there is none. */
  readonly suspectAge: number
  /** Whether a floor is not reached. */
  readonly floor: boolean
  readonly frozen: boolean
  readonly paused: boolean
  /** Whether the last poll got a head. Undefined for a log that only pushes. */
  readonly reachable: boolean | undefined
  /** Seconds since a polled head was proven; undefined when none was since the start. */
  readonly verifiedAge: number | undefined
  /** The state of its audit; undefined when there is none. */
  readonly audit: AuditView | undefined
}

export interface WitnessSample {
  /** `name+id` of its key. */
  readonly identity: string
  /** Seconds since it cosigned something, by its own account; undefined if it was never heard. */
  readonly age: number | undefined
}

/** A place outside the mesh. Names are unique. */
export interface PlaceSample {
  readonly name: string
  readonly kind: string
  /** Seconds since it answered; undefined if it has not since the start. */
  readonly age: number | undefined
  readonly isWell: boolean
}
