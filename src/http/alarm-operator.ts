/** The operator's routes for alarms, served only at the socket in the home: the output of hooks is private. */
import type { AlarmListView, AlarmTestView } from '../status/alarm-shapes.js'
import { NO_STORE } from './caching.js'
import { json } from './reply.js'
import type { Route } from './router.js'

export interface AlarmOperator {
  list(): AlarmListView
  /** Sends a sample to every receiver. */
  test(): Promise<AlarmTestView>
}

/** A hook may run for half a minute. */
const PATIENCE_MS = 60_000

export function alarmOperatorRoutes(alarm: AlarmOperator): Route[] {
  return [
    { method: 'GET', path: '/api/v1/alarm', caching: NO_STORE, handle: () => json(alarm.list()) },
    {
      ...{ method: 'POST', path: '/api/v1/alarm/test', patienceMs: PATIENCE_MS },
      handle: async () => json(await alarm.test()),
    },
  ]
}
