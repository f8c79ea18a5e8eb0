/** A controller for a long-lived signal, in Node. */
import { setMaxListeners } from 'node:events'

/** A controller for a long-lived signal: it may have any number of listeners, without Node's warning of a leak. */
export function lastingController(): AbortController {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  return controller
}
