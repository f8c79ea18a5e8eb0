/** Signatures that wait for their deposit, and logs whose last wait was in vain. */
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
  /** By log, the oldest first. */
  readonly #waits = new Map<string, readonly Wait[]>()
  readonly #inVain = new Set<string>()

  /** Waits for `waitMs` milliseconds at most; `onInVain` is told when those are over for one. */
  constructor(waitMs: number, onInVain: () => void) {
    this.#waitMs = waitMs
    this.#onInVain = onInVain
  }

  /** Logs of which one waited in vain, and whose newest deposit is not kept by enough since. */
  get inVain(): readonly string[] {
    return [...this.#inVain]
  }

  /** The newest deposit that is waited for of each log. */
  get deposits(): readonly Deposit[] {
    return [...this.#waits.values()].flatMap((waits) => waits.at(-1)?.deposit ?? [])
  }

  /**
   * Waits for a deposit, and goes on waiting for those before it of the same log: who keeps this one, which extends them,
   * keeps them, too.
   */
  wait(deposit: Deposit): Promise<DepositResult> {
    const { log } = deposit
    const before = this.#waits.get(log) ?? []
    const same = before.find((wait) => wait.deposit === deposit)
    if (same !== undefined) return same.result
    let resolve: (result: DepositResult) => void = () => undefined
    const result = new Promise<DepositResult>((its) => (resolve = its))
    const timer = setTimeout(() => {
      this.#inVain.add(log)
      this.#end(log, 'undeposited', (wait) => wait.deposit === deposit)
      this.#onInVain()
    }, this.#waitMs)
    const end = (how: DepositResult): void => {
      clearTimeout(timer)
      resolve(how)
    }
    this.#waits.set(log, [...before, { deposit, result, end }])
    return result
  }

  /** Of the deposits of a log that are waited for these are kept by enough peers. */
  settle(log: string, isKept: (deposit: Deposit) => boolean): void {
    this.#end(log, 'deposited', ({ deposit }) => isKept(deposit))
  }

  /** The newest deposit of a log is kept by enough peers. */
  heal(log: string): void {
    this.#inVain.delete(log)
  }

  /** The deposits of a log are not going to be kept by enough peers for now. */
  giveUp(log: string): void {
    this.#inVain.add(log)
    this.#end(log, 'undeposited', () => true)
  }

  #end(log: string, how: DepositResult, isOver: (wait: Wait) => boolean): void {
    const waits = this.#waits.get(log) ?? []
    const left = waits.filter((wait) => !isOver(wait))
    if (left.length === 0) this.#waits.delete(log)
    else this.#waits.set(log, left)
    for (const wait of waits) if (isOver(wait)) wait.end(how)
  }
}
