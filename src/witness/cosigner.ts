/**
 * The signing half of the corridor: what stands between a proven head and our cosignature, and the order in which it is
 * made: the promise on disk, the cosignature, the cosigned head on disk. Only then may it leave.
 */
import { errorCode, type ErrorCode } from '../errors.js'
import { isFrozen, unmetFloor, type FirstUse, type Floor, type LogState } from '../store/heads.js'
import type { Store } from '../store/store.js'
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import type { Checkpoint } from '../tlog/checkpoint.js'
import { cosignBy, type Cosignature } from '../tlog/cosignature.js'
import { formatHash } from '../tlog/hash.js'
import type { Tree } from '../tlog/merkle.js'
import { formatNote, parseNote, type Note, type Signer } from '../tlog/note.js'
import type { CosignedHeads } from './cosigned.js'
import type { Proof } from './decide.js'
import type { FollowedLog } from './prover.js'
import type { VerifiedNote } from './verify.js'

export interface CosignerParts {
  readonly store: Store
  readonly cosigned: CosignedHeads
  readonly signer: Signer
  /** Our ML-DSA-44 key, which signs all that `signer` signs, with the same time. */
  readonly second?: Signer | undefined
  /** Whether anything may be signed, and who is told when our key turns out to sign elsewhere. */
  readonly guard: { readonly maySign: boolean; sawUnknown(time: number): void }
  /** A first head was trusted because it was the first. */
  readonly onFirstUse: (log: string, first: FirstUse) => void
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** Our cosignatures of one head and one time: by our key, then by the second one if we have it. */
export type Made = readonly Cosignature[]

/** A verified note whose checkpoint could be read. */
export type Head = VerifiedNote<FollowedLog> & { readonly checkpoint: Checkpoint }

/** A cosignature of an unchanged head is made anew after this long, so that its time stays fresh. */
const REFRESH_SECONDS = 30 * 60

export class Cosigner {
  readonly #parts: CosignerParts
  readonly #signers: readonly Signer[]
  /** Logs whose promised cosignature could not be made or stored: made again when the head comes back. */
  readonly #owed = new Set<string>()

  constructor(parts: CosignerParts) {
    this.#parts = parts
    this.#signers = [parts.signer, ...(parts.second === undefined ? [] : [parts.second])]
  }

  /** The vkey of our key. */
  get key(): string {
    return this.#parts.signer.verifier.vkey
  }

  /** The vkeys of our keys, the first one first. */
  get keys(): readonly string[] {
    return this.#signers.map(({ verifier }) => verifier.vkey)
  }

  /** A cosignature among these that is by one of our keys. */
  ownIn(cosignatures: ReadonlyMap<string, Cosignature>): Cosignature | undefined {
    const own = this.#signers.flatMap(({ verifier }) => cosignatures.get(verifier.vkey) ?? [])
    return own.reduce<Cosignature | undefined>((last, next) => (next.time > (last?.time ?? 0) ? next : last), undefined)
  }

  /** Logs whose newest head was promised a cosignature that it does not have. */
  get owed(): readonly string[] {
    return [...this.#owed]
  }

  /**
   * Makes the cosignature that was promised on disk again, bit for bit, in case the crash came before it was stored. While
   * nobody can sign it stays owed.
   */
  async resume(log: string): Promise<void> {
    const state = this.#parts.store.heads.get(log)
    if (state.note === undefined || !this.#isSigned(state) || this.#disagrees(log)) return
    try {
      await this.#release(log, state, parseNote(utf8(state.note)), new Map())
    } catch (error) {
      if (errorCode(error) !== 'AGENT_UNAVAILABLE') throw error
    }
  }

  /**
   * Takes note of a head with our own cosignature. One that we do not remember making says that our key signed without
   * us, and a larger one than ours becomes the floor. Durable when it returns.
   */
  async recall({ log, checkpoint, bare }: Head, own: Cosignature): Promise<void> {
    const { store, guard, now } = this.#parts
    for (;;) {
      const state = store.heads.get(log.id)
      if (checkpoint.size <= (state.tree?.size ?? -1) && own.time <= (state.signed?.time ?? 0)) return
      guard.sawUnknown(own.time)
      const highest = Math.max(state.tree?.size ?? -1, state.floor?.size ?? -1)
      if (checkpoint.size <= highest || this.#disagrees(log.id)) return
      const floor: Floor = {
        size: checkpoint.size,
        root: formatHash(checkpoint.root),
        note: fromUtf8(formatNote(withLines(bare, [own])))!,
        at: new Date(now()).toISOString(),
      }
      if ((await store.heads.change(log.id, state, { floor })) !== undefined) return
    }
  }

  /** What stands between a proven head and our cosignature. */
  obstacle(log: string, { size, root }: Tree): ErrorCode | undefined {
    if (this.#disagrees(log)) return 'STATE_DISAGREES'
    if (!this.#parts.guard.maySign) return 'GUARD_WAITING'
    if (this.#parts.signer.away !== undefined) return this.#parts.signer.away.code
    const floor = unmetFloor(this.#parts.store.heads.get(log))
    const isReached = floor === undefined || (floor.size === size && floor.root === formatHash(root))
    return isReached ? undefined : 'GUARD_BEHIND'
  }

  /**
   * Goes on from a floor of which only the tree is known, for its head is lost: by a larger head that is proven to extend
   * the tree of `from`, once it is proven to extend that one, too. Signs nothing. Whether the head is to be decided about
   * anew; `prove` shows the root of its first records.
   */
  async passFloor(
    { log, checkpoint }: Head,
    from: LogState,
    prove: (size: number) => Promise<Proof>,
  ): Promise<boolean> {
    const floor = unmetFloor(from)
    if (floor === undefined || floor.note !== undefined || checkpoint.size <= floor.size) return false
    const proof = await prove(floor.size)
    if ('failed' in proof || formatHash(proof.prefix.root) !== floor.root) return false
    const tree = { size: floor.size, root: proof.prefix.root }
    await this.#parts.store.heads.change(log.id, from, { tree, note: undefined, floor: undefined })
    return true
  }

  /**
   * Makes a proven head the newest one and cosigns it. Undefined when the state is not `from` any more: then nothing
   * was written or signed.
   */
  async advance({ log, checkpoint, bare, cosignatures }: Head, from: LogState): Promise<Made | undefined> {
    const { size } = checkpoint
    const root = formatHash(checkpoint.root)
    const isFirst = from.tree === undefined && from.floor === undefined
    const firstUse = isFirst ? { size, root, at: new Date(this.#parts.now()).toISOString() } : from.firstUse
    const next = await this.#parts.store.heads.change(log.id, from, {
      tree: { size, root: checkpoint.root },
      note: fromUtf8(formatNote(bare))!,
      signed: this.#promise(from, size, this.ownIn(cosignatures)?.time),
      firstUse,
      floor: from.floor !== undefined && from.floor.size > size ? from.floor : undefined,
    })
    if (next === undefined) return undefined
    if (isFirst) this.#parts.onFirstUse(log.id, firstUse!)
    return this.#release(log.id, next, bare, cosignatures)
  }

  /** Cosigns a known head that we never cosigned with this key, or not for a long time; undefined when it need not be. */
  async refresh(head: Head, state: LogState): Promise<Made | undefined> {
    const { log, checkpoint, canonical } = head
    if (!canonical || isFrozen(state) || this.obstacle(log.id, checkpoint) !== undefined) return undefined
    return this.isDue(log.id, state) ? this.renew(head, state) : undefined
  }

  /** Whether the newest head of a log lacks our cosignature, or has an old one. */
  isDue(log: string, state: LogState): boolean {
    const age = this.#parts.now() / 1000 - (state.signed?.time ?? 0)
    // After a recovery the tree is known without its note: the head that came back fills it in.
    const isFresh = state.note !== undefined && this.#isSigned(state) && age < REFRESH_SECONDS
    return !isFresh || this.#owed.has(log)
  }

  /**
   * Cosigns a known head with the time of now; undefined when the state is not `from` any more. Times are seconds: within
   * one it is the same cosignature, bit for bit, which was promised on disk before and needs no second promise.
   */
  async renew({ log, bare }: Head, from: LogState): Promise<Made | undefined> {
    const signed = this.#promise(from, from.tree!.size)
    if (from.note === undefined || !this.#isSigned(from) || from.signed!.time !== signed.time) {
      const next = await this.#parts.store.heads.change(log.id, from, { note: fromUtf8(formatNote(bare))!, signed })
      return next && this.#release(log.id, next, bare, new Map())
    }
    const current = this.#parts.cosigned.current(log.id)
    const lines = current?.size === signed.size ? current.cosignatures : new Map<string, Cosignature>()
    const made = this.#signers.flatMap(({ verifier }) => lines.get(verifier.vkey) ?? [])
    const isWhole = made.length === this.#signers.length && made.every(({ time }) => time === signed.time)
    return isWhole ? made : this.#release(log.id, from, bare, new Map())
  }

  /** What will be signed, for the disk. Time never runs backwards, whatever the clock says. */
  #promise(state: LogState, size: number, atLeast = 1): NonNullable<LogState['signed']> {
    const time = Math.max(Math.floor(this.#parts.now() / 1000), state.signed?.time ?? 0, atLeast)
    const second = this.#second
    return { key: this.key, ...(second !== undefined && { second }), size, time }
  }

  /** Makes the cosignatures that the state on disk speaks of, and stores them: only then may they leave. */
  async #release(log: string, state: LogState, bare: Note, others: ReadonlyMap<string, Cosignature>): Promise<Made> {
    try {
      const own = new Map<string, Cosignature>()
      for (const signer of this.#signers) {
        own.set(signer.verifier.vkey, await cosignBy(bare.text, state.signed!.time, signer))
      }
      await this.#parts.cosigned.install(log, bare, new Map([...others, ...own]))
      this.#owed.delete(log)
      return [...own.values()]
    } catch (error) {
      this.#owed.add(log)
      throw error
    }
  }

  #isSigned(state: LogState): boolean {
    const { signed, tree } = state
    return signed?.key === this.key && signed.second === this.#second && signed.size === tree?.size
  }

  /** Our second key as the promise names it: in full it would be larger than all the rest. */
  get #second(): string | undefined {
    const key = this.#parts.second?.verifier
    return key && `${key.name}+${key.keyId}`
  }

  #disagrees(log: string): boolean {
    return this.#parts.store.heads.disagreement(log) !== undefined
  }
}

/** A head with the log's line and these cosignatures. */
export function withLines(bare: Note, cosignatures: Iterable<Cosignature>): Note {
  return { text: bare.text, signatures: [...bare.signatures, ...Array.from(cosignatures, (line) => line.signature)] }
}
