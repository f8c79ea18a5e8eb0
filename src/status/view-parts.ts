/** The sources of the view of a node. */
import type { Sample } from './sample.js'
import type { Facts } from './conditions.js'
import type { VerifierKey } from '../tlog/note.js'
import type { ClockReport, PromisedTime } from '../witness/clock.js'
import type { DepositReport } from '../witness/deposit-report.js'
import type { Candidate } from '../witness/head.js'
import type { Outcome } from '../witness/outcome.js'
import type { GuardReport } from '../witness/rollback-guard.js'
import type { Suspects } from '../witness/suspects.js'
import type { Polls } from './polls.js'
import type { AlarmView, AuditView, ExchangeView, PeerView, SigningView, StatusView } from './shapes.js'
import type { WitnessParts } from './witnesses.js'

/** What a view takes over from earlier views. */
export interface Past {
  readonly polls: Polls
  /** Milliseconds since 1970. */
  readonly startedAt: number
}

export interface ViewParts {
  readonly past?: Past
  readonly witnesses: WitnessParts
  readonly suspects: Suspects
  readonly version: string
  readonly time: {
    /** Milliseconds since 1970. */
    readonly now: () => number
    /** Monotonic milliseconds since an arbitrary moment. */
    readonly monotonic: () => number
  }
  /** What can prevent a signature. */
  readonly barrier: {
    readonly guard: () => GuardReport
    readonly deposit: () => DepositReport
    readonly clock: (promises: readonly PromisedTime[]) => ClockReport
    /**
     * Why nothing of a log may be signed because its key is bound to another log of its origin; undefined when it may.
     */
    readonly taken: (log: string) => string | undefined
    readonly signing: () => SigningView
    /** Where the signed state is kept. */
    readonly state: () => StatusView['state']
  }
  readonly around: {
    /** The mesh, once it runs. */
    readonly mesh: () => MeshView | undefined
    /** URL of the HTTP API, once it is served. */
    readonly http: () => string
    readonly bastion: () => NonNullable<StatusView['bastion']> | undefined
    /** The places outside the mesh. */
    readonly exchange: () => readonly PlaceReport[]
    /** The state of the audit of a log; undefined when there is none. */
    readonly audit: (log: string) => AuditView | undefined
    /**
     * Other faults: why the operator's socket is not open, unreadable log lists, receivers that get no alerts; and what
     * the owner of a module should look at.
     */
    readonly faults: () => Pick<Facts['around'], 'operator' | 'lists' | 'watch' | 'alarm' | 'publish'>
    /** The receivers of alerts, and the state of their deliveries. */
    readonly alarm: () => AlarmView
    /** What the module mirror keeps; undefined without one. */
    readonly mirror: () => Promise<Sample['mirror']>
    /** The metrics for a scrape, with the current values of the gauges. */
    readonly metrics: (sample: Sample) => Promise<string>
  }
  /** Takes a head through the pipeline. */
  readonly submit: (candidate: Candidate) => Promise<Outcome>
  /** Milliseconds since the oldest head in progress arrived. */
  readonly underWayMs: () => number
}

/** What is shown of a place, as the exchange reports it. */
type PlaceReport = Omit<ExchangeView, 'says'> & { readonly says: readonly ExchangeView['says'][number][] }

interface MeshView {
  readonly peerId: string
  multiaddrs(): string[]
  peers(): PeerView[]
  /** Keys that neighbours count. */
  relayed(): readonly VerifierKey[]
}
