/**
 * What is wrong with a node, as one list of named conditions. /readyz, `gossum status`, its exit code and the metrics
 * all use this list and nothing else, so that they never disagree. Healthy means that cosignatures of proven heads come
 * out, not that a process runs or an address answers. Pure.
 */
import type { ClockCondition } from '../witness/clock.js'
import type { DepositReport } from '../witness/deposit-report.js'
import type { GuardReport, GuardState } from '../witness/rollback-guard.js'
import type { PollView } from './polls.js'
import { span } from '../lib/words.js'
import { condition, SEVERITIES, type Condition, type ConditionName, type Severity } from './condition-names.js'
import { HEARD_SECONDS, secludedLog, secludedNode, type LogSeclusion, type NodeSeclusion } from './seclusion.js'

export {
  CONDITION_NAMES,
  CONDITIONS,
  SEVERITIES,
  type Condition,
  type ConditionName,
  type Severity,
} from './condition-names.js'

/** What is known of one log. */
export interface LogFacts {
  readonly id: string
  /** Its display name, which no other log has. */
  readonly label: string
  readonly isDisabled: boolean
  readonly isFrozen: boolean
  /** Why nothing is signed, for a reason on our side. */
  readonly stops: {
    /** Our own records disagree; as a sentence. */
    readonly disagreement: string | undefined
    /** The key cosigns another log of this origin; as a sentence. */
    readonly taken: string | undefined
    /** Size of a head that our key has cosigned and that is not reached. */
    readonly floor: number | undefined
  }
  /** Undefined for a log that only pushes. */
  readonly poll: PollView | undefined
  /** Suspects that are not acknowledged, and how many of them were reported. */
  readonly suspects: { readonly open: number; readonly alarmed: number }
  /** Seconds for which each has been behind the newest proven head without moving; undefined when it is not behind. */
  readonly lag: { readonly quorum: number | undefined; readonly cosignature: number | undefined }
  readonly hasQuorum: boolean
  /** Seconds since a quorum vouched that the quorum head was the newest; undefined without one. */
  readonly vouchedAgo: number | undefined
  /** The state of its audit; undefined when there is none. */
  readonly audit: AuditFacts | undefined
  /** Whether the log may be kept from us. */
  readonly seclusion: LogSeclusion
}

export interface AuditFacts {
  /** In how many places the log is not as it must be. */
  readonly findings: { readonly error: number }
  /** Why the audit does not continue, or why nothing is cosigned because of it. */
  readonly error: string | null
}

/** What is known of a node. */
export interface Facts {
  readonly logs: readonly LogFacts[]
  /** Whether a policy says whose cosignatures count. */
  readonly hasPolicy: boolean
  /** Whether it has no witness key: then it can rely only on what others sign. */
  readonly isObserver: boolean
  /** Names of convicted and not acknowledged keys: our own, and those of witnesses that count. */
  readonly convicted: { readonly own: readonly string[]; readonly others: readonly string[] }
  /** What can prevent a signature, apart from the logs. `agent`: why the ssh-agent does not sign. */
  readonly signing: {
    readonly guard: GuardReport
    readonly deposit: DepositReport
    readonly clock: readonly ClockCondition[]
    readonly agent: string | undefined
    /** Why the shared-state database cannot be used; undefined also if there is none. */
    readonly shared: string | undefined
  }
  /** `failure`: why the home cannot be written; `unwritten`: pieces of evidence that could not be written. */
  readonly disk: { readonly failure: string | undefined; readonly unwritten: number }
  readonly around: {
    /** Configured and connected peers; undefined without a mesh. */
    readonly mesh: { readonly configured: number; readonly connected: number } | undefined
    /** Why logs cannot reach the node through its bastion. */
    readonly bastion: string | undefined
    readonly places: readonly PlaceFacts[]
    /** Why the socket of the operator is not open. */
    readonly operator: string | undefined
    /** Log lists that could not be read the last time. */
    readonly lists: readonly { readonly list: string; readonly error: string }[]
    /** About the modules whose owner watches them here. */
    readonly watch: WatchFacts
    /** Receivers of alerts that do not accept them, or cannot. */
    readonly alarm: readonly AlarmFault[]
    /** Why the public files cannot be written to their folder. */
    readonly publish: string | undefined
  }
  /** Whether other nodes may be kept from us. */
  readonly seclusion: NodeSeclusion
  /** Seconds for which a log may show nothing provable, and for which a quorum may be behind. */
  readonly patience: number
}

export interface WatchFacts {
  /** New versions (`path@version`) that the owner has not authorised. */
  readonly unauthorised: readonly string[]
  /** Lists of authorised versions that could not be read the last time. */
  readonly unread: readonly { readonly list: string; readonly error: string }[]
}

/** A receiver of alerts that does not get them, and why. */
export interface AlarmFault {
  /** Its display name: the host of a webhook, the file of a hook. */
  readonly receiver: string
  readonly why: string
}

export interface PlaceFacts {
  readonly name: string
  readonly error: string | null
  readonly isContradicting: boolean
}

/** Seconds by which our cosignature may be behind a proven head: peers keep its promise first, for up to a minute. */
const COSIGNING_SECONDS = 90

/** All conditions that hold: first those of each log, in order, then those of the node. */
export function conditionsOf(facts: Facts): Condition[] {
  return [...facts.logs.flatMap((log) => logConditions(log, facts)), ...nodeConditions(facts)]
}

/** Whether a node with these conditions is ready. */
export function isReady(conditions: readonly Condition[]): boolean {
  return conditions.every(({ severity }) => SEVERITIES[severity].ready)
}

/**
 * The exit code of `gossum status`. A severity that this version does not know, from a newer node, counts as bad news.
 */
export function exitOf(conditions: readonly { readonly severity: string }[]): 0 | 3 | 4 {
  const exits = conditions.map(({ severity }) => (isSeverity(severity) ? SEVERITIES[severity].exit : 4))
  return exits.includes(3) ? 3 : exits.includes(4) ? 4 : 0
}

function isSeverity(text: string): text is Severity {
  return Object.hasOwn(SEVERITIES, text)
}

// ---- of a log --------------------------------------------------------------------------------------------------

function logConditions(log: LogFacts, facts: Facts): Condition[] {
  const { isObserver } = facts
  const { id, label, isDisabled, isFrozen, stops, poll, suspects, audit } = log
  const holds = (name: ConditionName, text: string): Condition => condition(name, `${label}: ${text}`, id)
  const frozen = isFrozen
    ? [holds('frozen', `proven to misbehave, so nothing more of it is ${isObserver ? 'accepted' : 'signed'}`)]
    : []
  if (isDisabled) return frozen
  const { disagreement, taken, floor } = stops
  const stopped = [
    ...frozen,
    ...(disagreement === undefined
      ? []
      : [holds('paused', `nothing is ${isObserver ? 'accepted' : 'signed'}: ${disagreement}`)]),
    ...(floor === undefined
      ? []
      : [holds('behind', `nothing is signed before size ${floor}, which this key has cosigned, is proven`)]),
  ]
  const { open, alarmed } = suspects
  return [
    ...stopped,
    // It is followed and compared all the same.
    ...(taken === undefined ? [] : [holds('origin taken', `nothing is signed: ${taken}`)]),
    ...(poll?.reachable === false
      ? [holds(poll.isAnswer ? 'bad answer' : 'unreachable', poll.error ?? 'no reason given')]
      : []),
    ...(alarmed > 0 ? [holds('unexplained head', `${count(alarmed, 'signed head')} that nothing explains`)] : []),
    ...(open > alarmed ? [holds('suspect', `${count(open - alarmed, 'signed head')} not proven yet`)] : []),
    ...auditConditions(audit, holds),
    // What follows from a condition that is listed already is not listed again.
    ...(stopped.length > 0 ? [] : comingOut(log, facts, holds)),
  ]
}

/** What an audit found, and whether it continues. */
function auditConditions(
  audit: AuditFacts | undefined,
  holds: (name: ConditionName, text: string) => Condition,
): Condition[] {
  const errors = audit?.findings.error ?? 0
  const error = audit?.error ?? null
  return [
    ...(errors === 0 ? [] : [holds('bad record', `${count(errors, 'place')} in it that an audit found wrong`)]),
    ...(error === null ? [] : [holds('audit failing', error)]),
  ]
}

/** Whether cosignatures come out, whatever the reason if they do not. */
function comingOut(
  { poll, lag, hasQuorum, vouchedAgo, stops, seclusion }: LogFacts,
  { hasPolicy, isObserver, patience }: Facts,
  holds: (name: ConditionName, text: string) => Condition,
): Condition[] {
  const { quorum, cosignature } = lag
  const isVerified = poll === undefined || (poll.verifiedAgo !== undefined && poll.verifiedAgo < patience * 1000)
  return [
    ...(isVerified ? [] : [holds('unverified', unverified(poll))]),
    ...(isObserver && vouchedAgo !== undefined && vouchedAgo > HEARD_SECONDS
      ? [holds('unverified', `no quorum has signed a head of it for ${span(vouchedAgo)}: what is shown may be old`)]
      : []),
    ...(!isObserver && stops.taken === undefined && cosignature !== undefined && cosignature > COSIGNING_SECONDS
      ? [holds('not cosigned', `the newest proven head has not been cosigned here for ${span(cosignature)}`)]
      : []),
    // An observer does not even hold what no quorum has vouched for.
    ...(hasPolicy && (quorum === undefined ? isObserver && !hasQuorum : !hasQuorum || quorum > patience)
      ? [
          holds(
            'no quorum',
            hasQuorum ? `the quorum has not moved for ${span(quorum ?? 0)}` : 'no quorum of the policy yet',
          ),
        ]
      : []),
    // A log that does not answer does not show anything old either.
    ...(isVerified && poll?.reachable === true ? secludedLog(seclusion, holds) : []),
  ]
}

function unverified({ reachable, verifiedAgo, refusal }: PollView): string {
  if (reachable === null) return 'not asked yet'
  const since = verifiedAgo === undefined ? 'since this node started' : `for ${span(verifiedAgo / 1000)}`
  return `none of its heads was proven ${since}${refusal === null ? '' : ` (${refusal})`}`
}

// ---- of the node -----------------------------------------------------------------------------------------------

/** The states of the guard that are worth a condition. */
const GUARD: Partial<Record<GuardState, ConditionName>> = {
  waiting: 'guard waiting',
  unanswered: 'guard unanswered',
  twin: 'duplicate key',
  'partly guarded': 'partly guarded',
}

function nodeConditions({ hasPolicy, isObserver, convicted, signing, disk, around, seclusion }: Facts): Condition[] {
  const { guard, deposit, clock, agent, shared } = signing
  const guarded = GUARD[guard.state]
  return [
    ...convicted.own.map((name) =>
      condition('own key convicted', `${name}: this node's own key cosigned two histories`),
    ),
    ...convicted.others.map((name) =>
      condition('witness convicted', `${name} cosigned two histories, and does not count`),
    ),
    ...(disk.failure === undefined ? [] : [condition('disk failing', `the home cannot be written: ${disk.failure}`)]),
    ...(disk.unwritten === 0
      ? []
      : [
          condition('evidence unwritten', `${count(disk.unwritten, 'piece')} of evidence could not be written to disk`),
        ]),
    ...(guarded === undefined ? [] : [condition(guarded, guard.text)]),
    ...(isObserver ? [] : depositCondition(deposit)),
    ...clock.map(({ name, text }) => condition(name, text)),
    ...(agent === undefined ? [] : [condition('agent away', `the ssh-agent does not sign: ${agent}`)]),
    ...(shared === undefined ? [] : [condition('state away', `the shared-state database: ${shared}`)]),
    ...aroundConditions(around),
    ...secludedNode(seclusion),
    ...(hasPolicy ? [] : [condition('no policy', "only this node's own cosignature counts")]),
  ]
}

/** Having no depositaries is no failure unless deposits are required. */
function depositCondition({ state, text, required }: DepositReport): Condition[] {
  if (state === 'deposited') return []
  if (state === 'undeposited') return [condition('undeposited', text)]
  return [condition(required ? 'deposits impossible' : 'nobody chosen', text)]
}

function aroundConditions({
  mesh,
  bastion,
  places,
  operator,
  lists,
  watch,
  alarm,
  publish,
}: Facts['around']): Condition[] {
  const { unauthorised, unread } = watch
  const [first] = unauthorised
  const isAlone = mesh?.connected === 0
  const alone = mesh !== undefined && mesh.configured > 0 ? 'peers down' : 'no peers'
  const aloneText = alone === 'peers down' ? 'no configured peer is connected' : 'no peer to compare with is connected'
  return [
    ...(bastion === undefined ? [] : [condition('bastion down', `logs do not reach this node through it: ${bastion}`)]),
    ...(operator === undefined ? [] : [condition('operator door shut', `nothing can be acknowledged: ${operator}`)]),
    ...lists.map(({ list, error }) => condition('log list unread', `${list}: ${error}`)),
    ...(first === undefined
      ? []
      : [condition('unauthorised version', `${count(unauthorised.length, 'version')}, ${first} first`)]),
    ...unread.map(({ list, error }) => condition('releases unread', `${list}: ${error}`)),
    ...alarm.map(({ receiver, why }) => condition('alarm failing', `${receiver} gets no alerts: ${why}`)),
    ...(publish === undefined
      ? []
      : [condition('publishing failing', `the published folder is not up to date: ${publish}`)]),
    ...(isAlone ? [condition(alone, aloneText)] : []),
    ...places.flatMap(({ name, error, isContradicting }) => [
      ...(isContradicting ? [condition('contradicted', `${name} says that it has seen another history`)] : []),
      ...(error === null || isContradicting ? [] : [condition('place failing', `${name}: ${error}`)]),
    ]),
  ]
}

// ---- words -----------------------------------------------------------------------------------------------------

function count(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? '' : 's'}`
}
