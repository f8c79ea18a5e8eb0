/** Evidence in words, for people: the only place that words each kind. Pure. */
import { BAD_RECORD, SPLIT_VIEW, WITNESS_CONFLICT, type Evidence } from '../evidence/evidence.js'
import { grouped } from '../lib/words.js'

/** What is reported about evidence of any kind. */
interface Content {
  readonly sizes: readonly [number, number]
  /** Only for a bad record. */
  readonly module?: string
  readonly records?: readonly [number, number]
}

/** The most characters of a module version that are printed: the log may have written any number. */
const MAX_MODULE = 120

/** What the convicted party has done to the log of this name. */
export function deedOf({ type, module }: Content & { readonly type: Evidence['type'] }, log: string): string {
  switch (type) {
    case SPLIT_VIEW:
      return 'signed two histories'
    case WITNESS_CONFLICT:
      return `cosigned two histories of ${log}`
    case BAD_RECORD:
      return `holds two records of ${moduleText(module)} that differ`
  }
}

/** Where the contradiction is, for any kind of evidence, even one that the node knows and this version does not. */
export function placesOf({ sizes, records }: Content): string {
  return records === undefined ? `sizes ${pair(sizes)}` : `records ${pair(records)} of size ${grouped(sizes[0])}`
}

/** A module version as it is printed. */
export function moduleText(module = 'a module version'): string {
  return module.length <= MAX_MODULE ? module : `${module.slice(0, MAX_MODULE)}…`
}

function pair([one, other]: readonly [number, number]): string {
  return `${grouped(one)} and ${grouped(other)}`
}
