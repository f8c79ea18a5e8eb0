/**
 * A log as the go command's requests reach it through this node: asked once however many clients ask, and every head
 * that it shows goes through the pipeline like any other.
 */
import { errorCode } from '../errors.js'
import type { SumdbClient, VerifiedHead } from '../sumdb/client.js'
import type { LookupAnswer } from '../sumdb/module.js'
import { toHex } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import type { Candidate } from '../witness/head.js'
import type { Outcome } from '../witness/outcome.js'
import { Lru } from '../lib/lru.js'

export interface UpstreamParts {
  /** Log id. */
  readonly log: string
  readonly client: Pick<SumdbClient, 'ask' | 'latestNote'>
  readonly submit: (candidate: Candidate) => Promise<Outcome>
  /** What failed in the background: our bug, or our disk. */
  readonly onError: (error: unknown) => void
  /** Milliseconds since 1970. */
  readonly now: () => number
}

export interface UpstreamAnswer extends LookupAnswer, VerifiedHead {
  /** What the pipeline makes of the head. Rejects only for a bug of ours, or our disk. */
  readonly judged: Promise<Outcome>
}

/** Heads that went through the pipeline and need not again. */
const REMEMBERED_HEADS = 1024
/** Heads that are judged while the answers that brought them are in use already. */
const MAX_BEHIND = 16
/** Clients make this node look at the log's newest head once in so many milliseconds at most. */
const LOOK_PAUSE_MS = 2_000

export class Upstream {
  readonly #parts: UpstreamParts
  readonly #seen = new Lru<Promise<Outcome>>(REMEMBERED_HEADS)
  #behind = 0
  #lookedAt = -Infinity
  #silentSince: number | undefined

  constructor(parts: UpstreamParts) {
    this.#parts = parts
  }

  /** Since when the log has not answered, in milliseconds since 1970; undefined while it does. */
  get silentSince(): number | undefined {
    return this.#silentSince
  }

  /** Notes how a request to the log went, whoever made it. */
  heard(error?: unknown): void {
    if (error === undefined) this.#silentSince = undefined
    else if (errorCode(error) === 'LOG_UNREACHABLE') this.#silentSince ??= this.#parts.now()
  }

  /** What the log answers to a lookup; nothing of the record is proven. Its head goes through the pipeline meanwhile. */
  async ask(path: string, version: string, signal: AbortSignal): Promise<UpstreamAnswer> {
    const refused: Promise<Outcome>[] = []
    const onHead = (note: Uint8Array): void => void refused.push(this.#judge(note))
    try {
      const answer = await this.#telling(() => this.#parts.client.ask(path, version, { signal, onHead }))
      const judged = this.#judge(answer.note)
      if (this.#behind >= MAX_BEHIND) await judged
      else this.#letBehind(judged)
      return { ...answer, judged }
    } catch (error) {
      // The answer cannot be used; what the log signed in it says more, and is judged before anybody is told.
      await Promise.all(refused)
      throw error
    }
  }

  /** Looks at the newest head of the log, and not more often than every two seconds. */
  async look(signal: AbortSignal): Promise<void> {
    if (performance.now() - this.#lookedAt < LOOK_PAUSE_MS) return
    const note = await this.#telling(() => this.#parts.client.latestNote({ signal }))
    this.#lookedAt = performance.now()
    await this.#judge(note)
  }

  async #telling<T>(act: () => Promise<T>): Promise<T> {
    try {
      const value = await act()
      this.heard()
      return value
    } catch (error) {
      this.heard(error)
      throw error
    }
  }

  /** Takes a head through the pipeline, once: lookups bring the same one again and again. */
  #judge(note: Uint8Array): Promise<Outcome> {
    const key = toHex(sha256(note))
    const before = this.#seen.get(key)
    if (before !== undefined) return before
    const { log, submit, now } = this.#parts
    const judged = submit({ source: 'lookup', note, log, receivedAt: now() }).then(
      // What could not be decided, or was refused for our own state, may be decided the next time.
      (outcome) => {
        if (outcome.kind === 'pending' || outcome.kind === 'refused') this.#seen.delete(key)
        return outcome
      },
      (error: unknown) => {
        this.#seen.delete(key)
        throw error
      },
    )
    this.#seen.put(key, judged)
    return judged
  }

  #letBehind(judged: Promise<unknown>): void {
    this.#behind++
    void judged.catch(this.#parts.onError).finally(() => this.#behind--)
  }
}
