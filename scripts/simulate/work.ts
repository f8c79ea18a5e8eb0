/**
 * What work costs a node of a machine that it shares, in milliseconds of processor time. Measured with real processes, few of them
 * (`npm run simulate:real -- --costs`); docs/scale.md says how.
 */
import type { Work } from './processor.js'

export const COSTS_MS: Readonly<Record<Work, number>> = {
  judge: 1,
  convict: 10,
  send: 0.15,
  receive: 0.15,
  poll: 3,
  advance: 10,
  deposit: 5,
  keep: 2,
  beat: 7,
  answer: 0.5,
  serve: 1,
}
