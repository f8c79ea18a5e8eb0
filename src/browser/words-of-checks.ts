/** Texts that checks in the browser share. Pure. */
import { grouped } from '../lib/words.js'

/** A number with its noun: `1 line`, `2 lines`. */
export function countedOf(count: number, one: string): string {
  return `${grouped(count)} ${one}${count === 1 ? '' : 's'}`
}
