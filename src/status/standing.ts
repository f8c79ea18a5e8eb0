/** The state of a node, as the API and /readyz report it. Pure. */
import { CONDITION_NAMES, SEVERITIES, type Condition } from './conditions.js'
import type { DepositReport } from '../witness/deposit-report.js'
import type { Readiness } from './node-view.js'
import type { DepositView } from './shapes.js'

export function depositView({ state, text, need, of, connected, undeposited }: DepositReport): DepositView {
  return { state, text, need, of, connected, undeposited: undeposited.length }
}

/** All conditions by name: for those that hold, the state of affairs; for the others, what is well. */
export function checksOf(conditions: readonly Condition[]): Readiness['checks'] {
  return CONDITION_NAMES.flatMap((name) => {
    const held = conditions.filter((condition) => condition.name === name)
    if (held.length === 0) return [{ name, ok: true, detail: 'no' }]
    return held.map(({ severity, text }) => ({ name, ok: SEVERITIES[severity].ready, detail: text }))
  })
}
