/**
 * The module mirror: what the upstreams have, checked against one log. A zip or a go.mod is served only if its hash is
 * in a record that is proven under the quorum head; private modules are never requested.
 *
 * Trusted: the proven records that it is given, and when quorum heads covered them. Not trusted: the upstreams, and the
 * files on disk.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { GossumError } from '../errors.js'
import { timed } from '../lib/timed.js'
import { PAID } from '../proxy/admission.js'
import type { Asking } from '../proxy/shared.js'
import { isPrivate } from '../sumdb/goprivate.js'
import { escapeModule, type ModuleVersion } from '../sumdb/module-version.js'
import { Allowances } from './allowances.js'
import { Answers, infoQuestion } from './answers.js'
import { CheckedFiles, hashIn } from './checked-files.js'
import { HiddenVersionsBook } from './hidden-versions.js'
import { KeptAnswers } from './kept-answers.js'
import { answerName, keptName } from './kept-checks.js'
import { KeptFiles, type KeptFinding } from './kept-files.js'
import type { MirrorFile, MirrorKind, MirrorParts, MirrorStatus } from './mirror-parts.js'
import { RecordedVersions } from './recorded-versions.js'
import { RipeVersions } from './ripe-versions.js'
import { Upstreams } from './upstreams.js'

export type { KeptFinding } from './kept-files.js'
export type {
  HiddenVersions,
  MirrorFile,
  MirrorKind,
  MirrorLog,
  MirrorParts,
  MirrorRefusal,
  MirrorSettings,
  MirrorStatus,
  MirrorTold,
} from './mirror-parts.js'

/** How long the log may take for an operator's command, in milliseconds. */
const OPERATOR_MS = 60_000
const KINDS: readonly MirrorKind[] = ['zip', 'mod']

export class Mirror {
  readonly #parts: MirrorParts
  readonly #kept: KeptFiles
  readonly #allowances: Allowances
  readonly #upstreams: Upstreams
  readonly #files: CheckedFiles
  readonly #recorded: RecordedVersions
  readonly #ripe: RipeVersions
  readonly #answers: Answers
  readonly #hidden = new HiddenVersionsBook()

  private constructor(parts: MirrorParts, kept: KeptFiles, allowances: Allowances, upstreams: Upstreams) {
    const { admission, told, log, now } = parts
    this.#parts = parts
    this.#kept = kept
    this.#allowances = allowances
    this.#upstreams = upstreams
    this.#files = new CheckedFiles({ kept, upstreams, admission, told })
    this.#recorded = new RecordedVersions(log, this.#files)
    this.#ripe = new RipeVersions({ setting: parts.cooldown, log, through: allowances, now })
    this.#answers = new Answers({
      kept: new KeptAnswers(kept),
      upstreams,
      admission,
      log,
      recorded: this.#recorded,
      ripe: this.#ripe,
      hidden: this.#hidden,
    })
  }

  /**
   * Opens the files in the folder. Throws MIRROR_LOCKED while another process uses it, HOME_UNUSABLE, FILE_UNREADABLE,
   * and USAGE for an upstream that is not the URL of a proxy.
   */
  static async open(parts: MirrorParts): Promise<Mirror> {
    const upstreams = new Upstreams(parts.upstreams, { now: parts.now })
    const kept = await KeptFiles.open(parts.dir, parts.maxBytes)
    try {
      const allowances = await Allowances.open(parts.dir)
      kept.pin(allowances.pinnedNames)
      await kept.trim()
      return new Mirror(parts, kept, allowances, upstreams)
    } catch (error) {
      await kept.close()
      throw error
    }
  }

  /** Releases the folder. */
  stop(): Promise<void> {
    return this.#kept.close()
  }

  /**
   * A go.mod or a zip. The caller calls release() when it has been sent. Throws MODULE_INVALID, MODULE_PRIVATE,
   * MODULE_UNRECORDED, MODULE_COOLING, MODULE_MISMATCH, MODULE_ZIP_INVALID, MODULE_ABSENT, PROXY_FAILED, MIRROR_FULL,
   * TOO_MANY_REQUESTS, and what the log's record throws.
   */
  async file(module: ModuleVersion, kind: MirrorKind, asking: Asking): Promise<MirrorFile> {
    escapeModule(module.path, module.version)
    this.#requirePublic(module.path)
    const { id, lines } = await this.#recorded.of(module, kind, asking)
    await this.#ripe.require(module, id)
    return this.#files.get(module, kind, lines, asking)
  }

  /**
   * `@v/<query>.info`, of a version, a branch or a revision: JSON. Throws MODULE_INVALID, MODULE_PRIVATE, MODULE_ABSENT,
   * MODULE_UNRECORDED, MODULE_COOLING, PROXY_FAILED, TOO_MANY_REQUESTS, and what the log's record throws.
   */
  async info(path: string, query: string, asking: Asking): Promise<Uint8Array> {
    this.#requirePublic(path)
    return this.#answers.info(path, query, asking)
  }

  /** `@latest`: JSON. Throws as info() does. */
  async latest(path: string, asking: Asking): Promise<Uint8Array> {
    this.#requirePublic(path)
    return this.#answers.latest(path, asking)
  }

  /** `@v/list`: one version per line, without those that the cooldown holds back. Throws as info() does. */
  async list(path: string, asking: Asking): Promise<Uint8Array> {
    this.#requirePublic(path)
    return this.#answers.list(path, asking)
  }

  status(): Promise<MirrorStatus> {
    const { files, bytes, maxBytes, damaged } = this.#kept
    const { pinned, allowed, existingUntil } = this.#allowances
    return Promise.resolve({
      upstreams: this.#upstreams.standings,
      kept: { files, bytes, maxBytes, damaged },
      pinned,
      allowed,
      isExistingAllowed: existingUntil !== undefined,
      cooldownMs: this.#parts.cooldown?.ms ?? null,
      hidden: this.#hidden.all(),
    })
  }

  /**
   * Lets a version through the cooldown, or everything that the log had before this node's first quorum head. Throws
   * MODULE_INVALID, QUORUM_MISSING if there has been none, REQUEST_INVALID, FILE_UNWRITABLE.
   */
  async allow(module: ModuleVersion | 'existing'): Promise<void> {
    if (module !== 'existing') {
      escapeModule(module.path, module.version)
      return this.#allowances.allow(module)
    }
    const first = await this.#parts.log.covered(0)
    if (first === undefined) throw new GossumError('QUORUM_MISSING', 'there has been no quorum head yet')
    return this.#allowances.allowExisting(first.time)
  }

  /**
   * Keeps the present and future files of a version, however full the mirror gets. Throws as file() does, and
   * FILE_UNWRITABLE.
   */
  async pin(module: ModuleVersion): Promise<void> {
    escapeModule(module.path, module.version)
    this.#requirePublic(module.path)
    const { lines } = await timed(OPERATOR_MS, [], (signal) =>
      this.#recorded.of(module, 'mod', { client: PAID, signal }),
    )
    const files = KINDS.flatMap((kind) => keptName(hashIn(lines, module, kind) ?? '', kind) ?? [])
    await this.#allowances.pin(module, [...files, answerName(infoQuestion(module.path, module.version))])
    this.#kept.pin(this.#allowances.pinnedNames)
  }

  /** Throws MODULE_INVALID, FILE_UNWRITABLE. */
  async unpin(module: ModuleVersion): Promise<void> {
    escapeModule(module.path, module.version)
    await this.#allowances.unpin(module)
    this.#kept.pin(this.#allowances.pinnedNames)
  }

  #requirePublic(path: string): void {
    if (isPrivate(this.#parts.privatePatterns, path)) throw new GossumError('MODULE_PRIVATE', path.slice(0, 200))
  }
}

/**
 * Checks all files in the folder of a mirror that no node is using, and sets damaged ones aside. Throws MIRROR_LOCKED,
 * HOME_UNUSABLE and FILE_UNREADABLE.
 */
export async function* verifyMirror(dir: string): AsyncGenerator<KeptFinding> {
  // Creates nothing if there was nothing.
  if (!existsSync(join(dir, 'files'))) return
  const kept = await KeptFiles.open(dir, Infinity)
  try {
    yield* kept.verify()
  } finally {
    await kept.close()
  }
}
