/** The state of our deposits, in words. Pure. */

/** `nobody`: there are no chosen peers. */
export type DepositResult = 'deposited' | 'undeposited' | 'nobody'

export interface DepositReport {
  readonly state: DepositResult
  /** The state as a sentence. */
  readonly text: string
  /** How many of the chosen peers are to keep a promise, and how many there are: k of n. */
  readonly need: number
  readonly of: number
  readonly connected: number
  /** Ids of the logs whose newest promise too few peers keep. */
  readonly undeposited: readonly string[]
  /** Peer ids of connected chosen peers that do not support promises. */
  readonly notDepositaries: readonly string[]
  /** Whether nothing is signed without a deposit. */
  readonly required: boolean
}

/** The report of an observer. */
export const NOTHING_PROMISED: DepositReport = {
  ...{ state: 'nobody', text: 'an observer signs nothing, so there is nothing to keep' },
  ...{ need: 0, of: 0, connected: 0, undeposited: [], notDepositaries: [], required: false },
}

export function depositReport(
  counts: Pick<DepositReport, 'need' | 'of' | 'connected' | 'undeposited' | 'notDepositaries'>,
  required: boolean,
): DepositReport {
  const { need, of, connected, undeposited, notDepositaries } = counts
  const all = { ...counts, required }
  const old = notDepositaries.length
  const there = [
    `${connected} of ${of} are connected`,
    ...(old > 0 ? [`${old} of them ${old === 1 ? 'runs' : 'run'} a version that keeps no promises`] : []),
  ].join(', ')
  if (of === 0) {
    const then = required ? 'nothing new is signed' : 'a restored backup would go unnoticed'
    return { state: 'nobody', text: `no peers are chosen to keep what this node promises: ${then}`, ...all }
  }
  if (undeposited.length > 0) {
    const logs = undeposited.length === 1 ? '1 log' : `${undeposited.length} logs`
    const then = required ? 'nothing new of them is signed' : 'signing continues without them'
    const text = `fewer than ${need} of ${of} chosen peers keep the newest promise of ${logs}; ${then} (${there})`
    return { state: 'undeposited', text, ...all }
  }
  return { state: 'deposited', text: `${need} of ${of} chosen peers keep what is signed (${there})`, ...all }
}
