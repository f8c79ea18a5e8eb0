/**
 * The routes of a server, which can be replaced while it serves: requests during the change wait, and get the new ones.
 */
import type { Gate } from '../lib/gate.js'
import { findPath, type Match, type Route } from './router.js'

const nothing = (): void => undefined

export class ChangingRoutes {
  readonly #gate: Gate | undefined
  /** Those that never wait, and may themselves replace the others. */
  readonly #fixed: readonly Route[]
  /** The current ones. */
  now: readonly Route[]

  /** Without a gate they never change. */
  constructor(routes: readonly Route[], { gate, fixed = [] }: { gate?: Gate; fixed?: readonly Route[] } = {}) {
    this.now = routes
    this.#gate = gate
    this.#fixed = fixed
  }

  fixed(pathname: string): Match | undefined {
    return this.#fixed.length === 0 ? undefined : findPath(this.#fixed, pathname)
  }

  /** Returns a function to call when the answer is made; undefined if the request has to wait. */
  tryEnter(): (() => void) | undefined {
    return this.#gate === undefined ? nothing : this.#gate.tryEnter()
  }

  enter(): Promise<() => void> {
    return this.#gate?.enter() ?? Promise.resolve(nothing)
  }
}
