/**
 * Which evidence is kept, in memory: listing it, or looking up a lie, costs no disk access.
 * Evidence that is still to be written is in it, too.
 */
import type { EvidenceRef } from './kept.js'
import type { Shown } from './lies.js'

interface Entry extends EvidenceRef {
  /** Its kind; also one of a later version. */
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
   * Text hash -> evidence id. Of two heads one may be ours, of two lines one may be right; they are noted all the same, for
   * they can excuse nothing: there is no evidence without a lie in it.
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
  /** What convicts logs, by log and kind. */
  readonly #shown = new Map<string, OfKind>()
  /** Ids of all that convicts a log, by log. */
  readonly #againstLogs = new Map<string, string[]>()

  /** All of it, oldest first. */
  get refs(): readonly EvidenceRef[] {
    return Array.from(this.#entries.values(), ({ log, id }) => ({ log, id }))
  }

  has(id: string): boolean {
    return this.#entries.has(id)
  }

  /** The evidence of this kind that convicts a log, oldest first, and what it shows, now and later. */
  against(log: string, type: string): Shown {
    return this.#ofKind(log, type)
  }

  /** Ids of all that convicts the log that this one convicts, itself among them, oldest first; none when it convicts no log. */
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

  /** Forgets a witness conflict; what convicts a log stays for ever. */
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
