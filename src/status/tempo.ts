/**
 * How fast a log moves, read from the heads that are kept of it, so that it is known right after a start. A head is the newest one until
 * the next comes; our cosignature of it is renewed meanwhile, so the time of the last one says until when it was. Pure but for the
 * clocks that it is given.
 */
import type { Ages } from './ages.js'

/** Moves that are looked at. */
const MOVES = 16
/** Fewer than these say nothing. */
const FEW_MOVES = 8

/** Until when each of the heads before the newest one was that, the last one first, in ms since 1970. */
type ReadTimes = (log: string, heads: number) => Promise<readonly number[]>

interface Moves {
  /** When the newest head came, in ms since 1970. */
  readonly last: number
  /** The longest time between two moves, in seconds. */
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

  /** Looks at a log again: it has moved, or the node was started. */
  async refresh(log: string): Promise<void> {
    const moves = movesIn(await this.#times(log, MOVES + 1))
    if (moves === undefined) this.#moves.delete(log)
    else this.#moves.set(log, moves)
  }

  /** Seconds since a log moved, and between two moves of late; undefined for one that has not moved often enough. */
  of(log: string): { since: number; usual: number } | undefined {
    const moves = this.#moves.get(log)
    return moves && { since: this.#ages.of(`move ${log}`, moves.last), usual: moves.usual }
  }
}

/** What these times say of the moves; undefined when they are too few. */
function movesIn(times: readonly number[]): Moves | undefined {
  const gaps = times.slice(0, -1).map((time, i) => (time - times[i + 1]!) / 1000)
  return gaps.length < FEW_MOVES ? undefined : { last: times[0]!, usual: Math.max(0, ...gaps) }
}
