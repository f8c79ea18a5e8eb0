/**
 * Provides files: stored ones, or those of an upstream, but none whose hash differs from that in the record. A file is
 * hashed in a private place, and moved to its final one when the hash is right.
 */
import { copyFile, constants, rm, writeFile } from 'node:fs/promises'
import { errorText, GossumError } from '../errors.js'
import { Lru } from '../lib/lru.js'
import { goModHash } from '../module/dirhash.js'
import { MAX_GO_MOD_BYTES } from '../module/go-mod-text.js'
import { baseOf, type ModuleProxy } from '../module/module-proxy.js'
import { hashZip } from '../module/module-zip.js'
import { MAX_ZIP_BYTES } from '../module/zip-rules.js'
import type { Admission } from '../proxy/admission.js'
import { Shared, type Asking } from '../proxy/shared.js'
import type { ModuleVersion } from '../sumdb/module-version.js'
import { recordLines } from '../tlog/record.js'
import { keptName } from './kept-checks.js'
import { isFull, type HeldFile, type KeptFiles } from './kept-files.js'
import type { MirrorFile, MirrorKind, MirrorRefusal, MirrorTold } from './mirror-parts.js'
import { SMALL_MS, ZIP_MS, type Upstreams } from './upstreams.js'

/** How long a refusal is remembered, in milliseconds: a repeated build causes no second download. */
const REFUSED_MS = 60_000
const MAX_REFUSED = 4096
/** A file may be removed again before everyone who waited for it has opened it. */
const TRIES = 3

export interface CheckedFilesParts {
  readonly kept: KeptFiles
  readonly upstreams: Upstreams
  readonly admission: Admission
  readonly told: Pick<MirrorTold, 'onRefused' | 'onServed'>
}

/** The file that is needed: its hash, and the name under which it is stored. */
interface Wanted {
  readonly module: ModuleVersion
  readonly kind: MirrorKind
  readonly hash: string
  readonly name: string
}

/** An earlier refusal, and until when it holds, on a monotonic clock. */
interface Refused {
  readonly error: GossumError
  readonly until: number
}

export class CheckedFiles {
  readonly #parts: CheckedFilesParts
  readonly #flights: Shared<void>
  readonly #refused = new Lru<Refused>(MAX_REFUSED)

  constructor(parts: CheckedFilesParts) {
    this.#parts = parts
    this.#flights = new Shared(parts.admission)
  }

  /**
   * The file of a module version whose hash is in the lines of its record. Throws MODULE_UNRECORDED if there is no such
   * hash, MODULE_MISMATCH, MODULE_ZIP_INVALID, MODULE_ABSENT, PROXY_FAILED, MIRROR_FULL, TOO_MANY_REQUESTS.
   */
  async get(module: ModuleVersion, kind: MirrorKind, lines: readonly string[], asking: Asking): Promise<MirrorFile> {
    const hash = hashIn(lines, module, kind)
    const name = hash === undefined ? undefined : keptName(hash, kind)
    if (hash === undefined || name === undefined) {
      const what = kind === 'zip' ? 'its files' : 'its go.mod'
      throw new GossumError('MODULE_UNRECORDED', `${module.path}@${module.version}: no single hash of ${what}`)
    }
    const { kept, told } = this.#parts
    let source: 'kept' | 'upstream' = 'kept'
    for (let tries = 0; tries < TRIES; tries++) {
      const held = await kept.take(name)
      if (held !== undefined) {
        told.onServed(kind, source)
        return { ...held, hash }
      }
      source = 'upstream'
      await this.#once(name, asking, (proxy, signal) => this.#fetch({ module, kind, hash, name }, proxy, signal), kind)
    }
    throw new GossumError('MIRROR_FULL', `${module.path}@${module.version}`)
  }

  /**
   * The error for a version unknown to the log. Throws MODULE_UNRECORDED if an upstream has it, MODULE_ABSENT if none
   * does, PROXY_FAILED, TOO_MANY_REQUESTS.
   */
  async unrecorded(module: ModuleVersion, kind: MirrorKind, asking: Asking): Promise<never> {
    const { path, version } = module
    const name = `${path}@${version}`
    await this.#once(
      name,
      asking,
      async (proxy, signal) => {
        // The go.mod, which is small, and exists if the zip does.
        const goMod = await proxy.get(`${baseOf(module)}.mod`, MAX_GO_MOD_BYTES, SMALL_MS, signal)
        const reason = `${proxy.url} has ${name}, but the log has no record of it`
        const got = kind === 'mod' ? goModHash(goMod) : null
        this.#tell({ path, version, kind, class: 'mirror only', upstream: proxy.url, expected: null, got, reason })
        this.#refuse(name, new GossumError('MODULE_UNRECORDED', reason))
      },
      'mod',
    )
    throw this.#refused.get(name)?.error ?? new GossumError('MODULE_UNRECORDED', name)
  }

  /** Asks the upstreams once for all who want the same file, unless it was refused a moment ago. */
  async #once(
    key: string,
    asking: Asking,
    ask: (proxy: ModuleProxy, signal: AbortSignal) => Promise<void>,
    kind: MirrorKind,
  ): Promise<void> {
    const before = this.#refused.get(key)
    if (before !== undefined && performance.now() < before.until) throw before.error
    const most = kind === 'zip' ? ZIP_MS : SMALL_MS
    await this.#flights.run(key, asking, async (turn, signal) => {
      try {
        await turn(() => this.#parts.upstreams.first(most, signal, ask))
      } catch (error) {
        const isRefusal =
          error instanceof GossumError && (error.code === 'MODULE_MISMATCH' || error.code === 'MODULE_ZIP_INVALID')
        if (isRefusal) this.#refuse(key, error)
        throw error
      }
    })
  }

  async #fetch(wanted: Wanted, proxy: ModuleProxy, signal: AbortSignal): Promise<void> {
    const { kept } = this.#parts
    const scratch = kept.scratch()
    try {
      const got = await this.#download(wanted, proxy, scratch, signal)
      if (got.hash !== wanted.hash)
        throw this.#mismatch(wanted, proxy, got.hash, `its hash is ${got.hash}, but the log has ${wanted.hash}`)
      // Although it matches the log, the go command would refuse it.
      if (got.flaw !== undefined)
        throw new GossumError('MODULE_ZIP_INVALID', `${wanted.module.path}@${wanted.module.version}: ${got.flaw}`)
      let held: HeldFile | undefined
      try {
        held = await kept.put(wanted.name, scratch)
      } finally {
        held?.release()
      }
    } catch (error) {
      throw isFull(error) && !(error instanceof GossumError && error.code === 'MIRROR_FULL')
        ? new GossumError('MIRROR_FULL', errorText(error), error)
        : error
    } finally {
      await rm(scratch, { force: true })
    }
  }

  /** Downloads the file to the scratch path, and hashes it there. */
  async #download(
    wanted: Wanted,
    proxy: ModuleProxy,
    scratch: string,
    signal: AbortSignal,
  ): Promise<{ readonly hash: string; readonly flaw?: string | undefined }> {
    const { module, kind } = wanted
    const path = `${baseOf(module)}.${kind}`
    if (kind === 'mod') {
      const bytes = await proxy.get(path, MAX_GO_MOD_BYTES, SMALL_MS, signal)
      await writeFile(scratch, bytes, { flag: 'wx', mode: 0o600 })
      return { hash: goModHash(bytes) }
    }
    const saved = await proxy.save(path, scratch, MAX_ZIP_BYTES, ZIP_MS, signal)
    // A proxy on this disk: the file is copied first, so that what is hashed is what is stored, even if the original
    // changes.
    if (saved !== scratch) await copyFile(saved, scratch, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    try {
      return await hashZip(scratch, `${module.path}@${module.version}/`, signal)
    } catch (error) {
      // A zip bomb, or not a zip at all.
      if (error instanceof GossumError && error.code === 'MODULE_ZIP_INVALID')
        throw this.#mismatch(wanted, proxy, null, error.message, error)
      throw error
    }
  }

  /** Reports what an upstream served, and returns the error for it. */
  #mismatch(wanted: Wanted, proxy: ModuleProxy, got: string | null, why: string, error?: GossumError): GossumError {
    const { module, kind, hash } = wanted
    const { path, version } = module
    const reason = `${proxy.url} served another ${kind === 'zip' ? 'zip' : 'go.mod'} of ${path}@${version}: ${why}`
    this.#tell({ path, version, kind, class: 'repacked zip', upstream: proxy.url, expected: hash, got, reason })
    return error === undefined ? new GossumError('MODULE_MISMATCH', reason) : new GossumError(error.code, reason, error)
  }

  #tell(refusal: MirrorRefusal): void {
    this.#parts.told.onRefused(refusal)
  }

  #refuse(key: string, error: GossumError): void {
    this.#refused.put(key, { error, until: performance.now() + REFUSED_MS })
  }
}

/** The single hash of a kind in the lines of a record; undefined if there is none, or more than one. */
export function hashIn(
  lines: readonly string[],
  { path, version }: ModuleVersion,
  kind: MirrorKind,
): string | undefined {
  const of = kind === 'zip' ? 'files' : 'go.mod'
  const hashes = recordLines(lines.join('\n'))
    .filter((line) => line.of === of && line.path === path && line.version === version && line.hash.startsWith('h1:'))
    .map(({ hash }) => hash)
  return new Set(hashes).size === 1 ? hashes[0] : undefined
}
