/** A shared state in memory for several machines of a test, which can be made to fail. */
import type { Claim, SharedState, StatePlace, StateRow, Taken, WriteResult } from '../../src/store/shared-state.js'
import { GossumError } from '../../src/errors.js'

export class MemoryState implements SharedState {
  readonly states = new Map<string, StateRow>()
  readonly #lineage = new Set<string>()
  /** The log to which a key is bound, by key and origin. */
  readonly #bound = new Map<string, string>()
  /** The result of the next write, and whether it is applied all the same. */
  fate: { readonly result: WriteResult; readonly isMade: boolean } | undefined
  isAway = false

  async rows(): Promise<ReadonlyMap<string, StateRow>> {
    return Promise.resolve(new Map(this.states))
  }

  async row(log: string): Promise<StateRow | undefined> {
    if (this.isAway) throw new GossumError('STATE_UNCONFIRMED')
    return Promise.resolve(this.states.get(log))
  }

  async replace(log: string, from: StatePlace | undefined, to: StateRow, claim?: Claim): Promise<WriteResult | Taken> {
    const { fate } = this
    this.fate = undefined
    if (this.isAway || fate?.isMade === false) return Promise.resolve(fate?.result ?? 'unknown')
    const now = this.states.get(log)
    if (now?.seq !== from?.seq || now?.hash !== from?.hash) return Promise.resolve('lost')
    const claims = claim?.keys.map((key) => `${key} ${claim.origin}`) ?? []
    const by = claims.map((each) => this.#bound.get(each)).find((other) => other !== undefined && other !== log)
    if (by !== undefined) return Promise.resolve({ by })
    for (const each of claims) this.#bound.set(each, log)
    this.states.set(log, to)
    this.#lineage.add(`${log} ${to.seq} ${to.hash}`)
    return Promise.resolve(fate?.result ?? 'won')
  }

  async confirm(log: string, at: StatePlace): Promise<WriteResult> {
    if (this.isAway) return Promise.resolve('unknown')
    const now = this.states.get(log)
    return Promise.resolve(now?.seq === at.seq && now.hash === at.hash ? 'won' : 'lost')
  }

  async wentThrough(log: string, { seq, hash }: StatePlace): Promise<boolean> {
    return Promise.resolve(this.#lineage.has(`${log} ${seq} ${hash}`))
  }
}
