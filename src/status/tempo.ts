/**
 * How fast a log grows, from the heads that are kept of it, so that it is known right after a start. A head is the
 * newest until the next one arrives; in the meantime our cosignature of it is renewed, so the time of the last
 * cosignature says until when it was the newest. Pure but for the clocks that it is given.
 */
import type { Ages } from './ages.js'

/** How many growth steps are considered. */
const MOVES = 16
/** Fewer than these say nothing. */
const FEW_MOVES = 8

/** Until when each of the heads before the newest was the newest, the latest first, in ms since 1970. */
type ReadTimes = (log: string, heads: number) => Promise<readonly number[]>

interface Moves {
  /** When the newest head arrived, in ms since 1970. */
  readonly last: number
  /** The longest time between two steps, in seconds. */
  readonly usual: number
}

export class Tempo {
  readonly #times: ReadTimes
  readonly #ages: Ages
  readonly #moves = new Map<string, Moves>()

  constructor(times: ReadTimes, ages: Ages) {
    this.#times = times
    this.#ages = ages
  }

  /** Reads a log again: it has grown, or the node was started. */
  async refresh(log: string): Promise<void> {
    const moves = movesIn(await this.#times(log, MOVES + 1))
    if (moves === undefined) this.#moves.delete(log)
    else this.#moves.set(log, moves)
  }

  /** Seconds since a log last grew, and the longest recent pause; undefined if it has not grown often enough. */
  of(log: string): { since: number; usual: number } | undefined {
    const moves = this.#moves.get(log)
    return moves && { since: this.#ages.of(`move ${log}`, moves.last), usual: moves.usual }
  }
}

/** The steps that these times show; undefined when there are too few. */
function movesIn(times: readonly number[]): Moves | undefined {
  const gaps = times.slice(0, -1).map((time, i) => (time - times[i + 1]!) / 1000)
  return gaps.length < FEW_MOVES ? undefined : { last: times[0]!, usual: Math.max(0, ...gaps) }
}
