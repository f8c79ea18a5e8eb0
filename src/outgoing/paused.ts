/**
 * Answers that are paused because they are not read fast enough. In a file of its own, since undici is loaded with the
 * first request.
 */

/** An answer that is paused. */
export interface PausedAnswer {
  /** Takes everything that has arrived, and pauses again for what is still to come. */
  drain(): void
}

/** They do not know their connections, so all are drained when one connection ends: a buffer of 64 KiB each. */
export const paused = new Set<PausedAnswer>()
