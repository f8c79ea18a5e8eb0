/** Alerts for tests. */
import { makeAlert, type Alert, type Tidings } from '../../src/alerts/alert.js'

export const NODE = { witness: 'witness.example+01020304+key', version: '0.1.0', http: 'http://127.0.0.1:46787' }
export const LOG = { id: 'ab'.repeat(32), name: 'log.example', key: 'log.example+0a0b0c0d+key' }
const ADVICE = { advice: 'look at it', runbook: 'docs/operating.md#conditions' }
const SINCE = '2026-01-02T03:00:00.000Z'

export const TIDINGS: Tidings = {
  ...{ kind: 'condition', state: 'firing', severity: 'failing', name: 'no quorum', log: LOG },
  ...{ sentence: 'log.example: no quorum of the policy yet', since: SINCE, evidence: null },
}

/** An alert; each `number` gives a different one. */
export function madeAlert(number = 0, change: Partial<Tidings> = {}): Alert {
  const at = new Date(Date.parse('2026-01-02T03:04:05.000Z') + number * 1000).toISOString()
  return makeAlert({ ...TIDINGS, ...change }, ADVICE, NODE, at)
}
