/** The routes of a server, which are exchanged while it serves them: whoever asks meanwhile waits, and gets the new ones. */
import type { Gate } from '../lib/gate.js'
import { findPath, type Match, type Route } from './router.js'

const nothing = (): void => undefined

export class ChangingRoutes {
  readonly #gate: Gate | undefined
  /** Those that wait for nothing, and may exchange the others. */
  readonly #fixed: readonly Route[]
  /** Those that hold now. */
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

  /** What is to be called when the answer is made; undefined when there is something to wait for. */
  tryEnter(): (() => void) | undefined {
    return this.#gate === undefined ? nothing : this.#gate.tryEnter()
  }

  enter(): Promise<() => void> {
    return this.#gate?.enter() ?? Promise.resolve(nothing)
  }
}
