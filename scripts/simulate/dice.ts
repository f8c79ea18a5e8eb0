/** Random numbers that are the same for the same seed: every random choice of a simulation uses one of these. */
import { seeded } from '../../test/helpers/tree.js'

export class Dice {
  readonly #next: () => number

  constructor(seed: number) {
    this.#next = seeded(seed)
  }

  /** Uniform in [0, 1). */
  share(): number {
    return this.#next() / 2 ** 32
  }

  /** A whole number from 0 to n - 1. */
  below(n: number): number {
    return Math.floor(this.share() * n)
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }

  /** The same items in another order. */
  shuffled<T>(items: Iterable<T>): T[] {
    const all = [...items]
    for (let i = all.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      ;[all[i], all[j]] = [all[j]!, all[i]!]
    }
    return all
  }

  /** An independent generator, so that one more choice here changes none there. */
  fork(): Dice {
    return new Dice(this.#next())
  }
}
