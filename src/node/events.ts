/** The events of a node: `run --json` prints them, one per line. */
import type { Finding, FindingLevel } from '../audit/finding.js'
import type { Evidence } from '../evidence/evidence.js'
import type { ExchangeNews } from '../exchange/exchange.js'
import type { ListNews } from '../logs/lists.js'
import type { MirrorRefusal } from '../mirror/mirror.js'
import { formatHash } from '../tlog/hash.js'
import type { ClockCondition } from '../witness/clock.js'
import type { CosignedHead } from '../witness/cosigned-head.js'
import type { Candidate } from '../witness/head.js'
import type { Outcome } from '../witness/outcome.js'
import { SOURCES, type Door, type HeadSource } from '../witness/source.js'
import type { DepositReport } from '../witness/deposit-report.js'
import type { GuardState } from '../witness/rollback-guard.js'

/** The record of a module version, with what proves it. */
interface WatchedRecord {
  readonly log: string
  readonly module: string
  readonly version: string
  /** Number of the record. */
  readonly id: number
  /** Its text. */
  readonly record: string
  /** The inclusion proof of the record under the head: hashes in base64; null when the log did not show it. */
  readonly proof: readonly string[] | null
  readonly size: number
  readonly root: string
  /** The quorum head as a note, with the cosignatures that count. */
  readonly head: string
  /** The latest time among these: the record existed by then. */
  readonly time: string
  /** Null when the watch names no list, or the list could not be read. */
  readonly authorised: boolean | null
}

/** Times are ISO 8601, roots base64, logs their ids. Fields are only added. */
export type NodeEvent = { readonly at: string } & (
  | {
      readonly event: 'outcome'
      readonly log: string | null
      readonly door: Door
      /** Where it came from, more precisely than the door. */
      readonly source: HeadSource
      readonly outcome: Outcome['kind']
      readonly size: number | null
      readonly root: string | null
      readonly code: string | null
      readonly peer: string | null
      readonly evidence: string | null
      readonly news: boolean
    }
  | {
      readonly event: 'quorum'
      readonly log: string
      readonly size: number
      readonly root: string
      readonly cosignatures: { readonly name: string; readonly key: string; readonly time: string }[]
    }
  | {
      readonly event: 'evidence'
      readonly id: string
      readonly type: Evidence['type']
      readonly log: string
      /** Verifier key of the convicted witness; null when the log is convicted. */
      readonly witness: string | null
      readonly sizes: readonly [number, number]
      readonly source: 'found' | 'received'
      /** Only for a bad record: the module version, `path@version`, and the numbers of the two records. */
      readonly module?: string
      readonly records?: readonly [number, number]
      /** The evidence file, if it could not be written to disk: this line may be the only copy. */
      readonly file?: string
    }
  /** An audit found something in a log, or in what its server returned. */
  | {
      readonly event: 'finding'
      readonly log: string
      readonly rule: string
      readonly level: FindingLevel
      /** Number of the record; null for what is about a tile. */
      readonly id: number | null
      /** Path of the tile; null for what is about a record. */
      readonly tile: string | null
      /** `path@version`, if the record names one. */
      readonly module: string | null
      readonly detail: string
    }
  /** A new version of a module that is watched. */
  | ({ readonly event: 'watch' } & WatchedRecord)
  /** A new version that its owner has not authorised. */
  | ({ readonly event: 'unauthorised' } & WatchedRecord)
  /** The module mirror was served something that the log has not recorded; it passed it on to no client. */
  | {
      readonly event: 'mirror'
      readonly log: string
      readonly path: string
      readonly version: string
      /** The go.mod file or the zip. */
      readonly kind: 'mod' | 'zip'
      /** The classification, as in `gossum check module`. */
      readonly class: MirrorRefusal['class']
      /** URL of the upstream that served it. */
      readonly upstream: string
      /** The hash that the log has; null when it has no record. */
      readonly expected: string | null
      /** The hash of what was served; null if it cannot be hashed. */
      readonly got: string | null
      readonly reason: string
    }
  /** The auditor's key has cosigned a head: this node has read every record below it, and none is bad. */
  | { readonly event: 'audited'; readonly log: string; readonly size: number }
  | { readonly event: 'peer'; readonly peerId: string; readonly multiaddr: string; readonly connected: boolean }
  /** A signed head stays unproven, or no tree can explain it. */
  | {
      readonly event: 'suspect'
      readonly log: string
      readonly id: string
      readonly size: number | null
      readonly code: string
    }
  /** Whether the log answers. */
  | { readonly event: 'log'; readonly log: string; readonly reachable: boolean; readonly error: string | null }
  /**
   * Whether a configured peer answers; reported when it does not, then with increasing delay, and when it does again.
   */
  | {
      readonly event: 'bootstrap'
      readonly address: string
      readonly reachable: boolean
      readonly error: string | null
    }
  /** Whether peers vouch that this node knows everything its key has signed (witness/rollback-guard.ts). */
  | { readonly event: 'guard'; readonly state: GuardState; readonly text: string }
  /** The shared-state database has been replaced: the node asks its peers again what its key has signed. */
  | { readonly event: 'state'; readonly text: string }
  /** Which peers keep what our key has promised (witness/deposits.ts), and for how many logs too few do. */
  | {
      readonly event: 'deposit'
      readonly state: DepositReport['state']
      readonly text: string
      readonly undeposited: number
    }
  /** A problem with the clock that the operator should look into (witness/clock.ts) begins or ends. */
  | ({ readonly event: 'clock'; readonly holds: boolean } & ClockCondition)
  /** Whether logs reach this node through its bastion (http/bastion/bastion.ts). */
  | {
      readonly event: 'bastion'
      readonly url: string
      readonly state: 'connecting' | 'connected' | 'serving'
      readonly error: string | null
    }
  /** The first head of a log, trusted because it was the first. */
  | { readonly event: 'first-use'; readonly log: string; readonly size: number; readonly root: string }
  /** A place outside the mesh starts or stops answering, or changes its answer about a log. */
  | ({ readonly event: 'exchange' } & ExchangeNews)
  /** A log list was read, and added or refused logs; or it could not be read. */
  | {
      readonly event: 'log-list'
      /** Its URL or path. */
      readonly list: string
      /** Its format, `c2sp.org/tlog-list` or `logs/v0`; null when it could not be read. */
      readonly format: ListNews['format']
      readonly added: readonly { readonly id: string; readonly name: string; readonly origin: string }[]
      readonly refused: ListNews['refused']
      readonly error: string | null
      /** Whether the added logs are followed only from the next start on. */
      readonly atNextStart: boolean
    }
  /** The settings were read again: which changes were applied, and which need a restart; or why nothing was changed. */
  | {
      readonly event: 'reload'
      readonly changed: readonly string[]
      readonly restart: readonly string[]
      /** Ids of the logs that are newly followed, and of those that no longer are. */
      readonly followed: readonly string[]
      readonly left: readonly string[]
      readonly error: string | null
    }
  /** An error of ours, or of our disk. */
  | { readonly event: 'error'; readonly code: string; readonly message: string }
)

/** The fields of an event that its source supplies; the node adds the time. */
export type NodeEventBody = NodeEvent extends infer E ? (E extends NodeEvent ? Omit<E, 'at'> : never) : never

export function findingEvent(log: string, { rule, level, id, tile, module, detail }: Finding): NodeEventBody {
  const place = { id: id ?? null, tile: tile ?? null, module: module ?? null }
  return { event: 'finding', log, rule, level, ...place, detail }
}

export function logListEvent({ added, ...news }: ListNews): NodeEventBody {
  return { event: 'log-list', ...news, added: added.map(({ id, key, origin }) => ({ id, name: key.name, origin })) }
}

export function outcomeEvent(outcome: Outcome, candidate: Candidate): NodeEventBody {
  return {
    event: 'outcome',
    log: outcome.log ?? null,
    door: SOURCES[candidate.source].door,
    source: candidate.source,
    outcome: outcome.kind,
    size: outcome.size ?? null,
    root: outcome.root === undefined ? null : formatHash(outcome.root),
    code: outcome.code ?? null,
    peer: candidate.peer ?? null,
    evidence: outcome.evidence ?? null,
    news: outcome.news,
  }
}

export function quorumEvent(log: string, head: CosignedHead): NodeEventBody {
  const cosignatures = [...head.cosignatures].map(([key, { signature, time }]) => ({
    name: signature.name,
    key,
    time: new Date(time * 1000).toISOString(),
  }))
  return { event: 'quorum', log, size: head.size, root: formatHash(head.root), cosignatures }
}
