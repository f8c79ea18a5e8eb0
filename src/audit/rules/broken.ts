/** What a rule says of something that breaks it, fit to be shown. Pure. */
import { printable } from '../../lib/printable.js'
import type { RuleName } from './rules.js'

/** The longest detail, in UTF-16 units. */
export const MAX_DETAIL = 200
/** How much of a record's own words a detail has, in UTF-16 units. */
const MAX_QUOTED = 80

export interface Broken {
  readonly rule: RuleName
  /** At most MAX_DETAIL characters, printable whatever the log wrote. */
  readonly detail: string
}

export function broken(rule: RuleName, detail: string): Broken {
  return { rule, detail: printable(detail.slice(0, MAX_DETAIL)) }
}

/** The beginning of what a log wrote, in quotation marks. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text)
}

/** Collects what is broken: of each rule the first place, and no words are made for any other. */
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
