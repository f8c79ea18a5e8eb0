/**
 * The audits of a node that runs with --audit, one for each checksum database that it follows, and what their results
 * cause.
 */
import { join } from 'node:path'
import type { RecordTaker } from '../audit/walk/record-taker.js'
import { PoliteSource } from '../audit/walk/polite-source.js'
import type { Alarm } from '../evidence/alarm.js'
import type { AuditView } from '../status/shapes.js'
import { openSource } from '../sumdb/log-source.js'
import type { RequestBudget } from '../sumdb/request-budget.js'
import { SUMDB_ORIGIN } from '../tlog/checkpoint.js'
import type { Witness } from '../witness/witness.js'
import { auditTarget } from './audit-target.js'
import type { KnownHeads, NodeBase } from './base.js'
import { findingEvent } from './events.js'
import type { Indexing } from './indexing.js'
import { LogAuditing, type KeptAudit } from './log-auditing.js'
import type { LogSetting } from '../config/config.js'

/** Heads searched for one that others cosign, too. */
const HEADS = 32
/** The folder in the home with the audits: one subfolder per log, named by its id. */
const FOLDER = 'audit'

export interface AuditingParts {
  readonly witness: Witness
  readonly alarm: Alarm
  /** Whether nothing of a log may be signed. */
  readonly isHeld: (log: string) => boolean
  /** The index that is filled from the audit. */
  readonly indexing: Indexing
}

export class Auditing {
  /** By log id. */
  readonly #logs: ReadonlyMap<string, LogAuditing>
  readonly #indexing: Indexing

  constructor(logs: ReadonlyMap<string, LogAuditing>, indexing: Indexing) {
    this.#logs = logs
    this.#indexing = indexing
  }

  /** Undefined for a log that is not audited. */
  view(log: string): AuditView | undefined {
    const view = this.#logs.get(log)?.view
    return view && { ...view, indexed: this.#indexing.size(log) ?? null }
  }

  start(): void {
    for (const auditing of this.#logs.values()) auditing.start()
  }

  wake(log: string): void {
    this.#logs.get(log)?.wake()
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#logs.values()].map((auditing) => auditing.stop()))
  }
}

/** Opens the audit kept in a folder; it asks the log within the budget. */
async function open(
  { key, origin, url }: Pick<LogSetting, 'key' | 'origin'> & { readonly url: string },
  dir: string,
  budget: RequestBudget,
  taker: RecordTaker | undefined,
): Promise<KeptAudit> {
  // Loaded only by a node that audits.
  const { LogAudit } = await import('../audit/walk/log-audit.js')
  const source = new PoliteSource(openSource({ url }), budget)
  return LogAudit.open({ dir, key, origin, source, ...(taker && { taker }) })
}

/** Starts no audit unless the operator asked for it. */
export function makeAuditing(
  base: NodeBase,
  heads: KnownHeads,
  { witness, alarm, isHeld, indexing }: AuditingParts,
): Auditing {
  const { config, followed, keyring, store, news, budget } = base
  const { cosigned, quorum } = heads
  const auditor = keyring.auditor?.verifier.vkey
  const said = (log: string): number => {
    const { audited } = store.heads.get(log)
    return audited?.key === auditor ? (audited?.size ?? 0) : 0
  }
  const audited = config.audit ? followed : []
  const logs = audited.flatMap((log): [string, LogAuditing][] => {
    const { id, key, url, origin } = log
    if (url === null || origin !== SUMDB_ORIGIN) return []
    const auditing = new LogAuditing({
      open: async () => {
        const taker = await indexing.taker(id)
        return open({ key, origin, url }, join(config.home, FOLDER, id), budget, taker)
      },
      target: async () => {
        const newest = cosigned.current(id)
        const older = newest === undefined ? [] : await cosigned.history(id, HEADS, newest.size)
        const known = newest === undefined ? [] : [newest, ...older]
        return auditTarget({ heads: known, auditor, satisfiedBy: quorum.satisfiedBy, promised: said(id) })
      },
      promised: () => said(id),
      cosign: (size) => witness.cosignAudited(id, size),
      isHeld: () => isHeld(id),
      told: {
        onFinding: (finding) => news.tell(findingEvent(id, finding)),
        onEvidence: (evidence) => alarm.raise(evidence),
        onCosigned: (size) => news.tell({ event: 'audited', log: id, size }),
        onError: news.onError,
      },
    })
    return [[id, auditing]]
  })
  const auditing = new Auditing(new Map(logs), indexing)
  for (const what of ['advanced', 'changed'] as const) news.on(what, (log) => auditing.wake(log))
  return auditing
}
