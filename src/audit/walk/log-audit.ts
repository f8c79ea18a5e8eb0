/**
 * The audit of one log: reads every record once, stores its findings, and continues from there with every head that is
 * proven to extend the previous one.
 *
 * Trusted: the log's key, and the folder. Not trusted: the source of the log's bytes, and the log.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { GossumError } from '../../errors.js'
import { attempted } from '../../errors/attempt.js'
import { bareHead, encodeEvidence, makeSplitView, parseEvidence, type Evidence } from '../../evidence/evidence.js'
import { lockFolder, type FolderLock } from '../../lib/folder-lock.js'
import { SumdbClient } from '../../sumdb/client.js'
import type { LogSource } from '../../sumdb/log-source.js'
import { equalBytes, fromUtf8, utf8 } from '../../tlog/bytes.js'
import { parseCheckpoint, type Checkpoint } from '../../tlog/checkpoint.js'
import type { Hash } from '../../tlog/hash.js'
import { parseNote, spellNote, type Note, type VerifierKey } from '../../tlog/note.js'
import type { Finding } from '../finding.js'
import { readState, writeState, type AuditState } from './audit-state.js'
import { judgeShared, type SharedVerdict } from './contradictions.js'
import { sharedKeys } from './duplicates.js'
import { fillTaker } from './filling.js'
import { HashTiles } from './hash-tiles.js'
import { seedOf } from './module-keys.js'
import { KeptParts } from './kept-parts.js'
import { headOf, mergeFiles, requireRoot, type Disagreement } from './merge.js'
import { provenRecord } from './part.js'
import { auditRanges } from './audit-ranges.js'
import type { RecordTaker } from './record-taker.js'
import { auditorBeside, auditorHere, type PartAuditor, type TreeToAudit } from './threads.js'
import { isDone, type FindingCounts, type Missing, type Part, type PartRange } from './unit.js'
import { encodeUnitsHeader, encodeUnitsPart, type PinnedTree } from './units-file.js'

/** The most findings and missing tiles of unfinished ranges that are reported; all are counted. */
const MAX_TOLD = 10_000

export interface LogAuditParts {
  /** The folder for the audit of this log alone. Created if it does not exist. */
  readonly dir: string
  readonly key: VerifierKey
  readonly origin: string
  readonly source: LogSource
  /** The number of threads that read (1: this one). */
  readonly threads?: number
  /** Receives each proven record; only with a single thread. */
  readonly taker?: RecordTaker
}

/** A head that the log signed. */
export interface AuditedHead {
  readonly head: Checkpoint
  /** The note; lines of other keys in it are ignored. */
  readonly note: Note
}

export interface AuditOptions {
  /** Records [from, to) instead of all up to the head. */
  readonly range?: PartRange
  readonly signal?: AbortSignal
  /** Receives each range that was read in this run. */
  readonly onPart?: (part: Part) => void
}

/** How far an audit has come, and what all its runs have found. */
export interface AuditReport {
  /** How many of the requested records were read. */
  readonly audited: number
  readonly size: number
  readonly root: Hash
  readonly findings: FindingCounts
  /** Whether every requested record was read, and all that share a key were compared. */
  readonly isComplete: boolean
  /** What was unavailable in this run. */
  readonly missing: readonly Missing[]
  /** What convicts the log. */
  readonly evidence: readonly Evidence[]
}

export class LogAudit {
  readonly #parts: LogAuditParts
  readonly #kept: KeptParts
  readonly #lock: FolderLock
  readonly #client: SumdbClient
  #state: AuditState | undefined
  /** Of this run only: findings about ranges that are not done, each once. */
  #passing = new Map<string, Finding>()
  /** Of this run only: records read in ranges that are not done. */
  #passed = 0

  private constructor(parts: LogAuditParts, kept: KeptParts, lock: FolderLock, state: AuditState | undefined) {
    this.#parts = parts
    this.#kept = kept
    this.#lock = lock
    this.#state = state
    const { key, origin, source } = parts
    this.#client = new SumdbClient({ key, origin, source, url: source.url })
  }

  /**
   * Opens the audit stored in the folder, or a new one. Throws AUDIT_LOCKED while another process uses it,
   * AUDIT_DAMAGED, and LOG_KEY_CHANGED if it is that of another log.
   */
  static async open(parts: LogAuditParts): Promise<LogAudit> {
    await mkdir(parts.dir, { recursive: true, mode: 0o700 })
    const lock = await lockFolder(parts.dir)
    if (lock === undefined) throw new GossumError('AUDIT_LOCKED', parts.dir)
    try {
      const state = await readState(parts.dir)
      if (state !== undefined && (state.log !== parts.key.vkey || state.origin !== parts.origin))
        throw new GossumError('LOG_KEY_CHANGED', `${parts.dir} holds the audit of ${state.log}`)
      return new LogAudit(parts, await KeptParts.open(join(parts.dir, 'parts')), lock, state)
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /** The number of records that were read without a gap, from the first one of the log. */
  get auditedSize(): number {
    return this.#kept.auditedSize
  }

  /** The last head that was audited, or begun; undefined before the first. */
  get head(): Note | undefined {
    return this.#state && parseNote(utf8(this.#state.head))
  }

  /** The findings about duplicate module versions. */
  get sharedFindings(): readonly Finding[] {
    return this.#state?.shared.findings ?? []
  }

  /** All findings so far: the stored ones in order, then those of this run, then the duplicates. */
  async *findings(): AsyncGenerator<Finding> {
    for await (const findings of this.#kept.findings()) yield* findings
    yield* this.#passing.values()
    yield* this.sharedFindings
  }

  /**
   * Audits what is not done yet, up to this head, which the caller knows to be signed by the log. One call at a time.
   * Throws errors of reading the right edge of the tree, and the signal's reason; neither loses anything. A head that
   * contradicts the previous one is not an error but evidence.
   */
  async audit(audited: AuditedHead, options: AuditOptions = {}): Promise<AuditReport> {
    const { head } = audited
    const range = options.range ?? { from: 0, to: head.size }
    this.#passing = new Map()
    this.#passed = 0
    const contradiction = await this.#extend(audited, options.signal)
    if (contradiction !== undefined) return this.#report(head, range, [], [contradiction])
    const missing = head.size === 0 ? [] : await this.#read(audited, range, options)
    if (missing.length === 0 && head.size > 0) missing.push(...(await this.#compare(options.signal)))
    return this.#report(head, range, missing, this.#evidence())
  }

  /** The result for [from, to), for another machine to merge; the range must be done, and consist of whole units. */
  async *unitsFile({ from, to }: PartRange): AsyncGenerator<Uint8Array> {
    const { key, origin } = this.#parts
    const { head, seed } = this.#state!
    yield encodeUnitsHeader({ log: key.vkey, origin, head, seed })
    for await (const part of this.#kept.files({ from, to })) yield encodeUnitsPart(part)
  }

  /**
   * Merges the results of others, and then finishes the audit of the head that all their files belong to. Returns the
   * files that were found to be wrong. Throws what mergeFiles and requireRoot throw.
   */
  async merge(
    files: readonly string[],
    pinned: PinnedTree,
    isChosen: (range: PartRange) => boolean,
    options: Pick<AuditOptions, 'signal'> = {},
  ): Promise<{ report: AuditReport; wrong: Disagreement[] }> {
    const { key, origin, source } = this.#parts
    const audited = headOf(pinned, key)
    await this.#extend(audited, options.signal)
    const here = await auditorHere({ tree: audited.head, origin, source, seed: pinned.seed }, options.signal)
    const again = async (range: PartRange): Promise<Part> => {
      const part = await here.audit(range, options.signal)
      const [missing] = part.missing
      if (missing !== undefined) throw new GossumError('LOG_UNREACHABLE', `${missing.what}: ${missing.why}`)
      const wrong = part.findings.find(({ tile }) => tile !== undefined)
      if (wrong !== undefined) throw new GossumError('TILE_INVALID', wrong.detail)
      return part
    }
    const wrong = await mergeFiles(files, pinned, { again, isChosen, keep: (part) => this.#kept.add(part) })
    requireRoot(this.#kept.done, audited.head)
    return { report: await this.audit(audited, options), wrong }
  }

  async close(): Promise<void> {
    await this.#lock.release()
  }

  /** Accepts the head if it extends the last one, or is extended by it; otherwise returns evidence against the log. */
  async #extend({ head, note }: AuditedHead, signal?: AbortSignal): Promise<Evidence | undefined> {
    const { key, origin, dir } = this.#parts
    const options = signal === undefined ? {} : { signal }
    const last = this.head
    if (last === undefined || this.#state === undefined) {
      const shared = { upTo: 0, findings: [], evidence: [], isWhole: true }
      this.#state = { log: key.vkey, origin, seed: seedOf(head.root), head: spellNote(bareHead(note, key)), shared }
      await writeState(dir, this.#state)
      return undefined
    }
    const known = parseCheckpoint(last.text)
    const [smaller, larger] = known.size <= head.size ? [known, head] : [head, known]
    const prefix = await this.#client.prefix(larger, smaller.size, options)
    if (!equalBytes(prefix.root, smaller.root)) {
      const isProof = smaller.size > 0 && smaller.size < larger.size
      return makeSplitView(key, [last, note], isProof ? prefix : undefined)
    }
    if (head.size > known.size) {
      this.#state = { ...this.#state, head: spellNote(bareHead(note, key)) }
      await writeState(dir, this.#state)
    }
    return undefined
  }

  /** Reads the ranges that are not done, and returns what was unavailable. */
  async #read({ head }: AuditedHead, range: PartRange, options: AuditOptions): Promise<Missing[]> {
    const { threads = 1, taker } = this.#parts
    const gaps = this.#kept.gaps({ from: range.from, to: Math.min(range.to, head.size) })
    if (gaps.length === 0) return []
    const tree = this.#treeOf(head)
    const missing: Missing[] = []
    const take = async (part: Part): Promise<void> => {
      missing.push(...part.missing.slice(0, MAX_TOLD - missing.length))
      if (isDone(part)) {
        // In this order: if the process ends between the two, the range is read again, and nothing is lost.
        await taker?.keep(part)
        await this.#kept.add(part)
      } else {
        taker?.drop(part)
        this.#pass(part)
      }
      options.onPart?.(part)
    }
    const auditors: PartAuditor[] =
      threads === 1
        ? [await auditorHere(tree, options.signal)]
        : Array.from({ length: Math.min(threads, gaps.length) }, () => auditorBeside(tree))
    await auditRanges(gaps, auditors, take, options.signal)
    return missing
  }

  /**
   * Gives the taker some of what was read before it existed (filling.ts). Returns whether there is more. Throws errors
   * of reading the right edge of the tree, and the signal's reason. Must not be called during an audit.
   */
  async fill(signal?: AbortSignal): Promise<boolean> {
    const { taker } = this.#parts
    const last = this.head
    if (taker === undefined || last === undefined) return false
    return fillTaker(taker, this.#treeOf(parseCheckpoint(last.text)), this.auditedSize, signal)
  }

  #treeOf(head: Checkpoint): TreeToAudit {
    const { origin, source, taker } = this.#parts
    const onRecords: TreeToAudit['onRecords'] = taker && ((first, records) => taker.take(first, records))
    return { tree: head, origin, source, seed: this.#state!.seed, ...(onRecords && { onRecords }) }
  }

  #pass({ audited, findings }: Part): void {
    this.#passed += audited
    for (const finding of findings) {
      if (this.#passing.size >= MAX_TOLD) return
      this.#passing.set(JSON.stringify(finding), finding)
    }
  }

  /** Compares records that share a key, as far as that was not done; returns what was unavailable. */
  async #compare(signal?: AbortSignal): Promise<Missing[]> {
    const { key, origin, source, dir } = this.#parts
    // The largest head, which covers all parts.
    const note = this.head!
    const head = parseCheckpoint(note.text)
    const { auditedSize } = this.#kept
    const isOneRange = this.#kept.done.at(-1)?.to === auditedSize
    const { shared } = this.#state!
    const since = isOneRange && shared.isWhole && shared.upTo <= auditedSize ? shared.upTo : 0
    if (isOneRange && since === auditedSize) return []
    const { groups, isWhole } = await sharedKeys(this.#kept, since, signal)
    const options = signal === undefined ? {} : { signal }
    const judge = async (): Promise<SharedVerdict> => {
      if (groups.length === 0) return { findings: [], evidence: [] }
      const tiles = await HashTiles.open(head, source, origin, signal)
      return judgeShared(groups, since, {
        key,
        head: note,
        record: (id) => provenRecord(id, { tiles, source, origin, signal }),
        proof: async (id) => (await this.#client.recordProof(head, id, options)).proof,
      })
    }
    // A log that has forked meanwhile no longer has these tiles: earlier findings must be reported all the same.
    const found = await attempted(judge())
    if (found instanceof GossumError) return [{ what: 'records that share a key', why: found.message }]
    const evidence = found.evidence.map((one) => fromUtf8(encodeEvidence(one))!)
    const earlier = since === 0 ? { findings: [], evidence: [] } : shared
    this.#state = {
      ...this.#state!,
      shared: {
        upTo: isOneRange ? auditedSize : 0,
        findings: [...earlier.findings, ...found.findings],
        evidence: [...earlier.evidence, ...evidence],
        isWhole,
      },
    }
    await writeState(dir, this.#state)
    return isWhole ? [] : [{ what: 'records that share a key', why: 'too many records are of few module versions' }]
  }

  #evidence(): Evidence[] {
    return (this.#state?.shared.evidence ?? []).map((text) => parseEvidence(utf8(text)))
  }

  #report(head: Checkpoint, range: PartRange, missing: readonly Missing[], evidence: Evidence[]): AuditReport {
    const wanted = { from: range.from, to: Math.min(range.to, head.size) }
    const open = this.#kept.gaps(wanted).reduce((sum, { from, to }) => sum + to - from, 0)
    const findings = { error: 0, note: 0 }
    for (const { counts } of this.#kept.done) {
      findings.error += counts.error
      findings.note += counts.note
    }
    for (const { level } of [...this.#passing.values(), ...this.sharedFindings]) findings[level]++
    const audited = Math.max(wanted.to - wanted.from, 0) - open + this.#passed
    const isComplete = open === 0 && missing.length === 0 && range.to <= head.size
    return { audited, size: head.size, root: head.root, findings, isComplete, missing, evidence }
  }
}
