/**
 * The cost of work to a node that shares its machine, in milliseconds of processor time, as printed by
 * `npm run simulate:real -- --costs` for four fields of 6 and 14 processes. The cost of a frame is shared by its two
 * ends; keeping a promise, which is one request from a peer, is assumed to cost as much as a frame at both ends.
 */
import type { Work } from './processor.js'

/**
 * How much more fifty processes computed per head than these costs add up to: their caches are cold whenever they get a
 * core.
 */
const CROWDED = 1.33

export const COSTS_MS: Readonly<Record<Work, number>> = {
  ...{ judge: 0.08, convict: 13.1, send: CROWDED * 0.45, receive: CROWDED * 0.45 },
  ...{ poll: 3.8, advance: CROWDED * 27, deposit: CROWDED * 3.8, keep: CROWDED * 0.9, beat: 2.2 },
  ...{ answer: 0.9, serve: 2.4, again: 0 },
}
