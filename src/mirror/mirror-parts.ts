/** What the module mirror is made of, and what it tells. Types alone. Pure. */
import type { Admission } from '../proxy/admission.js'
import type { Asking } from '../proxy/shared.js'
import type { ModuleVersion } from '../sumdb/module-version.js'

/** The two files of a module version whose hashes stand in a record. */
export type MirrorKind = 'mod' | 'zip'

/** The go.sum lines of a record that is proven under the quorum head. */
export interface RecordedLines {
  /** Number of the record. */
  readonly id: number
  /** Those about the module version, without newlines. */
  readonly lines: readonly string[]
}

/** Since when a record has been covered by a quorum head. */
export interface CoveredSince {
  /** Milliseconds since 1970, of the first quorum head that covers it. */
  readonly time: number
  /** False for what was there before this node's first quorum head: then the time is that head's. */
  readonly isExact: boolean
}

/** The log that the mirror is held to. */
export interface MirrorLog {
  /** Throws what ProvenLookups.find throws; a StatusError of 404 or 410 when the log knows no such version. */
  record(module: ModuleVersion, asking: Asking): Promise<RecordedLines>
  /** Undefined: not known yet. */
  covered(id: number): Promise<CoveredSince | undefined>
  /** Versions of a path in the audited part of the log, or undefined when this node does not audit. */
  versions(path: string): Promise<readonly { readonly version: string; readonly id: number }[] | undefined>
}

export interface CooldownSetting {
  /** Versions that have been covered for less than so many milliseconds are not handed on. */
  readonly ms: number
  /** Paths that it is not for, as patterns of GOPRIVATE. */
  readonly except: string
}

/** What is kept, how much of it, and what is never kept. */
export interface MirrorSettings {
  /** `<home>/mirror`. */
  readonly dir: string
  /** GOPROXY URLs, asked in this order. */
  readonly upstreams: readonly string[]
  /** Bytes of all that is kept. */
  readonly maxBytes: number
  /** Modules that nobody is asked about, as patterns of GOPRIVATE. */
  readonly privatePatterns: string
  readonly cooldown: CooldownSetting | undefined
}

export interface MirrorTold {
  /** An upstream gave something that the log has not recorded. */
  readonly onRefused: (refusal: MirrorRefusal) => void
  readonly onServed: (kind: MirrorKind, source: 'kept' | 'upstream') => void
  /** What failed in the background: our bug, or our disk. */
  readonly onError: (error: unknown) => void
}

export interface MirrorParts extends MirrorSettings {
  readonly log: MirrorLog
  readonly told: MirrorTold
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Whose turn it is to have an upstream asked. */
  readonly admission: Admission
}

/** A file that may be sent: what is in it stands in a record that is proven under the quorum head. */
export interface MirrorFile {
  /** Path on disk. The file stays there until it is released. */
  readonly file: string
  /** Bytes. */
  readonly size: number
  /** What is in it, when it is small: then nobody has to open it. */
  readonly bytes?: Uint8Array | undefined
  /** `h1:` and 44 characters, as in the record. */
  readonly hash: string
  /** To be called once it has been sent, or will not be. */
  release(): void
}

/** What an upstream gave and nobody was given. */
export interface MirrorRefusal {
  readonly path: string
  readonly version: string
  readonly kind: MirrorKind
  /** As in the list of `check module`. */
  readonly class: 'repacked zip' | 'mirror only'
  /** URL of the upstream, without a login. */
  readonly upstream: string
  /** `h1:...` of the record; null when there is none. */
  readonly expected: string | null
  /** `h1:...` of what came; null for what cannot be hashed. */
  readonly got: string | null
  /** One sentence. */
  readonly reason: string
}

/** Versions that the log has and the list of an upstream lacks. */
export interface HiddenVersions {
  readonly path: string
  /** The newest first, at most 20. */
  readonly versions: readonly string[]
  /** All of them. */
  readonly count: number
}

export interface UpstreamStanding {
  /** Without a login. */
  readonly url: string
  /** Since when it has given no usable answer, in milliseconds since 1970; null while it does. */
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
  /** `path@version`, in order. */
  readonly pinned: readonly string[]
  /** `path@version` that the cooldown lets through, in order. */
  readonly allowed: readonly string[]
  /** Whether what the log had before this node's first quorum head is let through. */
  readonly isExistingAllowed: boolean
  /** Milliseconds; null without a cooldown. */
  readonly cooldownMs: number | null
  /** Of the lists that were asked for since the start; at most 100 modules. */
  readonly hidden: readonly HiddenVersions[]
}
