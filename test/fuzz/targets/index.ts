/** All targets of the fuzzer, by their names. */
import { EVIDENCE } from './evidence.js'
import { FILES } from './files.js'
import { GOSSIP } from './gossip.js'
import { HOME } from './home.js'
import { HTTP } from './http.js'
import { LOGS } from './logs.js'
import { MODULES } from './modules.js'
import { NEIGHBOUR_ROWS } from './neighbour-rows.js'
import { NOTES } from './notes.js'
import { OUTGOING } from './outgoing.js'
import { ROWS } from './rows.js'
import { SETTINGS_SAID } from './settings.js'
import type { Target } from './target.js'

export { takeRefusal } from './target.js'

export const TARGETS: Readonly<Record<string, Target>> = {
  ...NOTES,
  ...LOGS,
  ...MODULES,
  ...EVIDENCE,
  ...GOSSIP,
  ...HTTP,
  ...OUTGOING,
  ...FILES,
  ...ROWS,
  ...NEIGHBOUR_ROWS,
  ...HOME,
  ...SETTINGS_SAID,
}
