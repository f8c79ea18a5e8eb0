/**
 * Checks a module cache against the log: its content is hashed first, a few modules at a time; then the log is asked,
 * in one session, about everything that is not known from an earlier run.
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
  /** Whether an earlier run found its hashes in the log. */
  readonly isKnown: boolean
}

/**
 * Hashes what a cache has of these modules, `atOnce` at a time. Calls `onHashed` after each. Throws the signal's
 * reason.
 */
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

/** The distinct hashes of its zip, according to each of its files: a single one if they agree. */
function zipHashes({ cache, ziphash, folder }: CacheViews): string[] {
  const hashes = [cache, ziphash, folder].map((view) => (view.kind === 'has' ? view.hashes.zip : null))
  return [...new Set(hashes.filter((hash) => hash !== null))]
}

/** Whether the content of the cache contradicts itself, so that some of it is wrong whatever the log says. */
export function isSplit({ views }: CachedModule): boolean {
  return zipHashes(views).length > 1
}

/** The go.sum lines that the log must have for these files: at most two if they agree. */
export function linesOf({ path, version, views }: CachedModule): string[] {
  const lines = zipHashes(views).map((zip) => `${path} ${version} ${zip}`)
  const mod = views.cache.kind === 'has' ? views.cache.hashes.mod : null
  return mod === null ? lines : [...lines, `${path} ${version}/go.mod ${mod}`]
}

/** Whether the log need not be asked: an earlier run found all of these hashes in it. */
export function isKnown(module: CachedModule, known: ReadonlySet<string>): boolean {
  const lines = linesOf(module)
  const isWhole = Object.values(module.views).every(({ kind }) => kind === 'has' || kind === 'absent')
  return isWhole && !isSplit(module) && lines.length > 0 && lines.every((line) => known.has(line))
}

/** Judges a module. `answer` is the log's; undefined if it was not asked. */
export function judgeCached(module: CachedModule, answer: LogAnswer | undefined): JudgedModule {
  const isBefore = answer === undefined && !module.isPrivate
  // Known lines were proven to be in some record.
  const log: LogStanding = module.isPrivate
    ? { kind: 'private' }
    : (answer ?? { kind: 'record', id: -1, lines: linesOf(module) })
  return { ...module, log, verdict: classify(log, module.views, false), isKnown: isBefore }
}
