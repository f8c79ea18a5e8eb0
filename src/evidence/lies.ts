/**
 * Whether what evidence shows is known already. One lie gives new evidence with every other head of its log, and anyone
 * who has it can show it again, even with heads that nobody here has seen yet; and a growing fork is one lie, not one
 * per head. Two records that contradict each other are one lie under all later heads. The operator is asked once for
 * each lie.
 */
import { toHex, utf8 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import { parseNote } from '../tlog/note.js'
import { contradictionOf } from './bad-record.js'
import { BAD_RECORD, parseEvidence, SPLIT_VIEW, WITNESS_CONFLICT, type BadRecord, type Evidence } from './evidence.js'
import type { Shelf } from './kept.js'

/** Questions about heads, each given as a note. A rejection is a fault of ours, and then the answer is unknown. */
export interface Findings {
  /** Whether a head is on the history that we proved; undefined when that is unknown. */
  readonly isOurs: (log: string, head: string) => Promise<boolean | undefined>
  /** Whether two heads are proven to be on one history; false when that is unknown. */
  readonly areOneHistory: (log: string, heads: readonly [string, string]) => Promise<boolean>
}

/** The kept evidence with which something is compared: of the same kind, against the same party. */
export interface Shown {
  /** Ids of evidence; the newest last. */
  readonly ids: readonly string[]
  /** The id of evidence that shows this text (textsOf); undefined when none does. */
  showing(text: string): string | undefined
}

/** Pieces of evidence, the newest, that are searched for other heads of the same fork. */
const MAX_COMPARED = 4
/** Milliseconds after which the search stops: reporting a new lie must not wait for a log that does not answer. */
const COMPARE_MS = 10_000

/** What evidence shows: a new lie, a known one that has grown, or nothing new. */
export type LieNews = 'new' | 'grown' | 'known'

type Standing = 'ours' | 'shown' | 'lie' | 'grown' | 'new' | 'unknown'

export class Lies {
  readonly #findings: Findings
  readonly #shelf: Pick<Shelf, 'get'>
  readonly #onError: (error: unknown) => void
  /** Texts that are proven not to be ours; each is in kept evidence, which limits their number. */
  readonly #proven = new Set<string>()

  constructor(findings: Findings, shelf: Pick<Shelf, 'get'>, onError: (error: unknown) => void) {
    this.#findings = findings
    this.#shelf = shelf
    this.#onError = onError
  }

  /**
   * What verified evidence shows, compared with the kept evidence of its kind; synchronously where nothing has to be
   * looked up.
   */
  news(log: string, evidence: Evidence, shown: Shown): LieNews | Promise<LieNews> {
    switch (evidence.type) {
      case SPLIT_VIEW:
      case WITNESS_CONFLICT:
        return this.#newsOfHeads(log, evidence.heads, shown)
      case BAD_RECORD:
        return newsOfRecords(evidence, shown)
    }
  }

  /**
   * What two contradicting heads show. Nothing new if each is ours or was shown before, or if one is a lie shown before
   * and the other cannot be told to be another lie. A lie that has grown if one head continues such a lie.
   */
  async #newsOfHeads(log: string, heads: readonly string[], shown: Shown): Promise<LieNews> {
    // Of two unknown heads one is a lie in any case; which one does not matter yet.
    if (shown.ids.length === 0) return 'new'
    const standings: Standing[] = []
    for (const head of heads) standings.push(await this.#standing(log, head, shown))
    if (standings.includes('new')) return 'new'
    if (standings.includes('grown')) return 'grown'
    return standings.includes('lie') || !standings.includes('unknown') ? 'known' : 'new'
  }

  async #standing(log: string, head: string, shown: Shown): Promise<Standing> {
    const text = textHash(head)
    const id = shown.showing(text)
    if (id !== undefined) return (await this.#isLie(log, head, text, id)) ? 'lie' : 'shown'
    const isOurs = await this.#isOurs(log, head)
    if (isOurs === true) return 'ours'
    if (await this.#isGrown(log, head, shown)) return 'grown'
    return isOurs === false ? 'new' : 'unknown'
  }

  /** Whether a head shown before is not ours: its own size says so, or the head that it contradicts is ours. */
  async #isLie(log: string, head: string, text: string, id: string): Promise<boolean> {
    if (this.#proven.has(text)) return true
    const isOurs = await this.#isOurs(log, head)
    const isLie = isOurs === false || (isOurs === undefined && (await this.#isAgainstOurs(log, text, id)))
    if (isLie) this.#proven.add(text)
    return isLie
  }

  async #isAgainstOurs(log: string, text: string, id: string): Promise<boolean> {
    for (const other of await this.#headsOf(id))
      if (textHash(other) !== text && (await this.#isOurs(log, other)) === true) return true
    return false
  }

  /** Whether a head continues a lie that was shown, or the other way round, according to the log's own proof. */
  async #isGrown(log: string, head: string, { ids }: Shown): Promise<boolean> {
    const enough = performance.now() + COMPARE_MS
    for (const id of ids.slice(-MAX_COMPARED)) {
      for (const other of await this.#headsOf(id)) {
        if (performance.now() > enough) return false
        const areOne = await this.#guarded(false, () => this.#findings.areOneHistory(log, [other, head]))
        if (areOne && (await this.#isLie(log, other, textHash(other), id))) return true
      }
    }
    return false
  }

  #isOurs(log: string, head: string): Promise<boolean | undefined> {
    return this.#guarded(undefined, () => this.#findings.isOurs(log, head))
  }

  async #headsOf(id: string): Promise<readonly string[]> {
    return this.#guarded([], async () => {
      const kept = await this.#shelf.get(id)
      const evidence = kept && parseEvidence(utf8(kept.text))
      return evidence === undefined || evidence.type === BAD_RECORD ? [] : evidence.heads
    })
  }

  async #guarded<T>(otherwise: T, find: () => Promise<T>): Promise<T> {
    try {
      return await find()
    } catch (error) {
      this.#onError(error)
      return otherwise
    }
  }
}

/**
 * Two lines that were shown before, in whatever records and under whatever heads, are known; a third one is a new lie.
 */
function newsOfRecords(evidence: BadRecord, shown: Shown): LieNews {
  return textsOf(evidence).every((text) => shown.showing(text) !== undefined) ? 'known' : 'new'
}

/**
 * Hashes (hex) of the texts that evidence shows: its two checkpoints, or the two lines in which its records contradict
 * each other.
 */
export function textsOf(evidence: Evidence): string[] {
  switch (evidence.type) {
    case SPLIT_VIEW:
    case WITNESS_CONFLICT:
      return evidence.heads.map(textHash)
    case BAD_RECORD: {
      const [one, other] = evidence.records
      return (contradictionOf([one.text, other.text])?.lines ?? []).map((line) => toHex(sha256(utf8(line))))
    }
  }
}

/** The hash (hex) of a head's checkpoint text, whatever lines it carries. */
export function textHash(head: string): string {
  return toHex(sha256(utf8(parseNote(utf8(head)).text)))
}
