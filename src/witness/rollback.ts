/**
 * The rollback guard: what this key has signed, as far as others remember it. A home that was restored from an older
 * copy, a key in an empty home, or a second node with the same key do not know what the key has signed; the peers do.
 * Nothing is signed at start until they were asked. What they show of ours becomes a floor (store/heads.ts).
 */

/** Milliseconds after the first answer in which other peers may know more. */
const GRACE_MS = 3_000

export type GuardState =
  /** The key was made at this start: it has signed nothing before. */
  | 'fresh'
  /** Peers are being asked; nothing is signed. */
  | 'waiting'
  /** At least one peer has answered. */
  | 'guarded'
  /** There are no peers to ask. */
  | 'unguarded'
  /** Some have answered in time, and not enough. */
  | 'partly guarded'
  /** None has answered in time. */
  | 'unanswered'
  /** Another node signs with this key. */
  | 'twin'

export interface GuardReport {
  readonly state: GuardState
  /** The state as a sentence. */
  readonly text: string
  /** ISO 8601. */
  readonly since: string
}

export interface RollbackGuardOptions {
  /** Whether the key was made at this start. */
  readonly created: boolean
  /** Peers that are going to be dialled; 0 when there is nobody to ask. */
  readonly peers: number
  /** How long to wait for the first answer, in milliseconds. */
  readonly waitMs: number
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly onChange: (report: GuardReport) => void
}

export class RollbackGuard {
  readonly #options: RollbackGuardOptions
  readonly #startedAt: number
  readonly #answered = new Set<string>()
  #report: GuardReport
  #timer: NodeJS.Timeout | undefined
  #twin = false
  #stopped = false
  #settle: () => void = () => undefined
  /** Resolves when the waiting is over: from then on heads may be signed. */
  readonly settled: Promise<void>

  constructor(options: RollbackGuardOptions) {
    this.#options = options
    this.#startedAt = options.now()
    this.settled = new Promise((resolve) => (this.#settle = resolve))
    const first = options.created ? 'fresh' : options.peers > 0 ? 'waiting' : 'unguarded'
    this.#report = this.#reportOf(first)
    options.onChange(this.#report)
    if (first === 'waiting') this.#endIn(options.waitMs)
    else this.#settle()
  }

  get report(): GuardReport {
    return this.#report
  }

  get maySign(): boolean {
    return this.#report.state !== 'waiting'
  }

  /**
   * A peer has said what it holds of ours, be it nothing; what it showed has been worked on. `chosen` says that it is we
   * who wanted to ask it: anybody may come to us and say nothing, and would have us believe that there is nothing.
   */
  answered(peer: string, chosen: boolean): void {
    if (!chosen || this.#stopped) return
    this.#answered.add(peer)
    const { state } = this.#report
    if (state === 'unguarded' || state === 'unanswered') this.#change('guarded')
    if (state !== 'waiting') return
    if (this.#answered.size >= this.#options.peers) this.#end()
    else if (this.#answered.size === 1) this.#endIn(GRACE_MS)
  }

  /**
   * A cosignature by our key of this time, in POSIX seconds, is one that this node did not make. One that is younger
   * than our start was made by somebody else who has the key.
   */
  sawUnknown(time: number): void {
    if (time * 1000 > this.#startedAt) this.sawTwin()
  }

  /** Another node has shown that it holds our key. That is no answer: what it has signed is still to be learnt. */
  sawTwin(): void {
    if (this.#twin || this.#stopped) return
    this.#twin = true
    if (this.#report.state !== 'waiting') this.#change('twin')
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #endIn(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#end(), ms)
  }

  #end(): void {
    clearTimeout(this.#timer)
    this.#change(this.#twin ? 'twin' : this.#answered.size > 0 ? 'guarded' : 'unanswered')
    this.#settle()
  }

  #change(state: GuardState): void {
    this.#report = this.#reportOf(state)
    this.#options.onChange(this.#report)
  }

  #reportOf(state: GuardState): GuardReport {
    return { state, text: this.#text(state), since: new Date(this.#options.now()).toISOString() }
  }

  #text(state: GuardState): string {
    const seconds = this.#options.waitMs / 1000
    switch (state) {
      case 'fresh':
        return 'the key was made at this start: it has signed nothing before'
      case 'waiting':
        return `nothing is signed until a peer has said what this key signed before (at most ${seconds} s)`
      case 'guarded':
        return 'peers have said what this key signed before'
      case 'unguarded':
        return 'there are no peers who could say what this key signed before: a restored backup would go unnoticed'
      case 'partly guarded':
        return 'some peers have said what this key signed before, and more are needed to be sure'
      case 'unanswered':
        return `no peer said within ${seconds} s what this key signed before: this node signs on what it knows itself`
      case 'twin':
        return 'another node signs with this key, or the clock was set back: stop one of the two'
    }
  }
}
