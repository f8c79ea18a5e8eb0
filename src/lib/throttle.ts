/**
 * What has to be done again after each change, and costs the more the faster things change: at once after the first
 * change, and once per pause while they continue.
 */
import { setTimer, type SetTimer } from './set-timer.js'

/** One key: its act is in progress, or its pause. */
interface Turn {
  /** Whether something changed since the act began. */
  isDue: boolean
  acting: Promise<void> | undefined
  /** Cancels the timer that ends the pause. */
  cancel: () => void
}

export class Throttle {
  readonly #act: (key: string) => Promise<void>
  readonly #pauseMs: number
  readonly #setTimer: SetTimer
  readonly #turns = new Map<string, Turn>()
  #isStopped = false

  /** `act` does not reject. */
  constructor(act: (key: string) => Promise<void>, pauseMs: number, setTimerOfClock: SetTimer = setTimer) {
    this.#act = act
    this.#pauseMs = pauseMs
    this.#setTimer = setTimerOfClock
  }

  /** Something changed. */
  changed(key: string): void {
    if (this.#isStopped) return
    const turn = this.#turns.get(key)
    if (turn === undefined) this.#begin(key)
    else turn.isDue = true
  }

  /** Resolves when the act is done for all changes up to now; it does not wait for the end of a pause. */
  async settled(key: string): Promise<void> {
    const turn = this.#turns.get(key)
    await turn?.acting
    if (turn?.isDue === true && turn.acting === undefined) this.#run(key, turn)
    await turn?.acting
  }

  /** The same for all keys; changes from now on are ignored. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all([...this.#turns.keys()].map((key) => this.settled(key)))
    for (const { cancel } of this.#turns.values()) cancel()
    this.#turns.clear()
  }

  #begin(key: string): void {
    const turn: Turn = { isDue: false, acting: undefined, cancel: () => undefined }
    this.#turns.set(key, turn)
    this.#run(key, turn)
  }

  #run(key: string, turn: Turn): void {
    turn.cancel()
    turn.isDue = false
    turn.acting = this.#act(key).then(() => {
      turn.acting = undefined
      turn.cancel = this.#setTimer(() => this.#onPauseOver(key, turn), this.#pauseMs)
    })
  }

  #onPauseOver(key: string, turn: Turn): void {
    if (turn.isDue) this.#run(key, turn)
    else this.#turns.delete(key)
  }
}
