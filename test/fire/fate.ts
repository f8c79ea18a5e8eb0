/**
 * When the power fails. Each place where a crash would leave something else behind is passed through one life; at the one
 * that was drawn, everything of that life stops for ever, as if the process were gone.
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

/** How often a crash came at each, in all lives. */
export const crashed = new Map<CrashPoint, number>()

export class Crash extends Error {}

/** A promise of a process that is gone. */
export function never(): Promise<never> {
  return new Promise(() => undefined)
}

export class Fate {
  /** Crash points that are still to be passed before the crash; Infinity for none. */
  #left: number
  #dead = false
  /** Crash points that were passed: also a sign that something is going on. */
  steps = 0
  #die: () => void = () => undefined
  /** Resolves when the crash has come. */
  readonly death: Promise<void>
  readonly #onCrash: () => void

  /** `onCrash` is called at once, before anything else can happen. */
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

  /** Passes a place. Throws Crash when the crash comes here, or has come. */
  pass(point: CrashPoint): void {
    if (this.#dead) throw new Crash(point)
    this.steps++
    if (this.#left-- > 0) return
    crashed.set(point, (crashed.get(point) ?? 0) + 1)
    this.end()
    throw new Crash(point)
  }

  /** The same where the caller can wait: for ever, when the process is gone. */
  async passing(point: CrashPoint): Promise<void> {
    try {
      this.pass(point)
    } catch (error) {
      if (error instanceof Crash) return never()
      throw error
    }
  }

  /** The process has ended in good order: what is left of it may do nothing more. */
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
