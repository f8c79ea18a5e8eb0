/** The version of this package, as package.json has it; a test holds the two together. */
export const VERSION = '0.1.0'

/** The day on which this version was released, by UTC. No clock that is right says an earlier time. */
export const RELEASED = '2026-11-28'
