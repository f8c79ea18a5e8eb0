/**
 * The start barrier: what our keys have signed, as far as others remember it. A home restored from an older copy, a key
 * in an empty home, or a second node with the same key does not know what the key has signed; the peers that keep its
 * promises do (deposits.ts). A promise is kept by k of n chosen peers, so among any n - k + 1 of them at least one
 * remembers it: nothing is signed before that many have sent all that they hold. What they show of ours becomes a floor
 * (store/heads.ts).
 */
import { answersNeeded } from './deposit-ledger.js'

/** Seconds by which a cosignature of ours may be ahead of our clock and still be taken as made elsewhere just now. */
const CLOCK_AHEAD = 60

export type GuardState =
  /** All our keys were made at this start: they have signed nothing before. */
  | 'fresh'
  /** Chosen peers are being asked; nothing is signed. */
  | 'waiting'
  /** Enough have answered: whatever was deposited is known. */
  | 'guarded'
  /** Some have answered in time, but not enough. */
  | 'partly guarded'
  /** None has answered in time. */
  | 'unanswered'
  /** There are no chosen peers to ask. */
  | 'unguarded'
  /** Another node signs with a key of ours; nothing is signed. */
  | 'twin'

export interface GuardReport {
  readonly state: GuardState
  /** The state as a sentence. */
  readonly text: string
  /** ISO 8601. */
  readonly since: string
}

export interface RollbackGuardOptions {
  /** Whether all our keys were made at this start, or there are none. */
  readonly fresh: boolean
  /** Whether there are no keys. */
  readonly keyless?: boolean
  /** How many peers are chosen: n. */
  readonly chosen: () => number
  /** How many of them are to keep a promise: k; undefined for a majority. */
  readonly keep: number | undefined
  /** How long to wait for answers, in milliseconds. */
  readonly waitMs: number
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Called with every new state, and after every answer that arrives when the wait is over and more are needed. */
  readonly onChange: (report: GuardReport) => void
}

export class RollbackGuard {
  readonly #options: RollbackGuardOptions
  readonly #startedAt: number
  readonly #answered = new Set<string>()
  #state: GuardState
  #since: number
  #timer: NodeJS.Timeout | undefined
  #twin = false
  #stopped = false
  #settle: () => void = () => undefined
  /** Resolves when the wait is over: from then on heads may be signed, unless there is a twin. */
  readonly settled: Promise<void>

  constructor(options: RollbackGuardOptions) {
    this.#options = options
    this.#startedAt = options.now()
    this.#since = this.#startedAt
    this.settled = new Promise((resolve) => (this.#settle = resolve))
    this.#state = options.fresh ? 'fresh' : options.chosen() > 0 ? 'waiting' : 'unguarded'
  }

  /** Starts to wait, unless there is nobody to wait for. */
  start(): void {
    const { waitMs, onChange } = this.#options
    onChange(this.report)
    if (this.#state === 'waiting') this.#timer = setTimeout(() => this.#end(), waitMs)
    else this.#settle()
  }

  get report(): GuardReport {
    return { state: this.#state, text: this.#text(), since: new Date(this.#since).toISOString() }
  }

  get maySign(): boolean {
    return this.#state !== 'waiting' && this.#state !== 'twin'
  }

  /**
   * A chosen peer has sent all that it holds of our keys, perhaps nothing, and all of it was taken up. Only chosen
   * peers count here: any other peer could connect and answer nothing, to make us believe that there is nothing.
   */
  answered(peer: string): void {
    if (this.#stopped || this.#answered.has(peer)) return
    this.#answered.add(peer)
    const isEnough = this.#answered.size >= this.#need
    if (this.#state === 'waiting') {
      if (isEnough) this.#end()
    } else if (this.#state === 'unanswered' || this.#state === 'unguarded' || this.#state === 'partly guarded') {
      this.#change(isEnough ? 'guarded' : 'partly guarded')
    }
  }

  /**
   * A cosignature of this time (POSIX seconds), by a key of ours, was not made by this home. If it is younger than our
   * start, another node with the key made it. If it is older, we made it in an earlier run whose state was lost. If it
   * is in the future, that may be the case too: the clock was wrong then (clock.ts).
   */
  sawUnknown(time: number): void {
    const isAhead = time * 1000 > this.#options.now() + CLOCK_AHEAD * 1000
    if (time * 1000 > this.#startedAt && !isAhead) this.sawTwin()
  }

  /** Another node has proven that it holds a key of ours. The wait goes on: what it signed is still to be learnt. */
  sawTwin(): void {
    if (this.#twin || this.#stopped) return
    this.#twin = true
    if (this.#state !== 'waiting') this.#change('twin')
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  get #need(): number {
    return answersNeeded(this.#options.chosen(), this.#options.keep)
  }

  #end(): void {
    clearTimeout(this.#timer)
    const answered = this.#answered.size
    const guarded = answered >= this.#need ? 'guarded' : answered > 0 ? 'partly guarded' : 'unanswered'
    this.#change(this.#twin ? 'twin' : guarded)
    this.#settle()
  }

  #change(state: GuardState): void {
    if (state !== this.#state) this.#since = this.#options.now()
    this.#state = state
    this.#options.onChange(this.report)
  }

  #text(): string {
    const [need, of] = [this.#need, this.#options.chosen()]
    const count = `${this.#answered.size} of ${of} chosen peers`
    const seconds = this.#options.waitMs / 1000
    switch (this.#state) {
      case 'fresh':
        return this.#options.keyless === true
          ? 'there is no witness key: nothing was signed before, and nothing will be'
          : 'the keys were made at this start: they have signed nothing before'
      case 'waiting':
        return `${count} have reported what this key signed before; nothing is signed until ${need} have, or ${seconds} s have passed`
      case 'guarded':
        return `${count} have reported what this key signed before; ${need} are enough`
      case 'partly guarded':
        return `only ${count} have reported what this key signed before, and ${need} are needed to be sure: signing from local state only`
      case 'unanswered':
        return `none of ${of} chosen peers answered within ${seconds} s: signing from local state only`
      case 'unguarded':
        return 'there are no chosen peers to report what this key signed before: a restored backup would go unnoticed'
      case 'twin':
        return 'another node is signing with this key, so this one signs nothing: stop one of them, then restart this one'
    }
  }
}
