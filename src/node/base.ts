/** What every part of a node is built with. */
import type { Config, LogSetting } from '../config/config.js'
import type { Keyring } from '../keys/keyring.js'
import type { PostgresState } from '../postgres/postgres-state.js'
import type { Store } from '../store/store.js'
import type { RequestBudget } from '../sumdb/request-budget.js'
import type { VerifierKey } from '../tlog/note.js'
import type { CosignedHeads } from '../witness/cosigned.js'
import type { Quorum } from '../witness/quorum.js'
import type { SignatureCache } from '../witness/signature-cache.js'
import type { Suspects } from '../witness/suspects.js'
import type { MeshLink } from './mesh-link.js'
import type { News } from './news.js'

export interface NodeBase {
  /** The settings, including the logs from the home and from the log lists. */
  readonly config: Config
  /** The logs that are not disabled. */
  readonly followed: readonly LogSetting[]
  readonly keyring: Keyring
  readonly store: Store
  /** Undefined if only the home records what was signed. */
  readonly shared: PostgresState | undefined
  readonly news: News
  readonly mesh: MeshLink
  /** How fast logs may be asked for what nobody is waiting for. */
  readonly budget: RequestBudget
  readonly clock: {
    /** Milliseconds since 1970. */
    readonly now: () => number
    /** Monotonic milliseconds, for durations. */
    readonly monotonic: () => number
  }
}

/** The heads that a node holds, and the keys whose signatures it reads in them. */
export interface KnownHeads {
  readonly cosigned: CosignedHeads
  readonly suspects: Suspects
  /** What makes a quorum: the policy, or our own keys. */
  readonly quorum: Quorum
  /** Verifier keys that the policy names. */
  readonly counts: readonly string[]
  /**
   * Keys that do not count here but whose cosignatures are kept and passed on: those that neighbours count, and
   * witnesses that we feed.
   */
  readonly relayed: () => readonly VerifierKey[]
  readonly signatures: SignatureCache
}
