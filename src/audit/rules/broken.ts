/** A violation of a rule, in a form that can be shown. Pure. */
import { printable } from '../../lib/printable.js'
import type { RuleName } from './rules.js'

/** The longest detail, in UTF-16 units. */
export const MAX_DETAIL = 200
/** How much of a record's own text a detail quotes, in UTF-16 units. */
const MAX_QUOTED = 80

export interface Broken {
  readonly rule: RuleName
  /** At most MAX_DETAIL characters, printable whatever the log has written. */
  readonly detail: string
}

export function broken(rule: RuleName, detail: string): Broken {
  return { rule, detail: printable(detail.slice(0, MAX_DETAIL)) }
}

/** The beginning of something a log has written, in quotation marks. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text)
}

/** Collects violations: only the first of each rule, and no text is made for the others. */
export class BrokenRules {
  readonly #byRule = new Map<RuleName, Broken>()

  add(rule: RuleName, detail: () => string): void {
    if (!this.#byRule.has(rule)) this.#byRule.set(rule, broken(rule, detail()))
  }

  addAll(list: readonly Broken[]): void {
    for (const it of list) if (!this.#byRule.has(it.rule)) this.#byRule.set(it.rule, it)
  }

  list(): Broken[] {
    return [...this.#byRule.values()]
  }
}
