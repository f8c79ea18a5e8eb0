/** Checks of the database that machines with one key share: that it is reachable, knows the key, and is durable. */
import { join } from 'node:path'
import type { Config } from '../../../config/config.js'
import { GossumError } from '../../../errors.js'
import { loadWitnessVerifier, WITNESS_FILE } from '../../../keys/key-file.js'
import { isElsewhere } from '../../../store/elsewhere.js'
import { diagnosisOf, fail, ok, warn, type Diagnosis } from './diagnosis.js'

const CHECK = 'shared state'
const HINT = 'docs/two-machines.md, "Settings of the database that are safe, and some that are not"'

/** No findings for a home that does not share its state. */
export async function stateFindings({ home, state: setting }: Config): Promise<Diagnosis[]> {
  if (setting === undefined)
    return isElsewhere(home) ? [diagnosisOf(CHECK, new GossumError('STATE_ELSEWHERE', home))] : []
  // Problems with a key are reported by the checks of the home.
  const key = await loadWitnessVerifier(join(home, WITNESS_FILE)).catch(() => undefined)
  if (key === undefined) return []
  // No other command loads it.
  const { PostgresState } = await import('../../../postgres/postgres-state.js')
  const state = new PostgresState({ setting, key: key.vkey })
  try {
    if ((await state.rows()) === undefined) return [diagnosisOf(CHECK, new GossumError('STATE_UNKNOWN'))]
    return [state.isSafe ? ok(CHECK, state.promise) : warn(CHECK, state.promise, HINT)]
  } catch (error) {
    return error instanceof GossumError ? [diagnosisOf(CHECK, error)] : [fail(CHECK, 'it cannot be used', HINT)]
  } finally {
    await state.stop()
  }
}
