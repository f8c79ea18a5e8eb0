/** Gathers what a step depends on besides the state of a log, as it is now. */
import type { ErrorCode } from '../errors.js'
import { isFrozen, unmetFloor, type LogState } from '../store/heads.js'
import type { Deferred } from './deferred.js'
import type { LogMemory } from './effects.js'
import type { SizedHead } from './head.js'
import type { VerdictCache } from './verdict-cache.js'
import type { Signing } from './signing.js'
import type { HeadSource } from './source.js'
import type { Circumstances } from './step-types.js'

/** What can prevent a signature. */
export interface Barrier {
  /**
   * Why nothing of this log may be signed now, whatever the log presents: the guard, the clock, another log of the same
   * origin.
   */
  readonly obstacle: (log: string) => ErrorCode | undefined
  /** Our key has signed something at this time (POSIX seconds) that this home does not know. */
  readonly sawUnknown: (time: number) => void
  /** Whether the log is frozen although this could not be written to disk yet. */
  readonly isHeld?: (log: string) => boolean
  /** Whether all keys were made at this start, so that none has signed before. */
  readonly isFresh?: boolean
  /** Whether this peer is a chosen one: an emptied home has to agree with what chosen peers show. */
  readonly isChosen?: (peer: string) => boolean
}

export interface GathererOptions {
  readonly kept: LogMemory
  readonly barrier: Barrier
  readonly memory: VerdictCache
  readonly deferred: Deferred
  readonly signing: Signing
  /** For an observer: whether a quorum vouches for a head that may become the first of its log (vouching.ts). */
  readonly isVouched?: ((head: SizedHead) => boolean) | undefined
  /** Milliseconds since 1970. */
  readonly now: () => number
}

export class Gatherer {
  readonly #options: GathererOptions

  constructor(options: GathererOptions) {
    this.#options = options
  }

  /** The circumstances of a head. */
  async of(head: SizedHead, state: LogState, source: HeadSource): Promise<Circumstances> {
    const { kept, barrier, memory, signing, isVouched } = this.#options
    const { log, checkpoint } = head
    const isOlder = state.tree !== undefined && checkpoint.size < state.tree.size
    const isPast = isOlder && memory.isPast(log.id, head.logNote)
    const current = kept.cosigned.current(log.id)
    return {
      ...this.ofLog(log.id, source),
      frozen: this.#isFrozen(log.id, state),
      kept: isOlder && !isPast ? await kept.cosigned.at(log.id, checkpoint.size) : undefined,
      isPast,
      ...(isVouched && { isVouched: state.tree === undefined && isVouched(head) }),
      shown: state.tree === undefined && barrier.isFresh !== true ? this.#shown(log.id) : undefined,
      made: current?.size === state.tree?.size ? signing.ownIn(log.id, current?.cosignatures) : [],
      isOwed: signing.owed.has(log.id),
    }
  }

  /** The circumstances of an input other than a head. */
  ofLog(log: string, source: HeadSource): Circumstances {
    const { signing, now } = this.#options
    return {
      now: Math.floor(now() / 1000),
      keys: signing.keysOf(log),
      obstacle: this.obstacle(log, source) ?? signing.unavailable(log)?.code,
      frozen: false,
      isPast: false,
      made: [],
      isOwed: false,
    }
  }

  /**
   * Why not even what was promised may be signed now: what a step checks before it promises, and what has changed
   * since.
   */
  standsInTheWay(log: string): ErrorCode | undefined {
    const state = this.#options.kept.store.heads.get(log)
    if (this.#isFrozen(log, state)) return 'LOG_FROZEN'
    return this.obstacle(log, 'replay') ?? (unmetFloor(state) === undefined ? undefined : 'GUARD_BEHIND')
  }

  /** Why nothing of this log may be signed now. Deferred heads go before anything else. */
  obstacle(log: string, source: HeadSource): ErrorCode | undefined {
    const { kept, barrier, deferred } = this.#options
    if (kept.store.heads.disagreement(log) !== undefined) return 'STATE_DISAGREES'
    const waits = source !== 'replay' && deferred.isOpen(log)
    return barrier.obstacle(log) ?? (waits ? 'GUARD_WAITING' : undefined)
  }

  #isFrozen(log: string, state: LogState): boolean {
    return isFrozen(state) || this.#options.barrier.isHeld?.(log) === true
  }

  /** The largest head that a chosen peer has shown of a log of which we hold nothing. */
  #shown(log: string): Circumstances['shown'] {
    const { kept, barrier } = this.#options
    const heads = kept.suspects.list(log).flatMap((suspect) => {
      const isChosen = suspect.peer !== undefined && barrier.isChosen?.(suspect.peer) === true
      return (isChosen && kept.suspects.headOf(suspect)) || []
    })
    return heads.sort((a, b) => b.size - a.size)[0]
  }
}
