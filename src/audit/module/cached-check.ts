/**
 * A module cache against the log: what is in it is hashed first, a few modules at a time; then the log is asked about what is not known
 * from before, all in one session.
 */
import { isPrivate } from '../../sumdb/goprivate.js'
import type { ModuleVersion } from '../../sumdb/module-version.js'
import { mapBounded } from '../../lib/single-flight.js'
import type { LogAnswer } from '../gosum.js'
import { viewsOfCache, type CacheViews } from './module-cache.js'
import { classify, type LogStanding, type ModuleVerdict } from './module-views.js'

/** What a module cache has of a module version. */
export interface CachedModule extends ModuleVersion {
  readonly views: CacheViews
  readonly isPrivate: boolean
}

export interface JudgedModule extends CachedModule {
  readonly log: LogStanding
  readonly verdict: ModuleVerdict
  /** Whether the log was found to have its hashes in an earlier run. */
  readonly isKnown: boolean
}

/** Hashes what a cache has of these modules, `atOnce` at a time. `onHashed` is told of each. Throws the signal's reason. */
export function hashCached(
  root: string,
  modules: readonly ModuleVersion[],
  patterns: string,
  atOnce: number,
  onHashed: () => void,
): Promise<CachedModule[]> {
  return mapBounded(modules, atOnce, undefined, async ({ path, version }, signal) => {
    const views = await viewsOfCache(root, { path, version }, signal)
    onHashed()
    return { path, version, views, isPrivate: isPrivate(patterns, path) }
  })
}

/** The hashes of its files, as each of them has it: one, when all is well. */
function zipHashes({ cache, ziphash, folder }: CacheViews): string[] {
  const hashes = [cache, ziphash, folder].map((view) => (view.kind === 'has' ? view.hashes.zip : null))
  return [...new Set(hashes.filter((hash) => hash !== null))]
}

/** Whether what is in the cache contradicts itself: whatever the log says, one of it is wrong. */
export function isSplit({ views }: CachedModule): boolean {
  return zipHashes(views).length > 1
}

/** The go.sum lines that the log must have for these files: at most two, when all is well. */
export function linesOf({ path, version, views }: CachedModule): string[] {
  const lines = zipHashes(views).map((zip) => `${path} ${version} ${zip}`)
  const mod = views.cache.kind === 'has' ? views.cache.hashes.mod : null
  return mod === null ? lines : [...lines, `${path} ${version}/go.mod ${mod}`]
}

/** Whether the log need not be asked: all that is there was found to be in it before. */
export function isKnown(module: CachedModule, known: ReadonlySet<string>): boolean {
  const lines = linesOf(module)
  const isWhole = Object.values(module.views).every(({ kind }) => kind === 'has' || kind === 'absent')
  return isWhole && !isSplit(module) && lines.length > 0 && lines.every((line) => known.has(line))
}

/** Judges a module. `answer`: what the log said; undefined when it was not asked. */
export function judgeCached(module: CachedModule, answer: LogAnswer | undefined): JudgedModule {
  const isBefore = answer === undefined && !module.isPrivate
  // What is known was proven to be lines of a record, whichever it was.
  const log: LogStanding = module.isPrivate
    ? { kind: 'private' }
    : (answer ?? { kind: 'record', id: -1, lines: linesOf(module) })
  return { ...module, log, verdict: classify(log, module.views, false), isKnown: isBefore }
}
