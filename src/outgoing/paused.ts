/** Answers that are paused because nobody reads them fast enough. Apart, for undici is loaded with the first request. */

/** An answer that is paused. */
export interface PausedAnswer {
  /** Takes all that has come in, and pauses again for what is still to come. */
  drain(): void
}

/** They do not know their connections: all are drained when one of those ends. That is a buffer of 64 KiB for each. */
export const paused = new Set<PausedAnswer>()
