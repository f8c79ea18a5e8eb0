/** What the operator tells a running node to do differently: to read its settings anew, and how much to log. */
import { GossumError } from '../errors.js'
import { json, problem, type Reply } from './reply.js'
import type { Route } from './router.js'

export interface OperatorControls {
  /** Reads the settings and takes them up; what came of it. */
  readonly reload: () => Promise<object>
  /** The levels that there are, and what logs with one. */
  readonly log: { readonly levels: readonly string[]; level: string }
}

export function operatorControls({ reload, log }: OperatorControls): Route[] {
  return [
    { method: 'POST', path: '/api/v1/reload', patienceMs: RELOAD_MS, handle: () => answer(reload) },
    { method: 'POST', path: '/api/v1/log-level', handle: ({ query }) => setLevel(log, query.get('level')) },
  ]
}

/** What is wrong with settings is told whole: they are the operator's own. That was told as an event, too, and is no other error. */
async function answer(reload: OperatorControls['reload']): Promise<Reply> {
  try {
    return json(await reload())
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
    return problem(error, 422)
  }
}

/** Milliseconds that a reload may take: log lists are read, and what is under way may end. */
const RELOAD_MS = 70_000

function setLevel(log: OperatorControls['log'], level: string | null): Reply {
  if (level !== null && !log.levels.includes(level))
    throw new GossumError('REQUEST_INVALID', `level: one of ${log.levels.join(', ')} expected`)
  const before = log.level
  if (level !== null) log.level = level
  return json({ level: log.level, before })
}
