/**
 * What a person should believe now about one log, as one sentence; `gossum status` and the dashboard show the same. It
 * is about what others were seen to sign, never about what this node expects. Pure.
 */
import { printable } from '../lib/printable.js'
import { isReady, type Condition } from './conditions.js'
import type { EvidenceView, LogView, StatusView } from './shapes.js'
import { grouped, span } from '../lib/words.js'

/**
 * - `agreed`  enough witnesses have recently signed one history
 * - `thin`    too few for a statement, or too long ago
 * - `split`   the log is proven to have lied
 */
export type Belief = 'agreed' | 'thin' | 'split'

export interface Verdict {
  readonly belief: Belief
  readonly sentence: string
}

/**
 * Seconds after which signatures say nothing about now: witnesses renew those of a log that stands still well before.
 */
const STALE_S = 3600

/** The statement about a log. `now` is in milliseconds since 1970; `evidence` is that of all logs. */
export function beliefIn(
  status: Pick<StatusView, 'policy' | 'conditions' | 'observer'>,
  log: LogView,
  evidence: readonly EvidenceView[],
  now: number,
): Verdict {
  const [first] = liesOf(log, evidence).toSorted((a, b) => Date.parse(a.seenAt) - Date.parse(b.seenAt))
  if (first !== undefined) return { belief: 'split', sentence: accusation(first) }
  if (log.frozen)
    return {
      belief: 'split',
      sentence: `Something that this log signed could not be explained, and nothing more of it is ${status.observer ? 'accepted' : 'signed'}.`,
    }
  if (log.disabled) return thin('This log is no longer followed: what is shown here is old.')
  const { quorum } = log
  if (quorum === null || log.size === 0)
    return thin(`Too few witnesses to say: ${log.size === 0 ? 'no head was proven yet' : 'no head has a quorum yet'}.`)
  const threshold = status.policy?.threshold ?? 1
  const counted = quorum.cosignatures.filter((cosignature) => cosignature.counted)
  // Enough of them have signed it at this time or later; fewer than that could claim any time.
  const times = counted.map(({ time }) => Date.parse(time)).sort((a, b) => b - a)
  const signedAt = times[threshold - 1]
  if (signedAt === undefined) return thin('Too few witnesses to say: those that signed do not count, or no longer do.')
  const since = Math.max(0, (now - signedAt) / 1000)
  const failing = status.conditions.find((condition) => isAbout(condition, log.id) && !isReady([condition]))
  const size = grouped(quorum.size)
  if (status.policy === null)
    return thin(`Only this node counts here: it has proven the log up to ${size} records, ${span(since)} ago.`)
  const agree = `${counted.length} of ${status.policy.witnesses} witnesses`
  if (since > STALE_S)
    return thin(
      `Nothing recent to say: the newest head that ${agree} agree on, ${size}, was signed ${span(since)} ago.`,
    )
  if (failing !== undefined)
    return thin(
      `Too little to say about now: ${failing.text}. ${agree} saw the same log up to ${size}, ${span(since)} ago.`,
    )
  return {
    belief: 'agreed',
    sentence: `${agree} see the same log; the newest head they agree on is ${size}, ${span(since)} old.`,
  }
}

/** The unacknowledged evidence that convicts a log. */
export function liesOf({ id }: Pick<LogView, 'id'>, evidence: readonly EvidenceView[]): EvidenceView[] {
  return evidence.filter(({ log, witness, acked }) => log === id && witness === null && !acked)
}

function thin(sentence: string): Verdict {
  return { belief: 'thin', sentence }
}

function accusation({ type, seenAt, module }: EvidenceView): string {
  const since = `since ${seenAt.slice(0, 16).replace('T', ' ')} UTC`
  return module === undefined
    ? `SPLIT VIEW ${since}: the log is proven to have signed two histories (${type}).`
    : `BAD RECORD ${since}: the log is proven to hold two records of ${printable(module)} that contradict each other.`
}

function isAbout({ log }: Condition, id: string): boolean {
  return log === null || log === id
}
