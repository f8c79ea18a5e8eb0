/**
 * Whether what evidence shows is known. One lie makes new evidence with every other head of its log, and whoever holds it
 * can show it again, also with heads that nobody here has seen yet; and a fork that grows is one lie, not one for each of
 * its heads. Two records that contradict each other are one lie under all heads to come. The operator is asked once for each.
 */
import { toHex, utf8 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import { parseNote } from '../tlog/note.js'
import { contradictionOf } from './bad-record.js'
import { BAD_RECORD, parseEvidence, SPLIT_VIEW, WITNESS_CONFLICT, type BadRecord, type Evidence } from './evidence.js'
import type { Shelf } from './kept.js'

/** What can be found out about heads, each given as a note. What throws is a fault of ours, and nobody can say then. */
export interface Findings {
  /** Whether a head is of the history that we proved; undefined when nobody can say. */
  readonly isOurs: (log: string, head: string) => Promise<boolean | undefined>
  /** Whether two heads are proven to be of one history; false when nobody can say. */
  readonly areOneHistory: (log: string, heads: readonly [string, string]) => Promise<boolean>
}

/** The kept evidence that something is compared with: that of the same kind about the same. */
export interface Shown {
  /** Ids of evidence; the newest last. */
  readonly ids: readonly string[]
  /** The id of one that shows this text (textsOf); undefined when none does. */
  showing(text: string): string | undefined
}

/** Evidence in which the other heads of a fork are looked for: what was kept last. */
const MAX_COMPARED = 4
/** Milliseconds after which no more of it is looked at: a new lie must not wait for a log that does not answer. */
const COMPARE_MS = 10_000

/** What evidence tells: a lie, one that is known and has grown, or nothing. */
export type LieNews = 'new' | 'grown' | 'known'

type Standing = 'ours' | 'shown' | 'lie' | 'grown' | 'new' | 'unknown'

export class Lies {
  readonly #findings: Findings
  readonly #shelf: Pick<Shelf, 'get'>
  readonly #onError: (error: unknown) => void
  /** Texts that are proven not to be ours; each is in kept evidence, which bounds them. */
  readonly #proven = new Set<string>()

  constructor(findings: Findings, shelf: Pick<Shelf, 'get'>, onError: (error: unknown) => void) {
    this.#findings = findings
    this.#shelf = shelf
    this.#onError = onError
  }

  /** What verified evidence tells beside what was kept of its kind; at once where nothing has to be found out. */
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
   * What heads that contradict each other tell. Nothing new where each is ours or was shown before, or one is a lie that was
   * and of the other nobody can say that it is another one. A lie that has grown where one continues such a lie.
   */
  async #newsOfHeads(log: string, heads: readonly string[], shown: Shown): Promise<LieNews> {
    // Of two heads that nobody has seen one is a lie in any case, and nothing is spent on finding out which.
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

  /** Whether a head that was shown is not ours: it says so itself, or the one that it contradicts is ours. */
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

  /** Whether a head continues a lie that was shown, or the other way round: the log's own proof says so. */
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

/** Two lines that were shown, in whatever records and under whatever heads, are known; a third one is another lie. */
function newsOfRecords(evidence: BadRecord, shown: Shown): LieNews {
  return textsOf(evidence).every((text) => shown.showing(text) !== undefined) ? 'known' : 'new'
}

/** Hashes (hex) of the texts that evidence shows: of its two checkpoints, or of the two lines that its records contradict each other in. */
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
