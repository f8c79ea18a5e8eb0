/**
 * What must be on disk and is not yet. A write is attempted at once; what fails is kept in memory and retried, less and
 * less often, until it succeeds. Nothing is ever given up: the disk may be full for days.
 */
import { GossumError, errorText } from '../errors.js'
import { setTimer, type SetTimer } from '../lib/set-timer.js'
import type { KeptEvidence } from './kept.js'

export interface UnwrittenParts {
  readonly onError: (error: unknown) => void
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly setTimer?: SetTimer
}

/** Evidence with everything that has to be written about it. */
export interface Duty {
  readonly kept: KeptEvidence
  /** Its subject: each subject has room for one piece of evidence, however much there is about others. */
  readonly about: string
  /** Whether its log must not be signed before all of it is written. */
  readonly holds: boolean
  /** Performed in this order; if one fails the next is still attempted. Each may be performed twice. */
  readonly steps: readonly (() => Promise<void>)[]
}

interface Open {
  readonly duty: Duty
  left: Duty['steps']
  /** The attempt in progress. */
  attempt: Promise<GossumError | undefined> | undefined
  /** Whether an attempt has failed: until then nothing is wrong with the disk. */
  hasFailed: boolean
  /** When its failure is reported next, and the delay after that. */
  reportAt: number
  reportMs: number
}

/** Characters of evidence in memory, beyond one piece per subject. */
const MAX_CHARACTERS = 4 * 1024 * 1024
/** The first pause between two attempts, doubled each time, and the longest. */
const PAUSE_MS = { first: 1_000, longest: 60_000 }
/** A lasting failure is reported again after a minute, then after two, four and so on. */
const REPORT_MS = 60_000

export class Unwritten {
  readonly #parts: UnwrittenParts
  readonly #setTimer: SetTimer
  /** By evidence id, oldest first. */
  readonly #open = new Map<string, Open>()
  #pauseMs = PAUSE_MS.first
  #cancel: (() => void) | undefined
  #stopped = false

  constructor(parts: UnwrittenParts) {
    this.#parts = parts
    this.#setTimer = parts.setTimer ?? setTimer
  }

  /** Whether nothing of this log may be signed because of evidence that is not on disk. */
  holds(log: string): boolean {
    for (const { duty } of this.#open.values()) if (duty.holds && duty.kept.log === log) return true
    return false
  }

  get(id: string): KeptEvidence | undefined {
    return this.#open.get(id)?.duty.kept
  }

  list(): KeptEvidence[] {
    return [...this.#open.values()].map(({ duty }) => duty.kept)
  }

  /** How many of them could not be written when that was last attempted; the others are being written. */
  get failed(): number {
    return [...this.#open.values()].filter(({ hasFailed }) => hasFailed).length
  }

  /** Whether evidence of so many characters can be held in memory if it cannot be written. */
  hasRoom(about: string, characters: number): boolean {
    const held = [...this.#open.values()].map(({ duty }) => duty)
    if (held.every((other) => other.about !== about)) return true
    return held.reduce((sum, { kept }) => sum + kept.text.length, characters) <= MAX_CHARACTERS
  }

  /** Holds it from this call on and attempts to write it, once. What remains is retried later; never rejects. */
  async write(duty: Duty): Promise<void> {
    const open: Open = {
      duty,
      left: duty.steps,
      attempt: undefined,
      hasFailed: false,
      reportAt: 0,
      reportMs: REPORT_MS,
    }
    this.#open.set(duty.kept.id, open)
    await this.#try(open)
    this.#arm()
  }

  /** Writes what remains of one piece of evidence now. Throws EVIDENCE_UNWRITTEN when it still cannot be written. */
  async settle(id: string): Promise<void> {
    const open = this.#open.get(id)
    // The attempt in progress may have failed at a step before there was space.
    await open?.attempt
    if (open === undefined || open.left.length === 0) return
    const failure = await this.#try(open)
    if (failure !== undefined) throw failure
  }

  /** Writes what remains of all evidence now. Throws EVIDENCE_UNWRITTEN when some still cannot be written. */
  async settleAll(): Promise<void> {
    for (const id of [...this.#open.keys()]) await this.settle(id)
  }

  /** Drops evidence that is no longer to be kept. */
  drop(id: string): void {
    this.#open.delete(id)
  }

  /**
   * Makes a last attempt. What still remains is not reported any more: peers have it and show it after the next start.
   */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel?.()
    await this.#tryAll()
  }

  async #tryAll(): Promise<void> {
    for (const [id, open] of [...this.#open]) if (this.#open.get(id) === open) await this.#try(open)
  }

  #arm(): void {
    if (this.#stopped || this.#cancel !== undefined) return
    if (this.#open.size === 0) {
      this.#pauseMs = PAUSE_MS.first
      return
    }
    this.#cancel = this.#setTimer(() => {
      void this.#tryAll().then(() => {
        this.#cancel = undefined
        this.#arm()
      })
    }, this.#pauseMs)
    this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MS.longest)
  }

  /** Joins the attempt in progress, or starts one. Returns why it failed; never rejects. */
  #try(open: Open): Promise<GossumError | undefined> {
    return (open.attempt ??= this.#attempt(open).then((failure) => {
      open.attempt = undefined
      if (failure === undefined) return undefined
      open.hasFailed = true
      this.#report(open, failure)
      return failure
    }))
  }

  async #attempt(open: Open): Promise<GossumError | undefined> {
    const { kept } = open.duty
    const failures: unknown[] = []
    const left: (() => Promise<void>)[] = []
    for (const step of open.left) {
      try {
        await step()
      } catch (error) {
        left.push(step)
        failures.push(error)
      }
    }
    open.left = left
    if (left.length > 0) {
      const why = `${kept.id} about the log ${kept.log}: ${errorText(failures[0])}`
      return new GossumError('EVIDENCE_UNWRITTEN', why, failures[0])
    }
    this.#open.delete(kept.id)
    return undefined
  }

  #report(open: Open, failure: GossumError): void {
    const now = this.#parts.now()
    if (now < open.reportAt) return
    open.reportAt = now + open.reportMs
    open.reportMs *= 2
    this.#parts.onError(failure)
  }
}
