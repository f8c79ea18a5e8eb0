/** The record of a module version in the log, and what it means if there is none. */
import { StatusError } from '../sumdb/fetcher.js'
import type { Asking } from '../proxy/shared.js'
import type { ModuleVersion } from '../sumdb/module-version.js'
import type { CheckedFiles } from './checked-files.js'
import type { MirrorKind, MirrorLog, RecordedLines } from './mirror-parts.js'

export class RecordedVersions {
  readonly #log: Pick<MirrorLog, 'record'>
  readonly #files: CheckedFiles

  constructor(log: Pick<MirrorLog, 'record'>, files: CheckedFiles) {
    this.#log = log
    this.#files = files
  }

  /**
   * The proven record. Throws MODULE_UNRECORDED if the log has none but an upstream has the version, MODULE_ABSENT if
   * nobody has it, PROXY_FAILED if that is unknown, and errors of fetching the record.
   */
  async of(module: ModuleVersion, kind: MirrorKind, asking: Asking): Promise<RecordedLines> {
    try {
      return await this.#log.record(module, asking)
    } catch (error) {
      // The log itself says that it does not know the version; any other failure proves nothing.
      const isUnknown = error instanceof StatusError && (error.status === 404 || error.status === 410)
      if (!isUnknown) throw error
      return await this.#files.unrecorded(module, kind, asking)
    }
  }
}
