/**
 * A probe queries a server that answers for a log, as a client would, and says whether its answers can be believed. It
 * checks for the attacks on clients of 2026: answers that are empty or about something else (CVE-2026-42501), lines
 * outside the proven record (CVE-2026-56864), tiles that are not verified (CVE-2026-56865); and for heads that are old,
 * or of another history.
 *
 * Trusted: the log's key, for what it signed. Not trusted: the probed server, and those that it is compared with.
 */
import { GossumError } from '../errors.js'
import { makeSplitView, type SplitView } from '../evidence/evidence.js'
import { outgoing } from '../outgoing/http-client.js'
import type { FetcherOptions } from '../sumdb/fetcher.js'
import { lastingController } from '../lib/timed.js'
import { equalBytes } from '../tlog/bytes.js'
import { EMPTY_ROOT, formatHash } from '../tlog/hash.js'
import type { Tree } from '../tlog/merkle.js'
import type { VerifierKey } from '../tlog/note.js'
import { findingOf, Meter, type CheckVerdict, type ProbeFinding, type Vantage } from './probe-session.js'
import { findDoor, type DoorKind } from './door.js'
import { headsIn, readSignedHead, type SignedHead } from './signed-heads.js'
import { askReference, checkFresh, checkHistory, type Reference, type Sighting } from './probe-history.js'
import { checkLookups, moduleOf, type KnownModule } from './probe-lookups.js'
import { checkSyntax } from './probe-syntax.js'
import { checkTiles, type Random } from './probe-tiles.js'

/** The checks, in the order of the report. */
export const CHECKS = ['reachable', 'head', 'tiles', 'lookups', 'syntax', 'fresh', 'history'] as const
export type CheckName = (typeof CHECKS)[number]

export interface Check {
  readonly name: CheckName
  readonly verdict: CheckVerdict
  readonly detail: string
}

/**
 * `split-view`: two heads convict the log. `unreachable`: no server for the log answers there. `dishonest`: an answer
 * is wrong. `undecided`: none is, but a check other than that of the syntax has no answer.
 */
export type ProbeVerdict = 'honest' | 'dishonest' | 'split-view' | 'undecided' | 'unreachable'

export interface ProbeOptions {
  /** The URL of a checksum database or of a GOPROXY. */
  readonly url: string
  readonly key: VerifierKey
  /** How many tiles of each level, and how many records, are read: 1..MAX_SAMPLES. */
  readonly samples: number
  /** Module versions to look up, which the log has, in addition to those found in its tiles. */
  readonly modules: readonly KnownModule[]
  /** Looked up if there are no others. */
  readonly famous: readonly KnownModule[]
  /** Other sources of the log's heads. */
  readonly references: readonly Reference[]
  /** How many records its head may lag behind theirs (by default a hundredth of theirs, at most 10,000). */
  readonly maxLag?: number
  /** For everything together, in milliseconds. */
  readonly deadlineMs: number
  readonly random?: Random
}

export interface ProbeReport {
  readonly verdict: ProbeVerdict
  /** Null if no server for the log answers. */
  readonly kind: DoorKind | null
  readonly head: Tree | null
  /** One of each name, in the order of CHECKS. */
  readonly checks: readonly Check[]
  readonly evidence?: SplitView
  /** The number of requests that the server received. */
  readonly requests: number
}

export const USUAL_SAMPLES = 5
export const MAX_SAMPLES = 100
/** The limit of requests to the server: for each sample, and at least. */
const REQUESTS = { perSample: 40, least: 200 }
/** The limit of requests to other sources. */
const REFERENCE_REQUESTS = 200
/** For each request: milliseconds for one attempt, and for all attempts; and the number of retries. */
const PATIENCE = { timeoutMs: 10_000, deadlineMs: 25_000, retries: 1 }

/** The finding of checks that could not be made. */
const NOT_MADE: ProbeFinding = { verdict: 'unknown', detail: 'not asked: there is no head to check an answer against' }

/** Probes a server. Throws CONFIG_INVALID for an invalid URL; whatever the server does is part of the report. */
export async function probe(options: ProbeOptions): Promise<ProbeReport> {
  const controller = lastingController()
  const over = new GossumError('TIMEOUT', `the ${options.deadlineMs / 1000} s that the probe may take have passed`)
  const timer = setTimeout(() => controller.abort(over), options.deadlineMs)
  try {
    return await new Probe(options, controller.signal).run()
  } finally {
    clearTimeout(timer)
    controller.abort(over)
  }
}

class Probe {
  readonly #options: ProbeOptions
  readonly #signal: AbortSignal
  readonly #random: Random
  readonly #meter: Meter
  readonly #findings = new Map<CheckName, ProbeFinding>()

  constructor(options: ProbeOptions, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
    this.#random = options.random ?? Math.random
    const limit = Math.max(REQUESTS.least, REQUESTS.perSample * options.samples)
    this.#meter = new Meter(limit, outgoing.fetch)
  }

  async run(): Promise<ProbeReport> {
    const { url, key } = this.#options
    // Before the server itself: what it shows later must not be older.
    const sightings = await this.#askReferences()
    const door = await this.#orFinding(findDoor(url, key, this.#fetching(this.#meter), { signal: this.#signal }))
    if ('verdict' in door) return this.#report(null, undefined, { ...door, verdict: 'failed' })
    this.#findings.set('reachable', door.finding)
    if (door.open === undefined) return this.#report(door.kind, undefined)
    const newest = this.#readNewest(door.open.latest)
    if (newest !== undefined) await this.#checkAll(door.open.vantage, newest, sightings)
    return this.#report(door.kind, newest)
  }

  async #checkAll(vantage: Vantage, newest: SignedHead, sightings: readonly Sighting[]): Promise<void> {
    const { samples, modules: named, famous, maxLag } = this.#options
    const options = { signal: this.#signal }
    const set = async (name: CheckName, work: Promise<ProbeFinding>): Promise<void> => {
      this.#findings.set(name, await this.#orFinding(work))
    }
    const tiles = await this.#orFinding(checkTiles(vantage, newest.head, samples, this.#random, options))
    this.#findings.set('tiles', 'verdict' in tiles ? tiles : tiles.finding)
    const sampled = 'verdict' in tiles ? [] : tiles.records.flatMap((record) => moduleOf(record) ?? [])
    const known = [...named, ...sampled]
    const modules = known.length > 0 ? known : famous
    await set('lookups', checkLookups(vantage, newest, modules, options))
    await set('syntax', checkSyntax(vantage, newest, modules, options))
    this.#findings.set('fresh', checkFresh(newest.head.size, sightings, maxLag))
    await set('history', checkHistory(vantage, newest, sightings, options))
  }

  #readNewest(latest: Uint8Array | GossumError): SignedHead | undefined {
    const { key } = this.#options
    try {
      if (latest instanceof GossumError) throw latest
      const newest = readSignedHead(latest, key)
      this.#findings.set('head', findingOfHead(newest, key))
      return newest
    } catch (error) {
      this.#findings.set('head', findingOf(error))
      // The answer contains something besides a head, which is wrong; the head is still compared with everything else.
      return latest instanceof GossumError ? undefined : headsIn(latest, key)[0]
    }
  }

  #askReferences(): Promise<Sighting[]> {
    const { references, key } = this.#options
    const fetching = this.#fetching(new Meter(REFERENCE_REQUESTS, outgoing.fetch))
    return Promise.all(references.map((reference) => askReference(reference, key, fetching, { signal: this.#signal })))
  }

  #fetching(meter: Meter): Omit<FetcherOptions, 'url'> {
    const { deadlineMs } = this.#options
    // The time must suffice for several requests, so that a slow one does not hide what others would have shown.
    const timeoutMs = Math.min(PATIENCE.timeoutMs, deadlineMs / 8)
    return { ...PATIENCE, timeoutMs, fetch: meter.fetch }
  }

  /** The result, or the finding that follows from its failure. */
  async #orFinding<T>(work: Promise<T>): Promise<T | ProbeFinding> {
    try {
      return await work
    } catch (error) {
      return findingOf(error)
    }
  }

  #report(kind: DoorKind | null, newest: SignedHead | undefined, reachable?: ProbeFinding): ProbeReport {
    if (reachable !== undefined) this.#findings.set('reachable', reachable)
    const found = CHECKS.map((name) => ({ name, ...(this.#findings.get(name) ?? NOT_MADE) }))
    const evidence = found.find((finding) => finding.evidence !== undefined)?.evidence
    return {
      verdict: verdictOf(found, evidence),
      kind,
      head: newest === undefined ? null : { size: newest.head.size, root: newest.head.root },
      checks: found.map(({ name, verdict, detail }) => ({ name, verdict, detail })),
      ...(evidence && { evidence }),
      requests: this.#meter.used,
    }
  }
}

function findingOfHead({ head, note, isCanonical }: SignedHead, key: VerifierKey): ProbeFinding {
  if (head.size === 0 && !equalBytes(head.root, EMPTY_ROOT)) {
    const detail = 'it claims to have no records, but its root is not that of the empty tree'
    return { verdict: 'failed', detail, evidence: makeSplitView(key, [note, note]) }
  }
  if (!isCanonical) return findingOf(new GossumError('NOT_CANONICAL'))
  return { verdict: 'ok', detail: `size ${head.size}, root ${formatHash(head.root)}, signed by ${key.name}` }
}

function verdictOf(checks: readonly Check[], evidence: SplitView | undefined): ProbeVerdict {
  if (evidence !== undefined) return 'split-view'
  if (checks[0]!.verdict === 'failed') return 'unreachable'
  if (checks.some(({ verdict }) => verdict === 'failed')) return 'dishonest'
  return checks.some(({ name, verdict }) => verdict === 'unknown' && name !== 'syntax') ? 'undecided' : 'honest'
}
