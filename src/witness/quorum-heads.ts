/**
 * The quorum head of each log: the largest head that satisfies the policy, kept over restarts and found again when the
 * policy changes.
 */
import { unlessRefused } from '../errors/attempt.js'
import type { Store } from '../store/store.js'
import { spellNote } from '../tlog/note.js'
import { cosignedHead, type CosignedHead } from './cosigned-head.js'
import type { Quorum } from './quorum.js'

/** Heads searched for a quorum when witnesses are convicted or counted again, newest first: in total, and per batch. */
const RECONSIDERED = { most: 1024, atOnce: 32 }

export interface QuorumHeadsParts {
  readonly store: Pick<Store, 'history' | 'quorum'>
  readonly quorum: Quorum
  /** Reads a kept head, and verifies its lines. Throws what parseNote throws. */
  readonly read: (note: string) => CosignedHead
  /** Called when a log has a new quorum head. */
  readonly onQuorum: (log: string, head: CosignedHead) => void
}

export class QuorumHeads {
  readonly #parts: QuorumHeadsParts
  readonly #counted: ReadonlySet<string>
  readonly #heads = new Map<string, CosignedHead>()

  constructor(parts: QuorumHeadsParts) {
    this.#parts = parts
    this.#counted = new Set(parts.quorum.keys.map(({ vkey }) => vkey))
  }

  /** The quorum head of a log, with only the cosignatures that count. */
  of(log: string): CosignedHead | undefined {
    return this.#heads.get(log)
  }

  /** Loads the quorum head of a log, under the current policy. */
  async load(log: string): Promise<void> {
    const head = await this.#find(log)
    if (head !== undefined) this.#heads.set(log, head)
  }

  /** The quorum head that a head makes; undefined when it makes none, or one that is smaller than ours. */
  in(log: string, head: CosignedHead): CosignedHead | undefined {
    return head.size >= (this.#heads.get(log)?.size ?? 0) ? this.#ifQuorum(head) : undefined
  }

  /** Writes a quorum head down, as a note. */
  keep(log: string, note: string, how: 'durably' | 'lazily'): Promise<void> {
    const { quorum } = this.#parts.store
    return how === 'durably' ? quorum.put(log, note) : quorum.putLazily(log, note)
  }

  /** Makes one that was written down the quorum head of the log. */
  take(log: string, head: CosignedHead): void {
    const before = this.#heads.get(log)
    this.#heads.set(log, head)
    if (before?.size !== head.size || before.cosignatures.size !== head.cosignatures.size)
      this.#parts.onQuorum(log, head)
  }

  /** Finds the quorum head again, after a witness was convicted or is counted again. There may be none any more. */
  async reconsider(log: string): Promise<void> {
    const head = await this.#find(log)
    if (head !== undefined) {
      await this.keep(log, spellNote(head.note), 'durably')
      return this.take(log, head)
    }
    this.#heads.delete(log)
    await this.#parts.store.quorum.del(log)
  }

  /** The newest head that satisfies the policy: the current one, or one in the history. */
  async #find(log: string): Promise<CosignedHead | undefined> {
    const { store } = this.#parts
    const stored = await store.quorum.get(log)
    const before = stored === undefined ? undefined : this.#asQuorum(stored)
    for (let from = Infinity, left = RECONSIDERED.most; left > 0; left -= RECONSIDERED.atOnce) {
      const some = await store.history.latest(log, RECONSIDERED.atOnce, from)
      for (const { size, note } of some) {
        if (size < (before?.size ?? 0)) return before
        const head = this.#asQuorum(note)
        if (head !== undefined) return head
        from = size
      }
      if (some.length < RECONSIDERED.atOnce) break
    }
    return before
  }

  /** The head with the cosignatures that count, if they satisfy the policy. */
  #ifQuorum(head: CosignedHead): CosignedHead | undefined {
    const { quorum } = this.#parts
    const { note, cosignatures } = head
    const convicted = quorum.convicted()
    const counting = [...cosignatures].filter(([key]) => this.#counted.has(key) && !convicted.has(key))
    if (!quorum.satisfiedBy(new Set(counting.map(([key]) => key)))) return undefined
    return counting.length === cosignatures.size
      ? head
      : cosignedHead(note.text, note.signatures[0]!, new Map(counting), head)
  }

  /** The same for a kept note. One that the disk damaged yields none: it must not keep the node from starting. */
  #asQuorum(text: string): CosignedHead | undefined {
    return unlessRefused(() => this.#ifQuorum(this.#parts.read(text)))
  }
}
