/** The types of the module mirror: what it is made of, and what it reports. Pure. */
import type { Admission } from '../proxy/admission.js'
import type { Asking } from '../proxy/shared.js'
import type { ModuleVersion } from '../sumdb/module-version.js'

/** The two files of a module version whose hashes are in a record. */
export type MirrorKind = 'mod' | 'zip'

/** The go.sum lines of a record that is proven under the quorum head. */
export interface RecordedLines {
  /** Number of the record. */
  readonly id: number
  /** The lines about the module version, without newlines. */
  readonly lines: readonly string[]
}

/** When a record was first covered by a quorum head. */
export interface CoveredSince {
  /** The time of the first quorum head that covers it, in milliseconds since 1970. */
  readonly time: number
  /** False if this node's first quorum head already covered it: the time is then that head's. */
  readonly isExact: boolean
}

/** The log against which the mirror checks. */
export interface MirrorLog {
  /** Throws what ProvenLookups.find throws; a StatusError of 404 or 410 if the log knows no such version. */
  record(module: ModuleVersion, asking: Asking): Promise<RecordedLines>
  /** Undefined if not known yet. */
  covered(id: number): Promise<CoveredSince | undefined>
  /** Versions of a path in the audited part of the log; undefined if this node does not audit. */
  versions(path: string): Promise<readonly { readonly version: string; readonly id: number }[] | undefined>
}

export interface CooldownSetting {
  /** Versions that have been covered for less than this many milliseconds are not passed on. */
  readonly ms: number
  /** Exempt paths, as patterns in the form of GOPRIVATE. */
  readonly except: string
}

/** What is stored, how much, and what is never stored. */
export interface MirrorSettings {
  /** `<home>/mirror`. */
  readonly dir: string
  /** GOPROXY URLs, asked in this order. */
  readonly upstreams: readonly string[]
  /** The largest total size of stored files, in bytes. */
  readonly maxBytes: number
  /** Modules about which no upstream is asked, as patterns in the form of GOPRIVATE. */
  readonly privatePatterns: string
  readonly cooldown: CooldownSetting | undefined
}

export interface MirrorTold {
  /** An upstream served something that differs from the log. */
  readonly onRefused: (refusal: MirrorRefusal) => void
  readonly onServed: (kind: MirrorKind, source: 'kept' | 'upstream') => void
  /** An error in the background: a bug, or of our disk. */
  readonly onError: (error: unknown) => void
}

export interface MirrorParts extends MirrorSettings {
  readonly log: MirrorLog
  readonly told: MirrorTold
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Decides whose request to an upstream is next. */
  readonly admission: Admission
}

/** A file that may be served: its hash is in a record that is proven under the quorum head. */
export interface MirrorFile {
  /** Path on disk. The file stays there until it is released. */
  readonly file: string
  /** Bytes. */
  readonly size: number
  /** Its content, if it is small, so that the file need not be opened. */
  readonly bytes?: Uint8Array | undefined
  /** `h1:` and 44 characters, as in the record. */
  readonly hash: string
  /** To be called once it has been sent, or will not be. */
  release(): void
}

/** Something an upstream served that was not passed on. */
export interface MirrorRefusal {
  readonly path: string
  readonly version: string
  readonly kind: MirrorKind
  /** As in the classes of `check module`. */
  readonly class: 'repacked zip' | 'mirror only'
  /** URL of the upstream, without a login. */
  readonly upstream: string
  /** `h1:...` of the record; null if there is none. */
  readonly expected: string | null
  /** `h1:...` of the received file; null if it cannot be hashed. */
  readonly got: string | null
  /** One sentence. */
  readonly reason: string
}

/** Versions that the log has but the list of an upstream lacks. */
export interface HiddenVersions {
  readonly path: string
  /** Newest first, at most 20. */
  readonly versions: readonly string[]
  /** The number of all of them. */
  readonly count: number
}

export interface UpstreamStanding {
  /** Without a login. */
  readonly url: string
  /** When it stopped giving usable answers, in milliseconds since 1970; null while it gives them. */
  readonly failingSince: number | null
  /** Why; null while it answers. */
  readonly reason: string | null
}

/** What `gossum mirror status` shows. */
export interface MirrorStatus {
  readonly upstreams: readonly UpstreamStanding[]
  readonly kept: {
    readonly files: number
    readonly bytes: number
    readonly maxBytes: number
    /** Files that were found damaged and set aside. */
    readonly damaged: number
  }
  /** `path@version`, sorted. */
  readonly pinned: readonly string[]
  /** `path@version` that the cooldown lets through, sorted. */
  readonly allowed: readonly string[]
  /** Whether everything that the log had before this node's first quorum head is let through. */
  readonly isExistingAllowed: boolean
  /** Milliseconds; null without a cooldown. */
  readonly cooldownMs: number | null
  /** From the lists requested since the start; at most 100 modules. */
  readonly hidden: readonly HiddenVersions[]
}
