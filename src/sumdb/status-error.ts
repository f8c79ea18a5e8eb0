/** A permanent error status from a log. Separate from the code that makes requests, for use in a browser. Pure. */
import { GossumError } from '../errors.js'

/** An answer with a status that is neither success nor worth a retry (LOG_ANSWER_INVALID). */
export class StatusError extends GossumError {
  override readonly name = 'StatusError'
  readonly status: number

  constructor(status: number, detail: string) {
    super('LOG_ANSWER_INVALID', detail)
    this.status = status
  }
}
