/**
 * How it stands with our key beside the logs: who keeps what it promised, who has said what it signed before, and whether
 * the clock can be right; as the API, /readyz and the metrics have it. Pure.
 */
import type { ClockReport } from '../witness/clock.js'
import type { DepositReport } from '../witness/deposit-report.js'
import type { GuardReport, GuardState } from '../witness/rollback.js'
import type { DepositView, Readiness } from './api.js'

/** States of the guard in which something is not as it should be. */
const GUARD_FAILS: ReadonlySet<GuardState> = new Set(['waiting', 'unanswered', 'twin'])

export function depositView({ state, text, need, of, connected, undeposited }: DepositReport): DepositView {
  return { state, text, need, of, connected, undeposited: undeposited.length }
}

/** Nobody to keep anything is no failure: whoever chose no peers is told so, and need not be woken. */
export function standingChecks(deposit: DepositReport, guard: GuardReport, clock: ClockReport): Readiness['checks'] {
  const offset = clock.offset === undefined ? 'nobody has said the time yet' : `${Math.round(clock.offset)} s off`
  const conditions = clock.conditions.map(({ text }) => text).join('; ')
  return [
    { name: 'rollback guard', ok: !GUARD_FAILS.has(guard.state), detail: guard.text },
    { name: 'deposits', ok: deposit.state !== 'undeposited', detail: deposit.text },
    { name: 'clock', ok: clock.conditions.length === 0, detail: conditions === '' ? offset : conditions },
  ]
}
