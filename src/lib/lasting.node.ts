/** A controller of a signal that lives long, in Node. */
import { setMaxListeners } from 'node:events'

/** A controller that lives long: any number of limits may listen to it, and Node need not warn of a leak. */
export function lastingController(): AbortController {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  return controller
}
