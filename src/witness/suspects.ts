/**
 * Suspects: validly signed heads that could not be tied to our history yet. Kept on disk, shown, retried, alarmed
 * when they stay; never dropped in silence. Only the holder of the log's key can make one.
 */
import type { Database } from '../store/heads.js'
import type { ErrorCode } from '../errors.js'
import { fromUtf8, toHex } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import { formatNote, type Note } from '../tlog/note.js'
import type { Candidate, Door } from './decide.js'
import type { LogIdentity, VerifiedNote } from './verify.js'

/** Suspects kept per log; a log that signs more nonsense than this is caught already. */
export const MAX_SUSPECTS_PER_LOG = 256

export interface Suspect {
  /** The first 16 hex digits of the SHA-256 of its note. */
  readonly id: string
  /** Log id. */
  readonly log: string
  /** Null for a size beyond 2^53 - 1. */
  readonly size: number | null
  /** The head as a note with the log's line only. */
  readonly note: string
  /** ISO 8601. */
  readonly firstSeen: string
  readonly door: Door
  /** Peer id of who brought it. */
  readonly peer?: string
  /** Why it could not be tied, the last time it was tried. */
  readonly code: ErrorCode
  /** Whether people were told that it stays unproven. */
  readonly alarmed: boolean
}

/** The id of a head as a suspect. */
function idOf(bare: Note): string {
  return toHex(sha256(formatNote(bare))).slice(0, 16)
}

export class Suspects {
  readonly #db: Database
  readonly #byLog = new Map<string, Map<string, Suspect>>()

  private constructor(db: Database) {
    this.#db = db
  }

  static async load(db: Database): Promise<Suspects> {
    const suspects = new Suspects(db)
    for await (const json of db.values()) {
      const suspect = JSON.parse(json) as Suspect
      suspects.#of(suspect.log).set(suspect.id, suspect)
    }
    return suspects
  }

  /** The suspects of a log, oldest first. */
  list(log: string): Suspect[] {
    return [...this.#of(log).values()].sort((a, b) => (a.firstSeen < b.firstSeen ? -1 : 1))
  }

  /** Keeps a head as a suspect, or notes why it still is one. `isNew` when it was not one before. */
  async keep(
    { log, bare, checkpoint }: VerifiedNote<LogIdentity>,
    { door, peer, receivedAt }: Candidate,
    code: ErrorCode,
  ): Promise<{ isNew: boolean; suspect: Suspect }> {
    const known = this.#of(log.id).get(idOf(bare))
    const suspect: Suspect = known
      ? { ...known, code }
      : {
          id: idOf(bare),
          log: log.id,
          size: checkpoint?.size ?? null,
          note: fromUtf8(formatNote(bare))!,
          firstSeen: new Date(receivedAt).toISOString(),
          door,
          ...(peer !== undefined && { peer }),
          code,
          alarmed: false,
        }
    const full = known === undefined && this.#of(log.id).size >= MAX_SUSPECTS_PER_LOG
    if (known?.code !== code && !full) await this.#put(suspect)
    return { isNew: known === undefined && !full, suspect }
  }

  /** Marks that people were told. */
  async alarm(suspect: Suspect): Promise<void> {
    await this.#put({ ...suspect, alarmed: true })
  }

  /** Forgets a head that was tied to our history, or convicted by it. */
  async resolve(log: string, bare: Note): Promise<void> {
    const id = idOf(bare)
    if (this.#of(log).delete(id)) await this.#db.del(`${log}!${id}`)
  }

  async #put(suspect: Suspect): Promise<void> {
    this.#of(suspect.log).set(suspect.id, suspect)
    await this.#db.put(`${suspect.log}!${suspect.id}`, JSON.stringify(suspect), { sync: true } as object)
  }

  #of(log: string): Map<string, Suspect> {
    let suspects = this.#byLog.get(log)
    if (suspects === undefined) this.#byLog.set(log, (suspects = new Map<string, Suspect>()))
    return suspects
  }
}
