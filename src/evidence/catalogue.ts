/**
 * Which evidence is kept, in memory: listing it, or looking up a lie, costs no disk access.
 * Evidence that is still to be written is in it, too.
 */
import type { EvidenceRef } from './kept.js'

interface Entry extends EvidenceRef {
  /** Whether it convicts the log itself. */
  readonly isSplitView: boolean
  /** Hashes (hex) of the checkpoint texts that it shows. */
  readonly texts: readonly string[]
}

export class Catalogue {
  readonly #entries = new Map<string, Entry>()
  /**
   * What kept split views show, by log: text hash -> evidence id. Of two heads one may be ours; it is noted all the
   * same, for it can excuse nothing: there is no evidence without a lie in it.
   */
  readonly #shown = new Map<string, Map<string, string>>()
  readonly #splitViews = new Map<string, string[]>()

  /** All of it, oldest first. */
  get refs(): readonly EvidenceRef[] {
    return Array.from(this.#entries.values(), ({ log, id }) => ({ log, id }))
  }

  has(id: string): boolean {
    return this.#entries.has(id)
  }

  /** Ids of the split views of a log, oldest first. */
  splitViewsOf(log: string): readonly string[] {
    return this.#splitViews.get(log) ?? []
  }

  /** Ids of the split views of the log that this one convicts, itself among them; none when it convicts no log. */
  besides(id: string): readonly string[] {
    const entry = this.#entries.get(id)
    return entry?.isSplitView === true ? this.splitViewsOf(entry.log) : []
  }

  /** The id of a split view that shows this text; undefined when none does. */
  showing(log: string, text: string): string | undefined {
    return this.#shown.get(log)?.get(text)
  }

  add(entry: Entry): void {
    const { id, log, isSplitView, texts } = entry
    this.#entries.set(id, entry)
    if (!isSplitView) return
    this.#splitViews.set(log, [...this.splitViewsOf(log), id])
    const shown = this.#shown.get(log) ?? new Map<string, string>()
    this.#shown.set(log, shown)
    for (const text of texts) if (!shown.has(text)) shown.set(text, id)
  }

  /** Forgets a witness conflict; split views stay for ever. */
  remove(id: string): void {
    this.#entries.delete(id)
  }
}
