/**
 * What work costs a node of a machine that it shares, in milliseconds of processor time: `npm run simulate:real -- --costs` prints them,
 * of four fields of 6 and 14 processes. What a frame costs is shared by the two ends; that a promise is kept, which is one
 * question of a peer, is taken to cost as much as a frame at both.
 */
import type { Work } from './processor.js'

/** How much more fifty processes computed for a head than these costs add up to: their caches are cold whenever they get a core. */
const CROWDED = 1.33

export const COSTS_MS: Readonly<Record<Work, number>> = {
  ...{ judge: 0.08, convict: 13.1, send: CROWDED * 0.45, receive: CROWDED * 0.45 },
  ...{ poll: 3.8, advance: CROWDED * 27, deposit: CROWDED * 3.8, keep: CROWDED * 0.9, beat: 2.2 },
  ...{ answer: 0.9, serve: 2.4, again: 0 },
}
