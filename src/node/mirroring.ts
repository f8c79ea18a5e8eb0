/** The module mirror of a node that runs with --mirror, checked against the first checksum database that it follows. */
import { GossumError } from '../errors.js'
import type { MirrorOperator } from '../http/mirror-operator.js'
import type { Mirror, MirrorLog, MirrorRefusal, MirrorSettings } from '../mirror/mirror.js'
import { mirrorFolder } from '../mirror/mirror-folder.js'
import { Admission } from '../proxy/admission.js'
import type { SumdbProxy } from '../proxy/sumdb-proxy.js'
import type { MirrorStatusView } from '../status/mirror-shapes.js'
import { SUMDB_ORIGIN } from '../tlog/checkpoint.js'
import type { ModuleVersion } from '../sumdb/module-version.js'
import type { NodeBase } from './base.js'

/** Refusals that are shown: an upstream may cause any number of them. */
const MAX_REFUSALS = 100

/** Parallel downloads: what they write comes on top of the mirror's limit, and a zip has up to 500 MiB. */
const DOWNLOADS = 16

export interface MirroringParts {
  /** By log id. */
  readonly sumdbs: ReadonlyMap<string, SumdbProxy>
  /** What is known of the records of the first checksum database. */
  readonly records: Pick<MirrorLog, 'covered' | 'versions'>
}

/** A mirror, with the commands and the status for its operator. */
export class Mirroring implements MirrorOperator {
  readonly mirror: Mirror
  readonly #refused: RecentRefusals

  constructor(mirror: Mirror, refused: RecentRefusals) {
    this.mirror = mirror
    this.#refused = refused
  }

  async status(): Promise<MirrorStatusView> {
    const { upstreams, kept, pinned, allowed, isExistingAllowed, cooldownMs, hidden } = await this.mirror.status()
    return {
      upstreams: upstreams.map(({ url, failingSince, reason }) => ({ url, failingSince: iso(failingSince), reason })),
      kept: { ...kept },
      cooldown: cooldownMs === null ? null : cooldownMs / 1000,
      existingAllowed: isExistingAllowed,
      allowed: [...allowed],
      pinned: [...pinned],
      hidden: hidden.map(({ path, versions, count }) => ({ path, versions: [...versions], count })),
      refused: this.#refused.list(),
    }
  }

  allow(module: ModuleVersion | 'existing'): Promise<void> {
    return this.mirror.allow(module)
  }

  pin(module: ModuleVersion): Promise<void> {
    return this.mirror.pin(module)
  }

  unpin(module: ModuleVersion): Promise<void> {
    return this.mirror.unpin(module)
  }

  stop(): Promise<void> {
    return this.mirror.stop()
  }
}

/** The last refusals, each once although clients ask again and again. */
class RecentRefusals {
  readonly #byWhat = new Map<string, MirrorStatusView['refused'][number]>()

  /** Returns whether it is new. */
  note(refusal: MirrorRefusal, at: number): boolean {
    const { path, version, kind, upstream, got, reason } = refusal
    const what = JSON.stringify([path, version, kind, upstream, got ?? reason])
    const isNews = !this.#byWhat.delete(what)
    this.#byWhat.set(what, { at: new Date(at).toISOString(), ...refusal })
    const [oldest] = this.#byWhat.keys()
    if (this.#byWhat.size > MAX_REFUSALS) this.#byWhat.delete(oldest!)
    return isNews
  }

  /** The newest first. */
  list(): MirrorStatusView['refused'] {
    return [...this.#byWhat.values()].reverse()
  }
}

/** The mirror's part of the settings. */
export function mirrorSettings(config: NodeBase['config']): MirrorSettings {
  const { home, mirror, mirrorBytes, private: privatePatterns, cooldown, cooldownExcept } = config
  return {
    dir: mirrorFolder(home),
    upstreams: mirror,
    maxBytes: mirrorBytes,
    privatePatterns,
    cooldown: cooldown === undefined ? undefined : { ms: cooldown, except: cooldownExcept },
  }
}

/**
 * Opens the mirror; undefined unless the operator asked for one. Throws CONFIG_INVALID without a checksum database,
 * MIRROR_LOCKED, or an error of the home.
 */
export async function makeMirroring(
  { config, followed, news, clock }: NodeBase,
  { sumdbs, records }: MirroringParts,
): Promise<Mirroring | undefined> {
  if (config.mirror.length === 0) return undefined
  const log = followed.find(({ origin }) => origin === SUMDB_ORIGIN)?.id
  const sumdb = log === undefined ? undefined : sumdbs.get(log)
  if (log === undefined || sumdb === undefined)
    throw new GossumError('CONFIG_INVALID', 'mirror: no checksum database is followed, or the first one has no address')
  const refused = new RecentRefusals()
  // Loaded only by a node with a mirror.
  const { Mirror } = await import('../mirror/mirror.js')
  const mirror = await Mirror.open({
    ...mirrorSettings(config),
    log: {
      record: (module, asking) => sumdb.record(module, asking),
      covered: (id) => records.covered(id),
      versions: (path) => records.versions(path),
    },
    told: {
      onRefused: (refusal) => {
        news.metrics.mirrorRefused(refusal.class)
        if (refused.note(refusal, clock.now())) news.tell({ event: 'mirror', log, ...refusal })
      },
      onServed: (kind, source) => news.metrics.mirrorServed(kind, source),
      onError: news.onError,
    },
    admission: new Admission(clock.monotonic, { slots: DOWNLOADS }),
    now: clock.now,
  })
  return new Mirroring(mirror, refused)
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
