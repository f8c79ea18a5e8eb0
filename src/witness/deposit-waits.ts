/** Signatures that wait for their deposit, and logs whose last wait timed out. */
import type { Deposit } from './deposit-ledger.js'
import type { DepositResult } from './deposit-report.js'

interface Wait {
  readonly deposit: Deposit
  readonly end: (result: DepositResult) => void
}

export class DepositWaits {
  readonly #waitMs: number
  readonly #onInVain: () => void
  /** By log, at least one, the oldest first. */
  readonly #waits = new Map<string, readonly Wait[]>()
  readonly #inVain = new Set<string>()

  /** Waits for at most `waitMs` milliseconds; `onInVain` is called when a wait times out. */
  constructor(waitMs: number, onInVain: () => void) {
    this.#waitMs = waitMs
    this.#onInVain = onInVain
  }

  /** Logs with a wait that timed out and whose newest deposit has not been kept by enough peers since. */
  get inVain(): readonly string[] {
    return [...this.#inVain]
  }

  /** For each log, the newest deposit that is being waited for. */
  get deposits(): readonly Deposit[] {
    return [...this.#waits.values()].map((waits) => waits.at(-1)!.deposit)
  }

  /**
   * Waits for a deposit. Waits for earlier ones of the same log continue: a peer that keeps this one, which extends
   * them, covers them too. Several waits for one deposit end together.
   */
  wait(deposit: Deposit): Promise<DepositResult> {
    const { log } = deposit
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#inVain.add(log)
        this.#end(log, 'undeposited', (wait) => wait.deposit === deposit)
        this.#onInVain()
      }, this.#waitMs)
      const end = (how: DepositResult): void => {
        clearTimeout(timer)
        resolve(how)
      }
      this.#waits.set(log, [...(this.#waits.get(log) ?? []), { deposit, end }])
    })
  }

  /** Ends the waits for those deposits of a log that enough peers keep. */
  settle(log: string, isKept: (deposit: Deposit) => boolean): void {
    this.#end(log, 'deposited', ({ deposit }) => isKept(deposit))
  }

  /** The newest deposit of a log is kept by enough peers. */
  heal(log: string): void {
    this.#inVain.delete(log)
  }

  /** Too few peers will keep the deposits of this log for now. */
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
