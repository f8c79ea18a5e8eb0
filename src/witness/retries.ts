/**
 * What was left open is tried again: suspects of a log, which its growth, the log itself or a peer may explain by now.
 * Those that stay are told about, once.
 */
import type { Store } from '../store/store.js'
import { utf8 } from '../tlog/bytes.js'
import { parseNote } from '../tlog/note.js'
import type { Candidate, Outcome } from './decide.js'
import type { FollowedLog } from './prover.js'
import type { Suspect, Suspects } from './suspects.js'

export interface RetriesParts {
  readonly store: Store
  readonly suspects: Suspects
  /** Takes a head through the corridor once more, at nobody's expense. */
  readonly judge: (candidate: Candidate) => Promise<Outcome>
  readonly onOutcome: (outcome: Outcome, candidate: Candidate) => void
  /** A suspect that stayed one for too long, or that no tree can explain. */
  readonly onSuspectAlarm: (suspect: Suspect) => void
  /** A suspect that is kept no longer, though nothing explained it. */
  readonly onSuspectDropped: (suspect: Suspect) => void
  /** Aborted when the heart stops. */
  readonly stopped: AbortSignal
  readonly now: () => number
}

/** How long a suspect may stay one before people are told. */
const SUSPECT_ALARM_MS = 15 * 60_000

export class Retries {
  readonly #parts: RetriesParts

  constructor(parts: RetriesParts) {
    this.#parts = parts
  }

  /** Tries all suspects again that our own tree has overtaken, and at most `limit` larger ones. */
  async retry(log: FollowedLog, limit: number): Promise<void> {
    const { suspects, store, stopped, now } = this.#parts
    let left = limit
    for (const suspect of suspects.list(log.id)) {
      if (stopped.aborted) return
      const overtaken = suspect.size !== null && suspect.size <= (store.heads.get(log.id).tree?.size ?? 0)
      if ((overtaken || (suspect.size !== null && left-- > 0)) && (await this.#isExplained(suspect))) continue
      if (now() - Date.parse(suspect.firstSeen) < SUSPECT_ALARM_MS) continue
      // A log without tiles cannot explain what it signed before; that it came late, or out of turn, is no sign of a lie.
      if (overtaken && log.prefix === undefined) await this.#letGo(suspect)
      else await this.alarm(suspect)
    }
  }

  async #isExplained(suspect: Suspect): Promise<boolean> {
    const { suspects, judge, onOutcome, now } = this.#parts
    // Not by gossip: what came with it since then was not forwarded.
    const door = suspect.door === 'gossip' ? 'sync' : suspect.door
    const peer = suspects.bringer(suspect) ?? suspect.peer
    const { log, note } = suspect
    const candidate: Candidate = {
      door,
      note: utf8(note),
      log,
      receivedAt: now(),
      ...(peer !== undefined && { peer }),
    }
    const outcome = await judge(candidate)
    const isSuspect = outcome.kind === 'pending' || outcome.code === 'LOG_FROZEN'
    if (!isSuspect) onOutcome(outcome, candidate)
    return !isSuspect
  }

  async #letGo(suspect: Suspect): Promise<void> {
    const { text, signatures } = parseNote(utf8(suspect.note))
    await this.#parts.suspects.resolve(suspect.log, { text, signatures: signatures.slice(0, 1) })
    this.#parts.onSuspectDropped(suspect)
  }

  /** Tells about a suspect, if nobody was told before. */
  async alarm(suspect: Suspect): Promise<void> {
    if (await this.#parts.suspects.alarm(suspect)) this.#parts.onSuspectAlarm(suspect)
  }
}
