/**
 * What evidence proves, as a sentence: for the shelf of the page, and for files that the page itself has verified.
 * Pure.
 */
import type { EvidenceView } from '../status/shapes.js'
import { plain } from './plain.js'
import { grouped } from '../lib/words.js'

/** Characters of untrusted text that are shown. */
export const MOST_TEXT = 400

/** `log` is the name of the log. */
export function provenText({ witness, sizes, module }: Told, log: string): string {
  const name = plain(log)
  const [a, b] = sizes.map((size) => grouped(size))
  if (module !== undefined) return `${name} holds two records of ${plain(module, MOST_TEXT)} that contradict each other`
  const who = witness === null ? name : `the witness ${plain(witness.split('+', 1)[0]!)}`
  return `${who} signed two histories${witness === null ? '' : ` of ${name}`}, with heads of ${a!} and of ${b!} records`
}

type Told = Pick<EvidenceView, 'sizes' | 'module' | 'witness'>
