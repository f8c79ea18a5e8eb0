/** What happens in a node, as it is told: `run --json` prints these, one a line. */
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

/** The record of a module version, and what makes others believe it. */
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
  /** The latest time that one of these says: the record was there by then. */
  readonly time: string
  /** Null when the watch names no list, or that could not be read. */
  readonly authorised: boolean | null
}

/** Times are ISO 8601, roots base64, logs their ids. Fields are only added. */
export type NodeEvent = { readonly at: string } & (
  | {
      readonly event: 'outcome'
      readonly log: string | null
      readonly door: Door
      /** Where it came from, more exactly than the door. */
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
      /** Verifier key of the witness that it convicts; null when that is the log. */
      readonly witness: string | null
      readonly sizes: readonly [number, number]
      readonly source: 'found' | 'received'
      /** Of a bad record alone: the module version, `path@version`, and the numbers of the two records. */
      readonly module?: string
      readonly records?: readonly [number, number]
      /** The evidence file, while it could not be written to disk: this line may be all that is left of it. */
      readonly file?: string
    }
  /** An audit found something in a log, or in what its server gives. */
  | {
      readonly event: 'finding'
      readonly log: string
      readonly rule: string
      readonly level: FindingLevel
      /** Number of the record; null for what is about a tile. */
      readonly id: number | null
      /** Path of the tile; null for what is about a record. */
      readonly tile: string | null
      /** `path@version`, as far as the record says one. */
      readonly module: string | null
      readonly detail: string
    }
  /** A new version of a module that is watched. */
  | ({ readonly event: 'watch' } & WatchedRecord)
  /** It is none that its owner has authorised. */
  | ({ readonly event: 'unauthorised' } & WatchedRecord)
  /** The module mirror was given something that the log has not recorded, and gave it to nobody. */
  | {
      readonly event: 'mirror'
      readonly log: string
      readonly path: string
      readonly version: string
      /** The go.mod file or the zip. */
      readonly kind: 'mod' | 'zip'
      /** As `gossum check module` calls it. */
      readonly class: MirrorRefusal['class']
      /** URL of who gave it. */
      readonly upstream: string
      /** The hash that the log has; null when it has no record. */
      readonly expected: string | null
      /** The hash of what came; null for what cannot be hashed. */
      readonly got: string | null
      readonly reason: string
    }
  /** The auditor's key has cosigned a head: every record below it was read by this node, and none is bad. */
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
  /** Whether a configured peer answers; told when it does not, then with increasing delay, and when it does again. */
  | {
      readonly event: 'bootstrap'
      readonly address: string
      readonly reachable: boolean
      readonly error: string | null
    }
  /** Whether peers vouch that this node knows all that its key has signed (witness/rollback-guard.ts). */
  | { readonly event: 'guard'; readonly state: GuardState; readonly text: string }
  /** The database of the shared state is not the one it was: the node asks its peers again what its key has signed. */
  | { readonly event: 'state'; readonly text: string }
  /** Who keeps what our key has promised (witness/deposits.ts), and of how many logs too few do. */
  | {
      readonly event: 'deposit'
      readonly state: DepositReport['state']
      readonly text: string
      readonly undeposited: number
    }
  /** Something about the clock that somebody should look into (witness/clock.ts): it holds, or it does not any more. */
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
  /** A place outside the mesh answers, or does not any more, or says something else of a log than before. */
  | ({ readonly event: 'exchange' } & ExchangeNews)
  /** A log list was read, and added or refused logs; or it could not be read. */
  | {
      readonly event: 'log-list'
      /** Its URL or path. */
      readonly list: string
      /** What it keeps to, `c2sp.org/tlog-list` or `logs/v0`; null when it could not be read. */
      readonly format: ListNews['format']
      readonly added: readonly { readonly id: string; readonly name: string; readonly origin: string }[]
      readonly refused: ListNews['refused']
      readonly error: string | null
      /** Whether what was added is followed from the next start on only. */
      readonly atNextStart: boolean
    }
  /** The settings were read anew: what of them is taken up, and what takes a restart; or why they are as they were. */
  | {
      readonly event: 'reload'
      readonly changed: readonly string[]
      readonly restart: readonly string[]
      /** Ids of logs that are followed now, and of those that are not any more. */
      readonly followed: readonly string[]
      readonly left: readonly string[]
      readonly error: string | null
    }
  /** An error of ours, or of our disk. */
  | { readonly event: 'error'; readonly code: string; readonly message: string }
)

/** The parts of an event that its source knows; the node adds the time. */
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
