/**
 * What the log and others have of one module version, and what differences mean. Pure: the others are asked elsewhere.
 */
import type { LogAnswer } from '../gosum.js'
import { recordLines } from '../../tlog/record.js'

/** The hashes of a module version, `h1:` and base64; null if unknown. */
export interface ModuleHashes {
  readonly zip: string | null
  readonly mod: string | null
}

/**
 * Holders of a module version besides the log:
 *
 * - `proxy` the zip and the go.mod served by a GOPROXY
 * - `git` the tag, or the revision, in a repository
 * - `go.sum` the lines of the go.sum file here
 * - `cache` the zip and the go.mod in the module cache of the go command
 * - `ziphash` the hash stored next to that zip, which the go command believes
 * - `folder` the files in the module cache that are compiled
 */
export const HOLDERS = ['proxy', 'git', 'go.sum', 'cache', 'ziphash', 'folder'] as const
export type HolderName = (typeof HOLDERS)[number]

/** What one of these holders has. */
export type HolderView =
  | {
      readonly kind: 'has'
      readonly hashes: ModuleHashes
      /** What exactly was read: a URL, a commit, a path. */
      readonly from: string
      /** What the go command would refuse in it, whatever its hash. */
      readonly flaw?: string
      /** Files that differ from those of the zip next to them. */
      readonly files?: readonly FileDifference[]
    }
  /** It has something that the go command refuses, and that cannot be hashed. */
  | { readonly kind: 'unusable'; readonly reason: string }
  | { readonly kind: 'absent'; readonly reason: string }
  /** It was asked, but did not answer. */
  | { readonly kind: 'unknown'; readonly reason: string }
  | { readonly kind: 'not-asked'; readonly reason: string }

export interface FileDifference {
  /** Relative to the root of the module. */
  readonly name: string
  readonly what: 'changed' | 'missing' | 'extra'
}

export type HolderViews = Readonly<Partial<Record<HolderName, HolderView>>>

/** What the log was proven to say about a module version, or that the user's patterns kept it from being asked. */
export type LogStanding = LogAnswer | { readonly kind: 'private' }

/** The result of the comparison. MEANINGS explains each. */
export const MODULE_CLASSES = [
  'log differs',
  'moved tag',
  'repacked zip',
  'mirror only',
  'index only',
  'lag',
  'private',
  'agree',
] as const
export type ModuleClass = (typeof MODULE_CLASSES)[number]

export const MEANINGS: Readonly<Record<ModuleClass, { readonly means: string; readonly todo: string }>> = {
  'log differs': {
    means: 'everyone else here agrees on something other than what the log has recorded',
    todo: 'build nothing with it: others are checked against the log, so they were given something else',
  },
  'moved tag': {
    means: 'the repository no longer has under this tag what the log has recorded',
    todo: 'use what the log has, which is what everyone was given; ask the author why the tag was moved, and for a new version',
  },
  'repacked zip': {
    means: 'a zip, a go.mod or a folder of files is not what the log has recorded',
    todo: 'discard it (go clean -modcache for your own), and tell whoever serves it: others get different files',
  },
  'mirror only': {
    means: 'it is available here, but the log does not have it',
    todo: 'for a module of your own, name it in GOPRIVATE; otherwise do not use it: nobody else can see what you are given',
  },
  'index only': {
    means: 'the log or a list of versions names it, but nobody who was asked has it',
    todo: 'it was withdrawn, or never existed: use another version, or ask another proxy',
  },
  lag: {
    means: 'it is so new that no quorum head covers its record, or that nobody has fetched it through a mirror yet',
    todo: 'try again in a few minutes',
  },
  private: {
    means: 'the log is not asked about it, because of GONOSUMDB or GOPRIVATE',
    todo: 'nothing: all others that were asked agree',
  },
  agree: {
    means: 'everyone who answered has what the log has recorded',
    todo: 'nothing',
  },
}

export interface ModuleVerdict {
  /** Null if the result is unknown. */
  readonly class: ModuleClass | null
  /** The holders that differ from the log, or from the reference if the log was not asked. */
  readonly differing: readonly HolderName[]
  /** The holders that were asked, but did not answer. */
  readonly silent: readonly HolderName[]
  /** Why the result is unknown; null if it is known. */
  readonly reason: string | null
}

/** How a view compares with hashes. */
type Comparison = 'same' | 'differs' | 'none'

function compare(view: HolderView | undefined, { zip, mod }: ModuleHashes): Comparison {
  if (view?.kind === 'unusable') return 'differs'
  if (view?.kind !== 'has') return 'none'
  const known = [
    [view.hashes.zip, zip],
    [view.hashes.mod, mod],
  ].filter(([own, other]) => own !== null && other !== null)
  if (known.length === 0) return 'none'
  return known.every(([own, other]) => own === other) ? 'same' : 'differs'
}

/** Judges what all of them have. `isListed`: a list of versions names this one. */
export function classify(log: LogStanding, views: HolderViews, isListed: boolean): ModuleVerdict {
  const silent = HOLDERS.filter((holder) => views[holder]?.kind === 'unknown')
  const said = (
    verdict: ModuleClass | null,
    differing: readonly HolderName[] = [],
    reason?: string,
  ): ModuleVerdict => ({
    class: verdict,
    differing,
    silent,
    reason: verdict === null ? (reason ?? 'nobody else has it, and nothing names it') : null,
  })
  if (log.kind === 'private') {
    const reference = hashesOf(views['go.sum']) ?? hashesOf(views.proxy) ?? hashesOf(views.cache)
    const differing = reference === undefined ? [] : differingFrom(reference, views)
    if (differing.length === 0) return said('private')
    return said(differing.includes('git') ? 'moved tag' : 'repacked zip', differing)
  }
  if (log.kind === 'log-conflict') return said('log differs', [], log.reason)
  if (log.kind === 'not-in-log') return withoutRecord(views, isListed, said)
  if (log.kind !== 'record') {
    // Only the number of the record is known, and it is beyond the head.
    return log.kind === 'pending' && log.id !== undefined ? said('lag') : said(null, [], log.reason)
  }
  if (log.doubt !== undefined) return said(null, [], log.doubt.reason)
  return withRecord(hashesOfRecord(log.lines), views, said)
}

type Say = (verdict: ModuleClass | null, differing?: readonly HolderName[], reason?: string) => ModuleVerdict

function withRecord(record: ModuleHashes, views: HolderViews, said: Say): ModuleVerdict {
  const differing = differingFrom(record, views)
  const has = (holder: HolderName): boolean => differing.includes(holder)
  if (differing.length > 0) {
    // Two sources that need not know of each other: if both differ from the log, the log stands alone.
    if (has('proxy') && has('git')) return said('log differs', differing)
    if (has('git')) return said('moved tag', differing)
    return said(differing.every((holder) => holder === 'go.sum') ? 'log differs' : 'repacked zip', differing)
  }
  const isAnywhere = HOLDERS.some((holder) => compare(views[holder], record) === 'same')
  if (isAnywhere) return views.git?.kind === 'absent' ? said('moved tag', ['git']) : said('agree')
  const asked = HOLDERS.flatMap((holder) => views[holder] ?? []).filter(({ kind }) => kind !== 'not-asked')
  if (asked.some(({ kind }) => kind === 'unknown')) return said(null, [], 'nobody but the log answered')
  return [views.proxy, views.git].some((view) => view?.kind === 'absent')
    ? said('index only')
    : said(null, [], 'nobody but the log was asked')
}

function withoutRecord(views: HolderViews, isListed: boolean, said: Say): ModuleVerdict {
  const having = HOLDERS.filter((holder) => views[holder]?.kind === 'has' || views[holder]?.kind === 'unusable')
  if (having.includes('git') && !having.includes('proxy')) return said('lag')
  if (having.length > 0) return said('mirror only', having)
  if (Object.values(views).some(({ kind }) => kind === 'unknown'))
    return said(null, [], 'the log does not have it, and nobody else answered')
  return isListed ? said('index only') : said(null)
}

function differingFrom(reference: ModuleHashes, views: HolderViews): HolderName[] {
  return HOLDERS.filter((holder) => compare(views[holder], reference) === 'differs')
}

function hashesOf(view: HolderView | undefined): ModuleHashes | undefined {
  return view?.kind === 'has' ? view.hashes : undefined
}

/** The first hash of each kind in the go.sum lines of one module version. */
export function hashesOfRecord(lines: readonly string[]): ModuleHashes {
  const found = recordLines(lines.join('\n')).filter(({ hash }) => hash.startsWith('h1:'))
  const first = (of: 'files' | 'go.mod'): string | null => found.find((line) => line.of === of)?.hash ?? null
  return { zip: first('files'), mod: first('go.mod') }
}
