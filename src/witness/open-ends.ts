/**
 * Resumes what was left open: at the start what the last run promised, then what waited for signing to be possible, a
 * floor that was not reached, and suspects, which the log's growth, the log itself or a peer may explain by now.
 * Suspects that stay unexplained are reported, once.
 */
import { errorCode, GossumError, type ErrorCode } from '../errors.js'
import { unmetFloor } from '../store/heads.js'
import { utf8 } from '../tlog/bytes.js'
import { isBy, parseNote, verifyNote } from '../tlog/note.js'
import type { Gatherer } from './circumstances.js'
import type { Deferred } from './deferred.js'
import type { LogMemory, Listeners } from './effects.js'
import type { Candidate } from './head.js'
import type { FollowedLog } from './prover.js'
import type { Runner } from './runner.js'
import type { Signing } from './signing.js'
import type { Suspect } from './suspects.js'

export interface OpenEndsOptions {
  readonly logs: ReadonlyMap<string, FollowedLog>
  readonly kept: LogMemory
  readonly told: Pick<Listeners, 'onOutcome' | 'onSuspectAlarm' | 'onSuspectDropped'>
  readonly tools: { readonly gatherer: Gatherer; readonly signing: Signing; readonly deferred: Deferred }
  readonly runner: Runner
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** How long a suspect may stay one before it is reported, in milliseconds. */
const SUSPECT_ALARM_MS = 15 * 60_000

/** Codes of refusals that leave it open whether a head belongs to our history. */
const UNEXPLAINED: ReadonlySet<ErrorCode> = new Set(['LOG_FROZEN', 'GUARD_BEHIND', 'STATE_UNCONFIRMED'])

export class OpenEnds {
  readonly #options: OpenEndsOptions
  readonly #stopped: AbortSignal
  /** Logs whose suspects are being retried. */
  readonly #retrying = new Set<string>()

  constructor(options: OpenEndsOptions, stopped: AbortSignal) {
    this.#options = options
    this.#stopped = stopped
  }

  /**
   * Resumes where the last run ended. Cosignatures that were promised on disk are made again, bit for bit, and logs
   * that signed an impossible size are frozen, in case the crash came in between. Throws LOG_KEY_CHANGED when a head
   * that we hold was signed by a key other than the one configured now.
   */
  async resume(): Promise<void> {
    const { logs, kept, tools } = this.#options
    const { cosigned, store, suspects } = kept
    for (const [log, { key }] of logs) {
      const { note } = store.heads.get(log)
      if (note !== undefined && !parseNote(utf8(note)).signatures.some((line) => isBy(line, key))) {
        throw new GossumError('LOG_KEY_CHANGED', key.vkey)
      }
      this.#requireLogs(log)
      await cosigned.load(log)
      // These freeze the log, whatever the crash left undone: no evidence file can hold them.
      for (const { id, size, code } of suspects.list(log))
        if (size === null || code === 'NOTE_TOO_LARGE') await store.heads.hold(log, id)
      const maySign = tools.gatherer.obstacle(log, 'replay') === undefined
      await tools.signing.resume(log, store.heads.get(log), maySign)
    }
  }

  /** The heads whose cosignatures were promised on disk and could not be made. */
  owed(): Candidate[] {
    const { kept, tools } = this.#options
    return [...tools.signing.owed].flatMap((log) => {
      const { note } = kept.store.heads.get(log)
      return note === undefined ? [] : this.#replay(log, note)
    })
  }

  /** Deposits again what an earlier run signed. */
  async redeposit(): Promise<void> {
    const { logs, kept, tools } = this.#options
    await Promise.all([...logs.keys()].map((log) => tools.signing.redeposit(log, kept.store.heads.get(log))))
  }

  /**
   * Processes what arrived while nothing could be signed, the largest heads first, before anything else of their logs.
   */
  async takeDeferred(submit: (candidate: Candidate) => Promise<unknown>): Promise<void> {
    const { deferred } = this.#options.tools
    await Promise.all(
      deferred.logs().map(async (log) => {
        let left: readonly Candidate[]
        try {
          for (const candidate of deferred.take(log)) await submit(candidate)
        } finally {
          left = deferred.done(log)
        }
        for (const candidate of left) await submit(candidate)
      }),
    )
  }

  /**
   * Tries again what is open: a floor that is not reached; all suspects of a log that our own tree has overtaken, and at
   * most `limit` larger ones, which only the log or a peer can explain. Returns the candidates to submit because of it.
   */
  async retry(log: string, limit: number): Promise<readonly Candidate[]> {
    // One at a time: each may wait for peers that do not answer.
    if (this.#retrying.has(log)) return []
    this.#retrying.add(log)
    const again: Candidate[] = []
    try {
      const { runner, kept } = this.#options
      if (limit > 0) await this.#catchUp(log)
      const floor = unmetFloor(kept.store.heads.get(log))?.note
      if (limit > 0 && floor !== undefined) again.push(...(await runner.judge(this.#replay(log, floor))).again)
      await this.#retrySuspects(log, limit, again)
    } finally {
      this.#retrying.delete(log)
    }
    return again
  }

  /** State that came from a database is signed again only if the log has signed it. Throws SIGNATURE_INVALID. */
  #requireLogs(log: string): void {
    const { logs, kept } = this.#options
    const { note } = kept.store.heads.get(log)
    if (kept.store.heads.isShared && note !== undefined) verifyNote(parseNote(utf8(note)), logs.get(log)!.key)
  }

  /** If our key also signs on other machines: what it signed there is signed here, bit for bit, and published. */
  async #catchUp(log: string): Promise<void> {
    const { kept, tools } = this.#options
    const { heads } = kept.store
    if (!heads.isShared) return
    try {
      await heads.refresh(log)
      this.#requireLogs(log)
      await tools.signing.resume(log, heads.get(log), tools.gatherer.obstacle(log, 'replay') === undefined)
    } catch (error) {
      if (errorCode(error) !== 'STATE_UNCONFIRMED') throw error
    }
  }

  async #retrySuspects(log: string, limit: number, again: Candidate[]): Promise<void> {
    const { logs, kept, told, now } = this.#options
    let left = limit
    for (const suspect of kept.suspects.list(log)) {
      if (this.#stopped.aborted) return
      const overtaken = suspect.size !== null && suspect.size <= (kept.store.heads.get(log).tree?.size ?? 0)
      if ((overtaken || (suspect.size !== null && left-- > 0)) && (await this.#isExplained(suspect, again))) continue
      if (now() - Date.parse(suspect.firstSeen) < SUSPECT_ALARM_MS) continue
      // A log without tiles cannot explain what it signed before; arriving late or out of order does not make it a lie.
      if (overtaken && logs.get(log)!.prefix === undefined) await this.#letGo(suspect)
      else if (await kept.suspects.alarm(suspect)) told.onSuspectAlarm(suspect)
    }
  }

  async #isExplained(suspect: Suspect, again: Candidate[]): Promise<boolean> {
    const { kept, told, runner } = this.#options
    const peer = kept.suspects.bringer(suspect) ?? suspect.peer
    const candidate = { ...this.#replay(suspect.log, suspect.note), ...(peer !== undefined && { peer }) }
    const { outcome, again: more } = await runner.judge(candidate)
    again.push(...more)
    const isSuspect = outcome.kind === 'pending' || (outcome.code !== undefined && UNEXPLAINED.has(outcome.code))
    if (!isSuspect) told.onOutcome(outcome, candidate)
    return !isSuspect
  }

  async #letGo(suspect: Suspect): Promise<void> {
    const { text, signatures } = parseNote(utf8(suspect.note))
    await this.#options.kept.suspects.resolve(suspect.log, { text, signatures: signatures.slice(0, 1) })
    this.#options.told.onSuspectDropped(suspect)
  }

  #replay(log: string, note: string): Candidate {
    return { source: 'replay', note: utf8(note), log, receivedAt: this.#options.now() }
  }
}
