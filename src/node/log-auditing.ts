/**
 * The audit of one log in a running node. It continues to each head that the witness accepts, reports what it finds,
 * and has the auditor's key cosign what was read completely and is clean. A log that does not answer is asked again
 * later. An error of ours or of our disk is reported and ends at most the current round.
 */
import { ERRORS, errorCode, errorText } from '../errors.js'
import { encodeEvidence, type Evidence } from '../evidence/evidence.js'
import { toHex } from '../tlog/bytes.js'
import { parseCheckpoint, type Checkpoint } from '../tlog/checkpoint.js'
import { sha256 } from '../tlog/hash.js'
import type { Note } from '../tlog/note.js'
import type { Finding } from '../audit/finding.js'
import type { AuditorOutcome } from '../witness/auditor.js'
import type { CosignedHead } from '../witness/cosigned-head.js'
import { Rounds } from './rounds.js'
import type { AuditView } from '../status/shapes.js'

/** Milliseconds after which the audit checks for work even if it was not woken. */
const EVERY_MS = 60_000
/** The fewest milliseconds between two rounds: a log that grows every second is not read one record at a time. */
const PAUSE_MS = 2_000
/** Findings reported per round; all are counted. */
const MAX_TOLD = 64
/** Findings remembered as reported. */
const MAX_REMEMBERED = 10_000

interface Counts {
  readonly error: number
  readonly note: number
}

/** The part of an audit kept in a folder (audit/walk/log-audit.ts) that is needed here. */
export interface KeptAudit {
  readonly auditedSize: number
  findings(): AsyncIterable<Finding>
  audit(
    audited: { readonly head: Checkpoint; readonly note: Note },
    options: { signal: AbortSignal; onPart: (part: { readonly counts: Counts }) => void },
  ): Promise<{
    readonly size: number
    readonly findings: Counts
    readonly isComplete: boolean
    readonly missing: readonly { readonly what: string; readonly why: string }[]
    readonly evidence: readonly Evidence[]
  }>
  /** Fills one missing range of what is kept with the audit; returns whether there is more. */
  fill(signal: AbortSignal): Promise<boolean>
  close(): Promise<void>
}

export interface LogAuditingParts {
  /** Takes the folder. Throws AUDIT_LOCKED, AUDIT_DAMAGED, and what the disk throws. */
  readonly open: () => Promise<KeptAudit>
  /** The head to continue to; undefined before the first. */
  readonly target: () => Promise<CosignedHead | undefined>
  /** Has the head of this size cosigned; undefined when this node has no key for that. */
  readonly cosign: (size: number) => Promise<AuditorOutcome | undefined>
  /** Whether nothing of the log may be signed: it was convicted. */
  readonly isHeld: () => boolean
  /** Size of the head that the auditor's key promised last; 0 for none. */
  readonly promised: () => number
  readonly told: {
    readonly onFinding: (finding: Finding) => void
    readonly onEvidence: (evidence: Evidence) => Promise<unknown>
    /** The auditor's key has cosigned the head of this size. */
    readonly onCosigned: (size: number) => void
    readonly onError: (error: unknown) => void
  }
  /** How often it runs; EVERY_MS and PAUSE_MS if absent. */
  readonly pace?: { readonly everyMs: number; readonly pauseMs: number }
}

export class LogAuditing {
  readonly #parts: LogAuditingParts
  readonly #stopped = new AbortController()
  readonly #known = new Set<string>()
  readonly #raised = new Set<string>()
  #audit: KeptAudit | undefined
  #last: Awaited<ReturnType<KeptAudit['audit']>> | undefined
  #live: Counts = { error: 0, note: 0 }
  /** Size of the head cosigned last in this run of the process. */
  #cosigned: number | undefined
  #failure: string | undefined
  readonly #rounds = new Rounds(this.#stopped.signal)
  #running: Promise<void> = Promise.resolve()

  constructor(parts: LogAuditingParts) {
    this.#parts = parts
  }

  get view(): AuditView {
    return {
      size: this.#audit?.auditedSize ?? 0,
      findings: { ...this.#live },
      complete: this.#last?.isComplete ?? false,
      cosigned: this.#parts.promised() || null,
      error: this.#failure ?? null,
      indexed: null,
    }
  }

  start(): void {
    if (!this.#stopped.signal.aborted) this.#running = this.#run()
  }

  /** There may be a new head to continue to, or something else that the audit waits for has changed. */
  wake(): void {
    this.#rounds.wake()
  }

  /** Aborts the work in progress; what was read by then is kept. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('the node stops'))
    await this.#running
    await this.#audit?.close()
  }

  async #run(): Promise<void> {
    const { everyMs, pauseMs } = this.#parts.pace ?? { everyMs: EVERY_MS, pauseMs: PAUSE_MS }
    for (;;) {
      this.#rounds.begin()
      try {
        await this.#open()
        this.#failure = await this.#round(this.#audit!)
        // Between rounds, so that no head waits for it.
        if (await this.#audit!.fill(this.#stopped.signal)) this.#rounds.wake()
      } catch (error) {
        if (this.#stopped.signal.aborted) return
        const failure = errorText(error)
        // That a log is down is reported once, by its poller.
        if (failure !== this.#failure && errorCode(error) !== 'LOG_UNREACHABLE') this.#parts.told.onError(error)
        this.#failure = failure
        await this.#rounds.pause(everyMs)
      }
      await this.#rounds.pause(pauseMs)
      await this.#rounds.rest(everyMs)
      if (this.#stopped.signal.aborted) return
    }
  }

  async #open(): Promise<void> {
    if (this.#audit !== undefined) return
    this.#audit = await this.#parts.open()
    // What an earlier run has reported.
    for await (const finding of this.#audit.findings()) {
      this.#remember(finding)
      this.#live = plus(this.#live, { error: 0, note: 0, [finding.level]: 1 })
    }
  }

  /** Continues to the current head. Returns why that failed, or why the head was not cosigned. */
  async #round(audit: KeptAudit): Promise<string | undefined> {
    const { target, isHeld, told } = this.#parts
    const head = await target()
    if (head === undefined || head.size === 0) return undefined
    if (!this.#covers(audit, head)) {
      this.#last = undefined
      const { text, signatures } = head.note
      const { signal } = this.#stopped
      this.#last = await audit.audit(
        { head: parseCheckpoint(text), note: { text, signatures: signatures.slice(0, 1) } },
        { signal, onPart: ({ counts }) => (this.#live = plus(this.#live, counts)) },
      )
      this.#live = this.#last.findings
      await this.#tell(audit)
      // Reported first, since it freezes the log: nothing of it is signed from here on.
      for (const evidence of this.#last.evidence) {
        const id = toHex(sha256(encodeEvidence(evidence)))
        if (!this.#raised.has(id)) await told.onEvidence(evidence)
        this.#raised.add(id)
      }
    }
    const { isComplete, findings, evidence, missing } = this.#last!
    if (!isComplete) {
      const [first] = missing
      return first === undefined ? 'not all records could be read' : `${first.what} could not be fetched: ${first.why}`
    }
    if (findings.error > 0 || evidence.length > 0 || isHeld() || head.size === this.#cosigned) return undefined
    const outcome = await this.#parts.cosign(head.size)
    if (outcome === undefined) return undefined
    if (outcome !== 'cosigned' && outcome !== 'known')
      return `the audited head is not cosigned: ${ERRORS[outcome][0]} (${outcome})`
    this.#cosigned = head.size
    if (outcome === 'cosigned') told.onCosigned(head.size)
    return undefined
  }

  /** Whether all records below a head were read, in this or an earlier run, under a head that is no smaller. */
  #covers(audit: KeptAudit, { size }: CosignedHead): boolean {
    return this.#last?.isComplete === true && this.#last.size >= size && audit.auditedSize >= size
  }

  async #tell(audit: KeptAudit): Promise<void> {
    let told = 0
    for await (const finding of audit.findings())
      if (told < MAX_TOLD && this.#remember(finding)) {
        told++
        this.#parts.told.onFinding(finding)
      }
  }

  /** Whether a finding was not reported yet. If there are too many to remember, none counts as new any more. */
  #remember({ rule, id, tile, detail }: Finding): boolean {
    const what = JSON.stringify([rule, id, tile, detail])
    if (this.#known.has(what) || this.#known.size >= MAX_REMEMBERED) return false
    this.#known.add(what)
    return true
  }
}

function plus(a: Counts, b: Counts): Counts {
  return { error: a.error + b.error, note: a.note + b.note }
}
