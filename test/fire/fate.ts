/**
 * When the power fails. Each place where a crash would leave a different state behind is passed during one life; at the
 * one that was drawn, everything in that life stops permanently, as if the process were gone.
 */

/** Places where a process may end. */
export const CRASH_POINTS = [
  'before an append',
  'after an append',
  'before a sync',
  'after a sync',
  'before a replacement',
  'after a replacement',
  'before a database write',
  'after a database write',
  'before a signature',
  'after a signature',
  'before a message',
  'after a message',
  'before it is told',
  'after it is told',
  'before an answer counts',
  'after an answer counts',
  'before a publication',
  'after a publication',
] as const
export type CrashPoint = (typeof CRASH_POINTS)[number]

/** How many crashes there were at each place, in all lives. */
export const crashed = new Map<CrashPoint, number>()

export class Crash extends Error {}

/** A promise of a process that is gone. */
export function never(): Promise<never> {
  return new Promise(() => undefined)
}

export class Fate {
  /** Crash points to pass before the crash; Infinity for no crash. */
  #left: number
  #dead = false
  /** The number of crash points passed, which also shows that there is progress. */
  steps = 0
  #die: () => void = () => undefined
  /** Resolves when the crash has happened. */
  readonly death: Promise<void>
  readonly #onCrash: () => void

  /** `onCrash` is called immediately, before anything else can happen. */
  constructor(left: number, onCrash: () => void) {
    this.#left = left
    this.#onCrash = onCrash
    this.death = new Promise((resolve) => (this.#die = resolve))
  }

  get isDead(): boolean {
    return this.#dead
  }

  get isArmed(): boolean {
    return this.#left !== Infinity
  }

  arm(left: number): void {
    this.#left = left
  }

  /** Passes a place. Throws Crash if the crash happens here, or has happened. */
  pass(point: CrashPoint): void {
    if (this.#dead) throw new Crash(point)
    this.steps++
    if (this.#left-- > 0) return
    crashed.set(point, (crashed.get(point) ?? 0) + 1)
    this.end()
    throw new Crash(point)
  }

  /** The same for a caller that can wait: it waits permanently if the process is gone. */
  async passing(point: CrashPoint): Promise<void> {
    try {
      this.pass(point)
    } catch (error) {
      if (error instanceof Crash) return never()
      throw error
    }
  }

  /** The process has ended in good order: nothing that is left of it may act any more. */
  retire(): void {
    this.#dead = true
  }

  /** The process ends here. */
  end(): void {
    if (this.#dead) return
    this.#dead = true
    this.#onCrash()
    this.#die()
  }
}
