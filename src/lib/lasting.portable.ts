/** A controller of a signal that lives long, where nothing warns of many listeners. Pure. */

export function lastingController(): AbortController {
  return new AbortController()
}
