/**
 * The kept evidence, in memory, so that listing it or looking up a lie needs no disk access. It includes evidence that
 * is still to be written.
 */
import type { EvidenceRef } from './kept.js'
import type { Shown } from './lies.js'

interface Entry extends EvidenceRef {
  /** Its kind, which may be one of a later version. */
  readonly type: string
  /** Whether it convicts the log itself. */
  readonly isAgainstLog: boolean
  /** Hashes (hex) of the texts that it shows (textsOf). */
  readonly texts: readonly string[]
}

/** What the evidence of one kind against one log shows. */
class OfKind implements Shown {
  readonly ids: string[] = []
  /**
   * Text hash -> evidence id. Of two heads one may be ours, of two lines one may be right. They are recorded all the
   * same, since no evidence is without a lie: a true text excuses nothing.
   */
  readonly #byText = new Map<string, string>()

  add({ id, texts }: Entry): void {
    this.ids.push(id)
    for (const text of texts) if (!this.#byText.has(text)) this.#byText.set(text, id)
  }

  showing(text: string): string | undefined {
    return this.#byText.get(text)
  }
}

export class Catalogue {
  readonly #entries = new Map<string, Entry>()
  /** What the evidence against logs shows, by log and kind. */
  readonly #shown = new Map<string, OfKind>()
  /** Ids of all evidence against a log, by log. */
  readonly #againstLogs = new Map<string, string[]>()

  /** All of it, oldest first. */
  get refs(): readonly EvidenceRef[] {
    return Array.from(this.#entries.values(), ({ log, id }) => ({ log, id }))
  }

  has(id: string): boolean {
    return this.#entries.has(id)
  }

  /** The evidence of this kind against a log, oldest first, and what it shows, now and later. */
  against(log: string, type: string): Shown {
    return this.#ofKind(log, type)
  }

  /**
   * Ids of all evidence against the log that this one convicts, including itself, oldest first; none when it convicts
   * no log.
   */
  besides(id: string): readonly string[] {
    const entry = this.#entries.get(id)
    return (entry?.isAgainstLog === true ? this.#againstLogs.get(entry.log) : undefined) ?? []
  }

  add(entry: Entry): void {
    const { id, log, type, isAgainstLog } = entry
    this.#entries.set(id, entry)
    if (!isAgainstLog) return
    this.#againstLogs.set(log, [...(this.#againstLogs.get(log) ?? []), id])
    this.#ofKind(log, type).add(entry)
  }

  /** Forgets a witness conflict; evidence against a log is never forgotten. */
  remove(id: string): void {
    this.#entries.delete(id)
  }

  #ofKind(log: string, type: string): OfKind {
    const key = `${log} ${type}`
    const kind = this.#shown.get(key) ?? new OfKind()
    this.#shown.set(key, kind)
    return kind
  }
}
