/**
 * When a condition is reported, and when its end is: it must hold for a while first, and be over for a while, and the
 * more often it returns the longer that while becomes. Each is reported once, also across restarts. Pure.
 */
import type { Condition, ConditionName, Severity } from '../status/conditions.js'

/** Milliseconds that a condition must hold before it is reported; a notice never is. */
const PATIENCE: Readonly<Record<Severity, number | undefined>> = {
  misbehaviour: 0,
  failing: 60_000,
  // Reported as well, since these include what an attack looks like before it is proven; but not if it lasts only a few
  // polls.
  doubtful: 300_000,
  notice: undefined,
}
/** Milliseconds that it must be over before that is reported; doubled each time that it has returned recently. */
const REST_MS = 300_000
const MOST_DOUBLINGS = 4
/** Milliseconds after which a return counts as something new. */
const MEMORY_MS = 3_600_000
/** Milliseconds for which something reported in another way is not also reported as a condition. */
const COVERED_MS = 600_000
/** The most texts of one name and log that are reported. */
const MAX_TEXTS = 3

/** A condition that was reported. */
export interface ToldCondition {
  readonly name: ConditionName
  readonly severity: Severity
  /** Log id; null if it is about the node. */
  readonly log: string | null
  readonly sentence: string
  /** When it began, in ISO 8601. */
  readonly since: string
}

/**
 * A condition that holds because of something reported in another way: its name, and its log id, or null if it is about
 * the node.
 */
export type Cover = readonly [name: ConditionName, log: string | null]

/** A condition began to hold, or is over, and should be reported. */
export interface ConditionTurn {
  readonly state: 'firing' | 'resolved'
  readonly condition: ToldCondition
}

/** Two clocks: a monotonic one in milliseconds, and the time of day in ISO 8601. */
export interface Moments {
  readonly monotonic: number
  readonly day: string
}

interface Held {
  condition: ToldCondition
  /** `new`: it has not held long enough; `told`: it was reported; `over`: its end was reported, and it may return. */
  state: 'new' | 'told' | 'over'
  heldSince: number
  goneSince: number | undefined
  returns: number
}

export class Holding {
  readonly #held = new Map<string, Held>()
  readonly #covered = new Map<string, number>()

  /** `told`: what was reported before this node started. */
  constructor(told: readonly ToldCondition[] = []) {
    for (const condition of told)
      this.#held.set(keyOf(condition), { condition, state: 'told', heldSince: 0, goneSince: undefined, returns: 0 })
  }

  /** What was reported and is not over, oldest first. */
  get told(): readonly ToldCondition[] {
    const told = [...this.#held.values()].flatMap(({ condition, state }) => (state === 'told' ? condition : []))
    return told.toSorted((a, b) => (a.since < b.since ? -1 : 1))
  }

  /** What causes this condition was reported, or soon will be: it is not also reported as a condition. */
  cover([name, log]: Cover, { monotonic }: Moments): void {
    this.#covered.set(keyOf({ name, log }), monotonic)
  }

  /** Examines what holds now. Returns what to report. */
  look(conditions: readonly Condition[], now: Moments): ConditionTurn[] {
    const groups = grouped(conditions)
    return [
      ...[...groups].flatMap(([key, group]) => this.#holds(key, group, now)),
      ...[...this.#held].flatMap(([key, held]) => (groups.has(key) ? [] : this.#isOver(key, held, now.monotonic))),
    ]
  }

  #holds(key: string, group: readonly [Condition, ...Condition[]], { monotonic, day }: Moments): ConditionTurn[] {
    const [{ name, severity, log }] = group
    const patience = PATIENCE[severity]
    if (patience === undefined) return []
    let held = this.#held.get(key)
    if (held === undefined || held.state === 'over') {
      const condition = { name, severity, log, sentence: '', since: day }
      const returns = held === undefined ? 0 : held.returns + 1
      this.#held.set(key, (held = { condition, state: 'new', heldSince: monotonic, goneSince: undefined, returns }))
    }
    held.goneSince = undefined
    held.condition = { ...held.condition, sentence: sentenceOf(group) }
    if (held.state === 'told' || monotonic - held.heldSince < patience) return []
    held.state = 'told'
    const covered = this.#covered.get(key)
    this.#covered.delete(key)
    const isCovered = covered !== undefined && monotonic - covered < COVERED_MS
    return isCovered ? [] : [{ state: 'firing', condition: held.condition }]
  }

  #isOver(key: string, held: Held, monotonic: number): ConditionTurn[] {
    held.goneSince ??= monotonic
    const gone = monotonic - held.goneSince
    if (held.state === 'told') {
      if (gone < REST_MS * 2 ** Math.min(held.returns, MOST_DOUBLINGS)) return []
      held.state = 'over'
      return [{ state: 'resolved', condition: held.condition }]
    }
    // What was never reported is forgotten at once, unless it has returned after a report.
    const isForgotten = held.state === 'new' ? held.returns === 0 : gone >= MEMORY_MS
    if (isForgotten) this.#held.delete(key)
    else held.state = 'over'
    return []
  }
}

function keyOf({ name, log }: Pick<Condition, 'name' | 'log'>): string {
  return `${name} ${log ?? ''}`
}

/** Conditions with the same name and log are reported together. */
function grouped(conditions: readonly Condition[]): Map<string, [Condition, ...Condition[]]> {
  const groups = new Map<string, [Condition, ...Condition[]]>()
  for (const condition of conditions) {
    const group = groups.get(keyOf(condition))
    if (group === undefined) groups.set(keyOf(condition), [condition])
    else group.push(condition)
  }
  return groups
}

function sentenceOf(group: readonly Condition[]): string {
  const texts = group.slice(0, MAX_TEXTS).map(({ text }) => text)
  return `${texts.join('; ')}${group.length > MAX_TEXTS ? `; and ${group.length - MAX_TEXTS} more` : ''}`
}
