/**
 * When a condition is worth a message, and when its end is: it has to hold for a while first, to be over for a while, and the oftener it
 * comes back the longer that while is. What was told is told once, also over restarts. Pure.
 */
import type { Condition, ConditionName, Severity } from '../status/conditions.js'

/** Milliseconds that a condition has to hold before it is told; a notice never is. */
const PATIENCE: Readonly<Record<Severity, number | undefined>> = {
  misbehaviour: 0,
  failing: 60_000,
  // Told, too: what an attack looks like before anything is proven is among these. But not what lasts for a few polls.
  doubtful: 300_000,
  notice: undefined,
}
/** Milliseconds that it has to be over before that is told; twice as many for each time that it came back lately. */
const REST_MS = 300_000
const MOST_DOUBLINGS = 4
/** Milliseconds after which coming back is something new. */
const MEMORY_MS = 3_600_000
/** Milliseconds for which what was told in another way is not told again as a condition. */
const COVERED_MS = 600_000
/** Texts of one name and log that are told. */
const MAX_TEXTS = 3

/** A condition that people were told of. */
export interface ToldCondition {
  readonly name: ConditionName
  readonly severity: Severity
  /** Log id; null when it is about the node. */
  readonly log: string | null
  readonly sentence: string
  /** When it began, in ISO 8601. */
  readonly since: string
}

/** The condition that holds because of what was told in another way: its name, and its log id; null when it is about the node. */
export type Cover = readonly [name: ConditionName, log: string | null]

/** A condition began to hold, or it is over, and people should know. */
export interface ConditionTurn {
  readonly state: 'firing' | 'resolved'
  readonly condition: ToldCondition
}

/** Two clocks: milliseconds since any moment, by one that nobody sets, and the time of day in ISO 8601. */
export interface Moments {
  readonly monotonic: number
  readonly day: string
}

interface Held {
  condition: ToldCondition
  /** It does not hold for long enough; people know; they know that it is over, and it may come back. */
  state: 'new' | 'told' | 'over'
  heldSince: number
  goneSince: number | undefined
  returns: number
}

export class Holding {
  readonly #held = new Map<string, Held>()
  readonly #covered = new Map<string, number>()

  /** `told`: what people were told of before this node was started. */
  constructor(told: readonly ToldCondition[] = []) {
    for (const condition of told)
      this.#held.set(keyOf(condition), { condition, state: 'told', heldSince: 0, goneSince: undefined, returns: 0 })
  }

  /** What was told and is not over, the oldest first. */
  get told(): readonly ToldCondition[] {
    const told = [...this.#held.values()].flatMap(({ condition, state }) => (state === 'told' ? condition : []))
    return told.toSorted((a, b) => (a.since < b.since ? -1 : 1))
  }

  /** People were told of what made this condition hold, or soon will: it is not told beside that. */
  cover([name, log]: Cover, { monotonic }: Moments): void {
    this.#covered.set(keyOf({ name, log }), monotonic)
  }

  /** Looks at what holds now. Returns what to tell. */
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
    // What never was told is forgotten at once; what was told, and came back, is not.
    const isForgotten = held.state === 'new' ? held.returns === 0 : gone >= MEMORY_MS
    if (isForgotten) this.#held.delete(key)
    else held.state = 'over'
    return []
  }
}

function keyOf({ name, log }: Pick<Condition, 'name' | 'log'>): string {
  return `${name} ${log ?? ''}`
}

/** Those of one name and one log are one thing to tell. */
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
