/** Versions that the log has but the lists of the upstreams lack: they may be hidden, or withdrawn. Pure. */
import { Lru } from '../lib/lru.js'
import type { HiddenVersions } from './mirror-parts.js'
import { compareVersions, isCanonicalVersion, isPseudoVersion } from './versions.js'

/** The most modules that are remembered, and the most versions of each that are named. */
const MAX_MODULES = 100
const MAX_NAMED = 20

export class HiddenVersionsBook {
  readonly #found = new Lru<HiddenVersions>(MAX_MODULES)

  /** Compares a list with the versions that the log has of the same path. */
  note(path: string, listed: readonly string[], recorded: readonly string[]): void {
    const known = new Set(listed)
    // Lists have no pseudo-versions, and omit incompatible versions of a module that now has a go.mod.
    const hidden = recorded.filter(
      (version) =>
        !known.has(version) &&
        isCanonicalVersion(version) &&
        !isPseudoVersion(version) &&
        !version.endsWith('+incompatible'),
    )
    if (hidden.length === 0) {
      this.#found.delete(path)
      return
    }
    const versions = [...new Set(hidden)].sort((a, b) => compareVersions(b, a))
    this.#found.put(path, { path, versions: versions.slice(0, MAX_NAMED), count: versions.length })
  }

  /** Sorted by path. */
  all(): HiddenVersions[] {
    return [...this.#found.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
  }
}
