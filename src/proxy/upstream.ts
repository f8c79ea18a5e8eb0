/**
 * Access to a log for requests of the go command: however many clients want something, the log is asked once, and every
 * head that it shows goes through the pipeline like any other.
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
  /** An error in the background: a bug, or of our disk. */
  readonly onError: (error: unknown) => void
  /** Milliseconds since 1970. */
  readonly now: () => number
}

export interface UpstreamAnswer extends LookupAnswer, VerifiedHead {
  /** The pipeline's outcome for the head. Rejects only for a bug, or an error of our disk. */
  readonly judged: Promise<Outcome>
}

/** Heads remembered as already judged by the pipeline. */
const REMEMBERED_HEADS = 1024
/** Heads whose judgement may still be pending while the answers that contained them are used. */
const MAX_BEHIND = 16
/** Clients can cause a poll of the log at most once in this many milliseconds. */
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

  /** When the log stopped answering, in milliseconds since 1970; undefined while it answers. */
  get silentSince(): number | undefined {
    return this.#silentSince
  }

  /** Records the result of a request to the log, made here or elsewhere. */
  heard(error?: unknown): void {
    if (error === undefined) this.#silentSince = undefined
    else if (errorCode(error) === 'LOG_UNREACHABLE') this.#silentSince ??= this.#parts.now()
  }

  /** The log's answer to a lookup; the record is unproven. Its head goes through the pipeline meanwhile. */
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
      // The answer is unusable, but heads in it that the log signed are judged before the error is reported.
      await Promise.all(refused)
      throw error
    }
  }

  /** Polls the log for its newest head, at most once every two seconds. */
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

  /** Sends a head through the pipeline once: lookups return the same one again and again. */
  #judge(note: Uint8Array): Promise<Outcome> {
    const key = toHex(sha256(note))
    const before = this.#seen.get(key)
    if (before !== undefined) return before
    const { log, submit, now } = this.#parts
    const judged = submit({ source: 'lookup', note, log, receivedAt: now() }).then(
      // If it was undecided, or refused because of our own state, it may be decided the next time.
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
