/** How our deposits stand, as people are told. Pure. */

/** `nobody`: there are no chosen peers. */
export type DepositResult = 'deposited' | 'undeposited' | 'nobody'

export interface DepositReport {
  readonly state: DepositResult
  /** The state as a sentence. */
  readonly text: string
  /** Chosen peers that are to keep a promise, and that there are: k of n. */
  readonly need: number
  readonly of: number
  readonly connected: number
  /** Ids of logs whose newest promise too few peers keep. */
  readonly undeposited: readonly string[]
  /** Peer ids of chosen peers that are connected and know no promises. */
  readonly notDepositaries: readonly string[]
}
