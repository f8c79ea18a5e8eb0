/**
 * What can prevent a signature, apart from the logs themselves: whether peers have reported what our keys signed
 * before, whether they keep what is about to be signed, whether the clock can be right, and which key may cosign which
 * log.
 */
import type { Config, LogSetting } from '../config/config.js'
import type { ErrorCode } from '../errors.js'
import type { NodeEventBody } from './events.js'
import type { Keyring } from '../keys/keyring.js'
import { followedOf } from '../logs/log-setting.js'
import type { Store } from '../store/store.js'
import { RELEASED } from '../version.js'
import { Clock, clockNews, type ClockCondition, type ClockReport } from '../witness/clock.js'
import { NOTHING_PROMISED, type DepositReport } from '../witness/deposit-report.js'
import { Deposits, type Depositaries } from '../witness/deposits.js'
import { RollbackGuard } from '../witness/rollback-guard.js'
import { Binding } from './binding.js'

/** Milliseconds between two checks of the clock. */
const CLOCK_LOOK_MS = 15_000
/** Milliseconds by which the clocks of machines with one key may differ. */
const AHEAD_MS = 60_000

export interface NodeBarrierOptions {
  readonly config: Pick<Config, 'deposit' | 'depositWait' | 'guardWait' | 'logs' | 'state'>
  readonly keyring: Keyring
  readonly store: Store
  /** The number of chosen peers, before the mesh runs. */
  readonly chosen: number
  readonly mesh: Depositaries
  readonly emit: (event: NodeEventBody) => void
  /** Milliseconds since 1970. */
  readonly now: () => number
}

export class NodeBarrier {
  readonly guard: RollbackGuard
  /** Undefined for an observer, which promises nothing. */
  readonly deposits: Deposits | undefined
  /** The deposits of the auditor's promises, which are about other heads; undefined without its key. */
  readonly auditorDeposits: Deposits | undefined
  readonly clock: Clock
  /** Whether all keys were made at this start and have signed nothing; true for an observer, which has none. */
  readonly isFresh: boolean
  #binding: Binding
  #logs: readonly LogSetting[] = []
  readonly #options: NodeBarrierOptions
  #conditions: readonly ClockCondition[] = []
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** Throws ORIGIN_TAKEN for a log that got its own key too late (binding.ts). */
  constructor(options: NodeBarrierOptions) {
    const { config, keyring, store, chosen, mesh, emit, now } = options
    const { keep, required } = config.deposit
    this.#options = options
    // Another process may have made the keys in this home a moment ago, and signed with them.
    this.isFresh = keyring.isObserver || (keyring.fresh && store.heads.logs().length === 0)
    this.#binding = this.#bindingOf(config.logs)
    this.#binding.requireKept()
    this.#logs = config.logs
    this.clock = new Clock({ now, monotonic: () => performance.now(), released: RELEASED })
    this.guard = new RollbackGuard({
      fresh: this.isFresh,
      keyless: keyring.isObserver,
      chosen: () => chosen,
      keep,
      waitMs: config.guardWait * 1000,
      now,
      onChange: ({ state, text }) => emit({ event: 'guard', state, text }),
    })
    const waitMs = config.depositWait * 1000
    const deposited = { depositaries: mesh, keep, required, waitMs, now: () => performance.now() }
    if (!keyring.isObserver)
      this.deposits = new Deposits({
        ...deposited,
        onChange: ({ state, text, undeposited }) =>
          emit({ event: 'deposit', state, text, undeposited: undeposited.length }),
      })
    // Whether its promises are kept is reported with the outcome of each audit.
    if (keyring.auditor !== undefined) this.auditorDeposits = new Deposits({ ...deposited, onChange: () => undefined })
  }

  /** Throws ORIGIN_TAKEN if these logs could not be followed with the existing keys (binding.ts). */
  requireKept(logs: readonly LogSetting[]): void {
    this.#bindingOf(logs).requireKept()
  }

  /** Replaces the logs. */
  follow(logs: readonly LogSetting[]): void {
    this.#binding = this.#bindingOf(logs)
    this.#logs = logs
  }

  start(): void {
    this.guard.start()
    this.deposits?.start()
    this.auditorDeposits?.start()
    this.#lookAtClock()
    this.#timer = setInterval(() => this.#lookAtClock(), CLOCK_LOOK_MS).unref()
  }

  /** From now on no signature begins: it could soon not be published any more. */
  close(): void {
    this.#isClosed = true
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.guard.stop()
    await Promise.all([this.deposits?.stop(), this.auditorDeposits?.stop()])
  }

  /** A chosen peer has connected: it is sent what it is owed. */
  connected(peer: string): void {
    this.deposits?.connected(peer)
    this.auditorDeposits?.connected(peer)
  }

  /** Why nothing at all may be signed now. */
  readonly common = (): ErrorCode | undefined => {
    if (this.#isClosed) return 'GUARD_WAITING'
    if (!this.guard.maySign) return this.guard.report.state === 'twin' ? 'KEY_DUPLICATE' : 'GUARD_WAITING'
    return this.clock.isWrong ? 'CLOCK_WRONG' : undefined
  }

  /**
   * Why nothing of a log may be signed now. An observer never signs, so it waits for nothing and accepts what it is
   * shown.
   */
  readonly obstacle = (log: string): ErrorCode | undefined =>
    this.#options.keyring.isObserver ? 'NO_WITNESS' : this.#obstacleOfWitness(log)

  #obstacleOfWitness(log: string): ErrorCode | undefined {
    return this.common() ?? (this.#isAhead(log) ? 'STATE_AHEAD' : undefined) ?? this.#binding.obstacle(log)?.code
  }

  /** Whether another machine with our key has signed with a time that is still ahead of our clock. */
  #isAhead(log: string): boolean {
    const { config, store, now } = this.#options
    const time = config.state === undefined ? undefined : store.heads.get(log).signed?.time
    return time !== undefined && time * 1000 > now() + AHEAD_MS
  }

  /** Why the auditor must not cosign a log, not counting what prevents signatures by all keys. */
  readonly obstacleOfAuditor = (log: string): ErrorCode | undefined => this.#binding.obstacleOfAuditor(log)?.code

  /** Why the keys of a log must not cosign it, in words. */
  readonly taken = (log: string): string | undefined => this.#binding.text(log)

  readonly clockReport = (): ClockReport => {
    const { store } = this.#options
    const promises = followedOf(this.#logs).flatMap(({ id, key }) => {
      const time = store.heads.get(id).signed?.time
      return time === undefined ? [] : [{ log: key.name, time }]
    })
    return this.clock.report(promises)
  }

  /** Whether chosen peers keep the promises of our witness keys and, if those are well, of the auditor's key. */
  readonly depositReport = (): DepositReport => {
    const report = this.deposits?.report ?? NOTHING_PROMISED
    const audits = this.auditorDeposits?.report
    const isWorse = report.state === 'deposited' && audits?.state === 'undeposited'
    return isWorse ? { ...audits, text: `the auditor's promises: ${audits.text}` } : report
  }

  #bindingOf(logs: readonly LogSetting[]): Binding {
    const { keyring, store } = this.#options
    return new Binding({
      keyring,
      logs,
      states: () => new Map(store.heads.logs().map((log) => [log, store.heads.get(log)])),
      appeared: () => store.heads.appeared,
    })
  }

  #lookAtClock(): void {
    const { conditions } = this.clockReport()
    for (const news of clockNews(this.#conditions, conditions)) this.#options.emit({ event: 'clock', ...news })
    this.#conditions = conditions
  }
}
