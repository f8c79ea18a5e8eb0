/**
 * Visits the places. Each has its own loop with one request at a time, with a pause after a push and a longer one after
 * every failure. Heads from places go through the pipeline like any others; their verdicts are reported and shown, and
 * decide nothing.
 *
 * Trusted: no place. A cosignature counts when it verifies under a key that the policy names.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { errorCode, errorText, GossumError, type ErrorCode } from '../errors.js'
import { lastingController } from '../lib/timed.js'
import type { Candidate } from '../witness/head.js'
import { isNoHead, type Outcome } from '../witness/outcome.js'
import type { LogIdentity } from '../witness/head.js'
import { formatHash } from '../tlog/hash.js'
import { PlaceDown } from './service-request.js'
import type { OwnHead, ExternalService, Prove, VisitResult, ServiceVerdict } from './service.js'
import { Visits, type Visit } from './visits.js'

/** Reported when a place becomes reachable or unreachable, or changes its verdict on a log. */
export interface ExchangeNews {
  readonly place: string
  readonly kind: ExternalService['kind']
  readonly url: string
  /** Whether it answers with something usable. */
  readonly reachable: boolean
  /** Why not. */
  readonly error: string | null
  /** Log id; null when it is only about the place. */
  readonly log: string | null
  readonly verdict: ServiceVerdict | null
  /** The place's own words. */
  readonly detail: string | null
  /** The head of ours that it is about. */
  readonly size: number | null
  readonly root: string | null
}

/** A place, as the API shows it. Times are ISO 8601. */
export interface PlaceView {
  readonly name: string
  readonly url: string
  readonly kind: ExternalService['kind']
  /** When it last answered. */
  readonly lastAnswer: string | null
  /** What was wrong with the last visit, or with the last verdict. */
  readonly error: string | null
  /** Its last verdict on each log. */
  readonly says: readonly Opinion[]
}

interface Opinion {
  readonly log: string
  readonly does: Visit['does']
  readonly verdict: ServiceVerdict
  /** The head of ours that it is about; null after a mere read. */
  readonly size: number | null
  readonly at: string
}

export interface ExchangeParts {
  readonly places: readonly ExternalService[]
  readonly logs: readonly LogIdentity[]
  readonly own: {
    /** The newest head that we have proven and cosigned; undefined before there is one, and while its log is frozen. */
    readonly head: (log: string) => OwnHead | undefined
    readonly prove: Prove
  }
  /** Takes a head through the pipeline. */
  readonly submit: (candidate: Candidate) => Promise<Outcome>
  /** Seconds between two reads of a place. */
  readonly interval: number
  readonly told: {
    readonly onNews: (news: ExchangeNews) => void
    /** Failures that no place caused: our bug, or our disk. */
    readonly onError: (error: unknown) => void
  }
  readonly world: {
    /** Milliseconds since 1970. */
    readonly now: () => number
    /** Uniform in [0, 1). */
    readonly random: () => number
  }
}

/** The longest pause after failures, in intervals. */
const MAX_BACKOFF_INTERVALS = 32
/** The longest sleep, in ms: a timer takes less than 2^31. */
const MAX_SLEEP_MS = 3_600_000

/** Codes for faults of a place. */
const PLACE_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['PLACE_UNREACHABLE', 'PLACE_ANSWER_INVALID'])
/** Verdicts that the operator should look into. */
const OBJECTIONS: ReadonlySet<ServiceVerdict> = new Set<ServiceVerdict>([
  'unknown-log',
  'refused',
  'inconsistent',
  'uncounted',
])

/** A place and its state. */
class Visited {
  readonly place: ExternalService
  readonly visits: ReadonlyMap<string, Visits>
  readonly says = new Map<string, Opinion>()
  /** What was wrong with each opinion, by the same key. */
  readonly objections = new Map<string, string>()
  lastAnswer: number | undefined
  /** Undefined before the first visit. */
  reachable: boolean | undefined
  error: string | null = null
  failures = 0
  /** It is not asked again before this time, on the monotonic clock. */
  notBefore = 0
  wake: () => void = () => undefined

  constructor(place: ExternalService, visits: ReadonlyMap<string, Visits>) {
    this.place = place
    this.visits = visits
  }
}

export class Exchange {
  readonly #parts: ExchangeParts
  readonly #visited: readonly Visited[]
  readonly #stopped = lastingController()
  #running: Promise<unknown> = Promise.resolve()

  constructor(parts: ExchangeParts) {
    this.#parts = parts
    const intervalMs = parts.interval * 1000
    this.#visited = parts.places.map((place) => {
      const does = { push: place.push !== undefined, pull: place.pull !== undefined }
      return new Visited(place, new Map(parts.logs.map(({ id }) => [id, new Visits(does, intervalMs / 2, intervalMs)])))
    })
  }

  start(): void {
    // All of them may be disabled.
    if (this.#parts.logs.length === 0) return
    this.#running = Promise.all(this.#visited.map((visited) => this.#run(visited)))
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
  }

  /** There is a new head. */
  advanced(): void {
    for (const { wake } of this.#visited) wake()
  }

  /** The places, in configured order. */
  views(): PlaceView[] {
    return this.#visited.map(({ place: { name, url, kind }, lastAnswer, error, says, objections }) => ({
      name,
      url,
      kind,
      lastAnswer: lastAnswer === undefined ? null : new Date(lastAnswer).toISOString(),
      error: error ?? [...objections.values()][0] ?? null,
      says: [...says.values()],
    }))
  }

  async #run(visited: Visited): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      const { log, visit } = this.#next(visited)
      const wait = Math.max(visit.at, visited.notBefore) - performance.now()
      if (wait > 0) await this.#sleep(visited, wait)
      else await this.#visit(visited, log, visit.does).catch(this.#parts.told.onError)
    }
  }

  /** The visit that is due first. */
  #next({ visits }: Visited): { log: LogIdentity; visit: Visit } {
    return this.#parts.logs
      .map((log) => ({ log, visit: visits.get(log.id)!.next(this.#parts.own.head(log.id)) }))
      .reduce((first, other) => (other.visit.at < first.visit.at ? other : first))
  }

  /** Sleeps until the visit is due, or until there is a new head. */
  async #sleep(visited: Visited, ms: number): Promise<void> {
    const awake = new AbortController()
    visited.wake = () => awake.abort()
    const end = (): void => awake.abort()
    this.#stopped.signal.addEventListener('abort', end, { once: true })
    const options = { signal: awake.signal, ref: false }
    await delay(Math.min(ms, MAX_SLEEP_MS), undefined, options).catch(() => undefined)
    this.#stopped.signal.removeEventListener('abort', end)
  }

  async #visit(visited: Visited, log: LogIdentity, does: Visit['does']): Promise<void> {
    const { head: headOf, prove } = this.#parts.own
    const { signal } = this.#stopped
    const { place } = visited
    const head = does === 'push' ? headOf(log.id) : undefined
    // The log was frozen in the meantime.
    if (does === 'push' && head === undefined) return
    let verdict: ServiceVerdict | undefined
    try {
      const told = head === undefined ? await place.pull!(log, signal) : await place.push!(log, head, prove, signal)
      await this.#take(place, log, told)
      verdict = told.verdict
      this.#answered(visited)
      this.#says(visited, log, does, told, head)
    } catch (error) {
      if (signal.aborted) return
      if (PLACE_CODES.has(errorCode(error))) this.#failed(visited, error)
      // The proof could not be made: not the place's fault.
      else if (error instanceof GossumError) visited.error = errorText(error)
      else throw error
    } finally {
      visited.visits.get(log.id)!.ended(does, head, verdict, performance.now())
    }
  }

  /** Submits what the place returned, like any head. Throws PLACE_ANSWER_INVALID for what no honest place returns. */
  async #take({ url }: ExternalService, { id: log }: LogIdentity, { notes }: VisitResult): Promise<void> {
    const { submit, told, world } = this.#parts
    const { now } = world
    const { onError } = told
    for (const note of notes) {
      try {
        const { code } = await submit({ source: 'sync', note, log, receivedAt: now() })
        if (isNoHead(code)) throw new GossumError('PLACE_ANSWER_INVALID', `${url}: a head with ${code!}`)
      } catch (error) {
        if (errorCode(error) === 'PLACE_ANSWER_INVALID') throw error
        onError(error)
      }
    }
  }

  // ---- state of the places --------------------------------------------------------------------------------------

  #answered(visited: Visited): void {
    visited.lastAnswer = this.#parts.world.now()
    visited.failures = 0
    visited.error = null
    if (visited.reachable !== true) {
      visited.reachable = true
      this.#tell(visited)
    }
  }

  #failed(visited: Visited, error: unknown): void {
    const { interval, world } = this.#parts
    visited.error = errorText(error)
    const backoff =
      Math.min(2 ** visited.failures, MAX_BACKOFF_INTERVALS) * interval * 1000 * (0.8 + 0.4 * world.random())
    const asked = error instanceof PlaceDown ? error.retryAfterMs : 0
    visited.notBefore = performance.now() + Math.max(backoff, asked)
    visited.failures++
    if (visited.reachable !== false) {
      visited.reachable = false
      this.#tell(visited)
    }
  }

  /** Records its verdict, and reports it if it has changed. */
  #says(visited: Visited, log: LogIdentity, does: Visit['does'], told: VisitResult, head: OwnHead | undefined): void {
    const { verdict, detail } = told
    const key = `${does} ${log.id}`
    const before = visited.says.get(key)
    const size = head?.size ?? null
    visited.says.set(key, { log: log.id, does, verdict, size, at: new Date(this.#parts.world.now()).toISOString() })
    if (OBJECTIONS.has(verdict)) visited.objections.set(key, `${verdict}: ${detail ?? ''}`)
    else visited.objections.delete(key)
    // Each head that is called inconsistent is worth reporting: it is a new one.
    if (before?.verdict === verdict && (verdict !== 'inconsistent' || before.size === size)) return
    const root = head === undefined ? null : formatHash(head.root)
    this.#tell(visited, { log: log.id, verdict, size, root, detail: detail ?? null })
  }

  #tell(visited: Visited, said: Partial<ExchangeNews> = {}): void {
    const { name, kind, url } = visited.place
    const about = { log: null, verdict: null, detail: null, size: null, root: null }
    const { reachable, error } = visited
    this.#parts.told.onNews({ place: name, kind, url, reachable: reachable === true, error, ...about, ...said })
  }
}
