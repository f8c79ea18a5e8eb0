/** Versions that the log has and the lists of the upstreams lack: somebody may hide them, or have withdrawn them. Pure. */
import { Lru } from '../lib/lru.js'
import type { HiddenVersions } from './mirror-parts.js'
import { compareVersions, isCanonicalVersion, isPseudoVersion } from './versions.js'

/** Modules that are remembered, and versions of each that are named. */
const MAX_MODULES = 100
const MAX_NAMED = 20

export class HiddenVersionsBook {
  readonly #found = new Lru<HiddenVersions>(MAX_MODULES)

  /** Compares a list with the versions that the log has of the same path. */
  note(path: string, listed: readonly string[], recorded: readonly string[]): void {
    const known = new Set(listed)
    // Lists have no pseudo-versions, and leave out incompatible ones when the module has a go.mod since.
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

  /** In the order of their paths. */
  all(): HiddenVersions[] {
    return [...this.#found.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
  }
}
