/** Signatures that wait for their deposit, and logs whose last one waited in vain. */
import type { Deposit } from './deposit-ledger.js'
import type { DepositResult } from './deposit-report.js'

interface Wait {
  readonly deposit: Deposit
  readonly result: Promise<DepositResult>
  readonly end: (result: DepositResult) => void
}

export class DepositWaits {
  readonly #waitMs: number
  readonly #onInVain: () => void
  readonly #waits = new Map<string, Wait>()
  readonly #inVain = new Set<string>()

  /** Waits for `waitMs` milliseconds at most; `onInVain` is told when those are over for one. */
  constructor(waitMs: number, onInVain: () => void) {
    this.#waitMs = waitMs
    this.#onInVain = onInVain
  }

  /** Logs that waited in vain, and whose newest deposit is not kept by enough since. */
  get inVain(): readonly string[] {
    return [...this.#inVain]
  }

  /** The deposits that are waited for. */
  get deposits(): readonly Deposit[] {
    return [...this.#waits.values()].map(({ deposit }) => deposit)
  }

  /** Waits for a deposit. One of the same log that was waited for before is not any more: this one took its place. */
  wait(deposit: Deposit): Promise<DepositResult> {
    const { log } = deposit
    const before = this.#waits.get(log)
    if (before?.deposit === deposit) return before.result
    before?.end('undeposited')
    let resolve: (result: DepositResult) => void = () => undefined
    const result = new Promise<DepositResult>((its) => (resolve = its))
    const timer = setTimeout(() => {
      this.giveUp(log)
      this.#onInVain()
    }, this.#waitMs)
    const end = (how: DepositResult): void => {
      clearTimeout(timer)
      this.#waits.delete(log)
      resolve(how)
    }
    this.#waits.set(log, { deposit, result, end })
    return result
  }

  /** The newest deposit of a log is kept by enough peers. */
  kept(log: string): void {
    this.#inVain.delete(log)
    this.#waits.get(log)?.end('deposited')
  }

  /** The deposit of a log is not going to be kept by enough peers for now. */
  giveUp(log: string): void {
    this.#inVain.add(log)
    this.#waits.get(log)?.end('undeposited')
  }
}
