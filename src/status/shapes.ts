/**
 * The schemas of the API's answers, and the types derived from them. Within v1, fields are only added, never changed.
 * Times are ISO 8601, roots base64, keys verifier keys. Pure. Code that does not describe the API imports only types
 * from here: typebox costs a tenth of a second and 20 MB.
 */
import Type from 'typebox'
import { ERRORS, type ErrorCode } from '../errors.js'
import { CONDITION_NAMES, SEVERITIES, type Severity } from './conditions.js'
import { AlarmView } from './alarm-shapes.js'
import { count, orNull, size, time } from './field-shapes.js'
import { EVIDENCE_ID, LOG_ID } from './ids.js'

export { AlarmView }

const { Array: List, Boolean: Flag, Enum, Integer, Number: Num, Object: Shape, String: Text } = Type

const root = (): ReturnType<typeof Text> =>
  Text({ pattern: '^[A-Za-z0-9+/]{43}=$', description: 'a root hash, base64' })
const logId = (description = 'a log id') => Text({ pattern: LOG_ID.pattern, description })
const evidenceId = (description: string) => Text({ pattern: EVIDENCE_ID.pattern, description })
const code = Enum(Object.keys(ERRORS) as ErrorCode[])

// ---- heads and logs --------------------------------------------------------------------------------------------

export const CosignatureView = Shape({
  name: Text({ description: 'key name of the witness' }),
  key: Text({ description: 'verifier key of the witness' }),
  time: time('according to the witness'),
  counted: Flag({ description: 'the policy names the key, and the witness is not convicted' }),
})
export type CosignatureView = Type.Static<typeof CosignatureView>

export const HeadView = Shape({
  size: size(),
  root: root(),
  time: orNull(time(), 'when this node cosigned it; null when it did not'),
  note: Text({ description: "the text, the log's line and every verified cosignature" }),
  cosignatures: List(CosignatureView),
})
export type HeadView = Type.Static<typeof HeadView>

export const SuspectView = Shape({
  id: evidenceId('its head is at /api/v1/suspects/{id}'),
  size: orNull(size(), 'null beyond 2^53 - 1: no such tree exists'),
  root: Text(),
  firstSeen: time(),
  door: Text(),
  peer: orNull(Text(), 'peer id of the peer that brought it'),
  code: Text({ description: 'why it is not proven yet' }),
  alarmed: Flag({ description: 'whether it raised an alarm' }),
})
export type SuspectView = Type.Static<typeof SuspectView>

export const ListedSuspect = Shape({
  log: logId(),
  ...SuspectView.properties,
  acked: Flag({ description: 'whether it froze its log, and was acknowledged' }),
})
export type ListedSuspect = Type.Static<typeof ListedSuspect>

/** How far the audit of a log has got, and what it found. */
export const AuditView = Shape({
  size: size('how many records were read, counted from the first without a gap'),
  findings: Shape(
    { error: count('records and tiles that break a rule'), note: count('findings that are only worth knowing') },
    { description: 'in everything that was read' },
  ),
  complete: Flag({ description: 'whether everything below the head that is being audited was read' }),
  cosigned: orNull(size(), "records in the head that the auditor's key cosigned last"),
  error: orNull(Text(), 'why the audit does not continue, or why its key does not cosign'),
  indexed: orNull(
    size(),
    'how many records are in the index, counted from the first without a gap; null for a log without one',
  ),
})
export type AuditView = Type.Static<typeof AuditView>

export const LogView = Shape({
  id: logId(),
  name: Text({ description: 'key name' }),
  key: Text({ description: 'verifier key' }),
  url: orNull(Text(), 'null for a log that only pushes its heads'),
  origin: Text(),
  disabled: Flag({ description: 'kept, but neither polled nor cosigned' }),
  list: orNull(Text(), 'the log list that it is from; null if the operator configured it'),
  perDay: orNull(count('per day'), 'cosignatures per day for heads that it pushes; null if unlimited'),
  size: size('records in the newest proven head; 0 before the first'),
  root: orNull(root()),
  time: orNull(time(), 'when this node cosigned that head'),
  frozen: Flag({ description: 'proven to misbehave and not acknowledged: nothing more of it is cosigned' }),
  holds: List(
    Shape({ id: evidenceId('the id of evidence or of a suspect, for `gossum evidence ack`'), acked: Flag() }),
    {
      description: 'why it is or was frozen',
    },
  ),
  cosignatures: List(CosignatureView),
  quorum: orNull(Shape({ size: size(), root: root(), cosignatures: List(CosignatureView) }), 'the quorum head'),
  suspects: List(SuspectView, {
    description: 'at most 16: those that raised an alarm, then acknowledged ones, then the oldest',
  }),
  suspectCount: count('how many suspects there are'),
  witness: orNull(Text(), 'verifier key of this node that cosigns it; null for an observer'),
  paused: orNull(Text(), 'why nothing is signed though the log is not frozen'),
  floor: orNull(
    Shape({ size: size(), at: time() }),
    'a head that this witness has cosigned and must reach again before it signs',
  ),
  firstUse: orNull(Shape({ size: size(), root: root(), at: time() }), 'the head that was trusted as the first one'),
  reachable: orNull(
    Flag(),
    'whether the last poll got a head that the log signed; null before the first poll, and for a log that is not polled',
  ),
  lastPoll: orNull(time(), 'when a poll last got such a head'),
  verifiedAt: orNull(time(), 'when the head of a poll was last proven to be on our history'),
  error: orNull(Text(), 'why the last poll failed'),
  audit: orNull(AuditView, 'null when this node does not audit the log'),
})
export type LogView = Type.Static<typeof LogView>

// ---- peers, witnesses, evidence, services ----------------------------------------------------------------------

export const PeerView = Shape({
  peerId: Text(),
  multiaddr: Text(),
  witness: orNull(Text(), "verifier key of the peer's witness, if it proved one on this connection"),
  since: time('when it connected'),
  rttMs: orNull(Num()),
  score: orNull(Num()),
  head: orNull(Shape({ log: logId(), size: size(), at: time() }), 'its newest head, by its own account'),
  chosen: Flag({ description: 'whether this node chose it to keep its promises' }),
  depositary: orNull(Flag(), 'whether it keeps promises; null until it was asked'),
})
export type PeerView = Type.Static<typeof PeerView>

export const EvidenceView = Shape({
  id: evidenceId('the first 16 hex digits of the SHA-256 of the file'),
  type: Text(),
  log: logId(),
  witness: orNull(Text(), 'verifier key of the convicted witness; null if the log is convicted'),
  sizes: Type.Tuple([size(), size()]),
  module: Type.Optional(Text({ description: 'only for a bad record: the module version, `path@version`' })),
  records: Type.Optional(
    Type.Tuple([size('only for a bad record: the number of the first record'), size('and of the second')]),
  ),
  seenAt: time(),
  acked: Flag(),
})
export type EvidenceView = Type.Static<typeof EvidenceView>

export const WitnessView = Shape({
  name: Text({ description: 'key name' }),
  key: Text({ description: 'verifier key' }),
  counted: Flag({ description: 'the policy names it, its key can be verified here, and it is not convicted' }),
  own: Flag({ description: "whether it is this node's own" }),
  last: orNull(
    Shape({ log: logId(), size: size(), time: time() }),
    'the largest head that it was seen to cosign, and when by its own account; the latest over all logs',
  ),
  convicted: orNull(evidenceId('evidence'), 'the evidence that convicts it, until it is acknowledged'),
})
export type WitnessView = Type.Static<typeof WitnessView>

export const TakenLogView = Shape({
  id: logId('its newest head that this node cosigned is at /{id}/checkpoint'),
  name: Text({ description: 'key name' }),
  key: Text({ description: 'verifier key' }),
  origin: Text(),
  keys: List(Text(), { description: 'verifier keys of this node that cosign it, one line each' }),
  polled: Flag({ description: 'whether the node also polls the log' }),
  perDay: orNull(count('per day'), 'cosignatures per day for heads that it pushes; null if unlimited'),
  frozen: Flag({ description: 'proven to misbehave and not acknowledged: nothing more of it is cosigned' }),
})
export type TakenLogView = Type.Static<typeof TakenLogView>

export const AboutWitnessView = Shape({
  name: Text({ description: 'key name of the witness' }),
  keys: List(Text(), { description: 'its verifier keys: Ed25519, then ML-DSA-44 if it has one' }),
  contact: orNull(Text(), "how to reach its operator, in the operator's words"),
  logs: List(TakenLogView, { description: 'in configured order' }),
})
export type AboutWitnessView = Type.Static<typeof AboutWitnessView>

export const ExchangeView = Shape({
  name: Text(),
  url: Text(),
  kind: Text({ description: '`feed`, `distributor` or `source-spotter`' }),
  lastAnswer: orNull(time()),
  error: orNull(Text(), 'what was wrong with the last visit, or the objection of the place'),
  says: List(Shape({ log: logId(), does: Text(), verdict: Text(), size: orNull(size()), at: time() }), {
    description: 'its last verdict on each log, and the head of ours that it is about',
  }),
})
export type ExchangeView = Type.Static<typeof ExchangeView>

// ---- the status ------------------------------------------------------------------------------------------------

export const ConditionView = Shape({
  name: Enum([...CONDITION_NAMES]),
  severity: Enum(Object.keys(SEVERITIES) as Severity[]),
  log: orNull(logId(), 'null when it is about the node'),
  text: Text(),
})
export type ConditionView = Type.Static<typeof ConditionView>

/** Whether chosen peers keep what our key has promised. */
export const DepositView = Shape({
  state: Enum(['deposited', 'undeposited', 'nobody']),
  text: Text({ description: 'the state as a sentence' }),
  need: count('chosen peers that are to keep a promise'),
  of: count('number of chosen peers'),
  connected: count('connected chosen peers'),
  undeposited: count('logs whose newest promise too few of them keep'),
})
export type DepositView = Type.Static<typeof DepositView>

/** Where the private key of the witness is, and why it does not sign now. */
export const SigningView = Shape({ by: Enum(['file', 'ssh-agent']), error: orNull(Text()) })
export type SigningView = Type.Static<typeof SigningView>

export const StatusView = Shape({
  version: Text(),
  ready: Flag({ description: 'whether /readyz answers 200' }),
  conditions: List(ConditionView, {
    description: 'all conditions that hold: /readyz, the exit code of `gossum status` and the metrics use this list',
  }),
  observer: Flag({ description: 'whether it has no witness key, and signs nothing (docs/observer.md)' }),
  witness: orNull(Text(), 'verifier key of this witness; null for an observer'),
  mlDsa: orNull(Text(), 'its ML-DSA-44 verifier key'),
  auditor: orNull(Text(), 'verifier key of its auditor'),
  peerId: orNull(Text(), 'null without a mesh'),
  multiaddrs: List(Text()),
  http: Text({ description: 'URL of this API' }),
  startedAt: time(),
  policy: orNull(
    Shape({ quorum: Text(), threshold: count('witnesses needed'), witnesses: count('witnesses named') }),
    'null if there is none: then only this node counts',
  ),
  logs: List(LogView),
  peers: count('connected peers'),
  evidence: count('evidence files that are not acknowledged'),
  guard: Shape(
    {
      state: Enum(['fresh', 'waiting', 'guarded', 'partly guarded', 'unanswered', 'unguarded', 'twin']),
      text: Text(),
      since: time(),
    },
    { description: 'whether peers vouch that this node knows everything its key has signed' },
  ),
  deposit: DepositView,
  clock: List(
    Shape({ name: Enum(['clock ahead', 'clock behind', 'promise ahead', 'clock before release']), text: Text() }),
    { description: 'problems with the clock; empty when all is well' },
  ),
  bastion: orNull(
    Shape({
      url: Text(),
      state: Enum(['connecting', 'connected', 'serving']),
      since: time(),
      lastCosignature: orNull(time()),
      error: orNull(Text()),
    }),
    'null without a bastion',
  ),
  signing: SigningView,
  state: Shape(
    {
      kept: Enum(['home', 'postgres']),
      text: Text({ description: 'what a commit survives' }),
      error: orNull(Text(), 'why the database cannot be used now'),
    },
    { description: 'where the record of what our key has signed is kept (docs/two-machines.md)' },
  ),
  alarm: AlarmView,
  exchange: List(ExchangeView, { description: 'the configured places, in the order of kinds and flags' }),
})
export type StatusView = Type.Static<typeof StatusView>

// ---- submissions, and refusals --------------------------------------------------------------------------------

/** The outcome of a submitted head. */
export const HeadAnswer = Shape({
  outcome: Enum(['advanced', 'known', 'past', 'pending', 'refused', 'conflict']),
  log: orNull(logId(), 'null if no followed log has signed it'),
  size: orNull(size(), 'null beyond 2^53 - 1: no such tree exists'),
  root: orNull(root()),
  code: orNull(code, 'why, for `pending` and `refused`'),
  evidence: orNull(evidenceId('evidence'), 'for `conflict`'),
  held: orNull(size(), 'size of the newest head of its log that is held here; null before the first'),
})
export type HeadAnswer = Type.Static<typeof HeadAnswer>

/** The result for submitted evidence. */
export const SubmittedEvidence = Shape({
  id: evidenceId('its id, or that of earlier evidence about the same lie'),
  fate: Enum(['new', 'known', 'unknown'], {
    description: '`unknown`: valid, but about one witness too many that only neighbours count',
  }),
})
export type SubmittedEvidence = Type.Static<typeof SubmittedEvidence>

export const Acknowledged = Shape({
  id: evidenceId('what was acknowledged'),
  acked: Type.Literal(true),
  items: count('how many items were acknowledged: this one, and what else convicts the same log by now'),
})
export type Acknowledged = Type.Static<typeof Acknowledged>

export const Problem = Shape(
  {
    type: Type.Literal('about:blank'),
    title: Text(),
    status: Integer({ minimum: 400, maximum: 599 }),
    detail: Text({ description: 'what happened, in this case' }),
    code,
    hint: Text({ description: 'what to do' }),
  },
  { description: 'RFC 9457; docs/errors.md has the codes' },
)

const next = () => Type.Optional(orNull(Text(), 'only with `limit`: the `after` of the next page; null at the end'))
export const Logs = Shape({ logs: List(LogView, { description: 'in configured order' }), next: next() })
export const HeadsPage = Shape({
  heads: List(HeadView, { description: 'the newest first' }),
  next: orNull(size(), 'the `below` of the next page; null at the end of the history'),
})
export const Peers = Shape({
  peers: List(PeerView, { description: 'longest connected first' }),
  next: next(),
})
export const Witnesses = Shape({ witnesses: List(WitnessView), next: next() })
export const EvidenceFile = Shape({ evidence: List(EvidenceView, { description: 'the oldest first' }), next: next() })
export const SuspectsPage = Shape({ suspects: List(ListedSuspect, { description: 'the oldest first' }), next: next() })
