/** A controller for a long-lived signal, where nothing warns of many listeners. Pure. */

export function lastingController(): AbortController {
  return new AbortController()
}
