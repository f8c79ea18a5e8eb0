/** The operator's controls of a running node: reloading its settings, and its log level. */
import { GossumError } from '../errors.js'
import { json, problem, type Reply } from './reply.js'
import type { Route } from './router.js'

export interface OperatorControls {
  /** Reads the settings and applies them; returns the result. */
  readonly reload: () => Promise<object>
  /** The available levels, and the current one. */
  readonly log: { readonly levels: readonly string[]; level: string }
}

export function operatorControls({ reload, log }: OperatorControls): Route[] {
  return [
    { method: 'POST', path: '/api/v1/reload', patienceMs: RELOAD_MS, handle: () => answer(reload) },
    { method: 'POST', path: '/api/v1/log-level', handle: ({ query }) => setLevel(log, query.get('level')) },
  ]
}

/**
 * Invalid settings are reported in full: they are the operator's own. They were already reported as an event, and are
 * not an error of the node.
 */
async function answer(reload: OperatorControls['reload']): Promise<Reply> {
  try {
    return json(await reload())
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
    return problem(error, 422)
  }
}

/** Milliseconds that a reload may take: log lists are read, and work in progress may finish. */
const RELOAD_MS = 70_000

function setLevel(log: OperatorControls['log'], level: string | null): Reply {
  if (level !== null && !log.levels.includes(level))
    throw new GossumError('REQUEST_INVALID', `level: one of ${log.levels.join(', ')} expected`)
  const before = log.level
  if (level !== null) log.level = level
  return json({ level: log.level, before })
}
