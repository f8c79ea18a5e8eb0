/**
 * The operator's socket, retried when it cannot be opened: a disk that was full at the start, or a home that was not
 * writable, may be well a minute later, and repairing the node needs the socket.
 */
import { errorText } from '../errors.js'
import type { OperatorDoor } from '../http/operator-socket.js'

/** Milliseconds between two tries. */
const EVERY_MS = 15_000

export interface PatientDoorOptions {
  readonly open: () => Promise<Pick<OperatorDoor, 'stop'>>
  /** Called once per reason, while the reason stays the same. */
  readonly onError: (error: unknown) => void
  readonly everyMs?: number
}

export class PatientDoor {
  readonly #options: PatientDoorOptions
  #door: Pick<OperatorDoor, 'stop'> | undefined
  #fault: string | undefined
  #trying: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: PatientDoorOptions) {
    this.#options = options
  }

  /** Why it is not open; undefined when it is. */
  get fault(): string | undefined {
    return this.#fault
  }

  /** Resolves after the first attempt, whatever its result. */
  start(): Promise<void> {
    this.#trying = this.#try()
    return this.#trying
  }

  async #try(): Promise<void> {
    const { open, onError, everyMs = EVERY_MS } = this.#options
    try {
      this.#door = await open()
      this.#fault = undefined
    } catch (error) {
      const reason = errorText(error)
      if (reason !== this.#fault) onError(error)
      this.#fault = reason
      if (!this.#isStopped) this.#timer = setTimeout(() => void this.start(), everyMs).unref()
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#trying
    await this.#door?.stop()
  }
}
