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
  time: time("by the witness's own word"),
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
  peer: orNull(Text(), 'peer id of who brought it'),
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
  size: size('up to which record all were read, from the first one on'),
  findings: Shape(
    { error: count('records and tiles that are not as they must be'), note: count('what is only worth knowing') },
    { description: 'in all that was read' },
  ),
  complete: Flag({ description: 'whether nothing is left to read up to the head that the audit went on to last' }),
  cosigned: orNull(size(), "records in the head that the auditor's key cosigned last"),
  error: orNull(Text(), 'why it does not go on, or why its key does not cosign'),
  indexed: orNull(size(), 'up to which record all are in the index; null for a log without one'),
})
export type AuditView = Type.Static<typeof AuditView>

export const LogView = Shape({
  id: logId(),
  name: Text({ description: 'key name' }),
  key: Text({ description: 'verifier key' }),
  url: orNull(Text(), 'null for a log that is only pushed'),
  origin: Text(),
  disabled: Flag({ description: 'kept as it is: neither polled nor cosigned' }),
  list: orNull(Text(), 'the log list that brought it; null for what the operator said'),
  perDay: orNull(count('in a day'), 'cosignatures in a day for heads that it pushes; null without a bound'),
  size: size('records in the newest proven head; 0 before the first'),
  root: orNull(root()),
  time: orNull(time(), 'when this node cosigned that head'),
  frozen: Flag({ description: 'proven to misbehave and not acknowledged: nothing more of it is cosigned' }),
  holds: List(Shape({ id: evidenceId('of evidence or a suspect; `gossum evidence ack` takes it'), acked: Flag() }), {
    description: 'why it is or was frozen',
  }),
  cosignatures: List(CosignatureView),
  quorum: orNull(Shape({ size: size(), root: root(), cosignatures: List(CosignatureView) }), 'the quorum head'),
  suspects: List(SuspectView, {
    description: 'at most 16: those that people were told of, then those that were acknowledged, then the oldest',
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
  lastPoll: orNull(time(), 'when a poll got such a head last'),
  verifiedAt: orNull(time(), 'when the head of a poll was proven last to lie on our history'),
  error: orNull(Text(), 'why the last poll failed'),
  audit: orNull(AuditView, 'null when this node does not audit the log'),
})
export type LogView = Type.Static<typeof LogView>

// ---- peers, witnesses, evidence, services ----------------------------------------------------------------------

export const PeerView = Shape({
  peerId: Text(),
  multiaddr: Text(),
  witness: orNull(Text(), "verifier key of the peer's witness, when this connection proved one"),
  since: time('when it connected'),
  rttMs: orNull(Num()),
  score: orNull(Num()),
  head: orNull(Shape({ log: logId(), size: size(), at: time() }), 'the newest head that it spoke of, as it says'),
  chosen: Flag({ description: 'whether this node chose it to keep its promises' }),
  depositary: orNull(Flag(), 'whether it keeps promises; null as long as it was not asked'),
})
export type PeerView = Type.Static<typeof PeerView>

export const EvidenceView = Shape({
  id: evidenceId('the first 16 hex digits of the SHA-256 of the file'),
  type: Text(),
  log: logId(),
  witness: orNull(Text(), 'verifier key of the witness that it convicts; null when that is the log'),
  sizes: Type.Tuple([size(), size()]),
  module: Type.Optional(Text({ description: 'of a bad record alone: the module version, `path@version`' })),
  records: Type.Optional(
    Type.Tuple([size('of a bad record alone: the number of the one record'), size('and of the other')]),
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
    'the largest head that it was seen to cosign, and when by its own word; of several logs the latest',
  ),
  convicted: orNull(evidenceId('evidence'), 'the evidence that convicts it, until that is acknowledged'),
})
export type WitnessView = Type.Static<typeof WitnessView>

export const TakenLogView = Shape({
  id: logId('its newest head that this node cosigned is at /{id}/checkpoint'),
  name: Text({ description: 'key name' }),
  key: Text({ description: 'verifier key' }),
  origin: Text(),
  keys: List(Text(), { description: 'verifier keys of this node that cosign it, one line each' }),
  polled: Flag({ description: 'whether the node looks at the log by itself, too' }),
  perDay: orNull(count('in a day'), 'cosignatures in a day for heads that it pushes; null without a bound'),
  frozen: Flag({ description: 'proven to misbehave and not acknowledged: nothing more of it is cosigned' }),
})
export type TakenLogView = Type.Static<typeof TakenLogView>

export const AboutWitnessView = Shape({
  name: Text({ description: 'key name of the witness' }),
  keys: List(Text(), { description: 'its verifier keys: Ed25519, then ML-DSA-44 if it has one' }),
  contact: orNull(Text(), 'how to reach who runs it, in words of their own'),
  logs: List(TakenLogView, { description: 'in configured order' }),
})
export type AboutWitnessView = Type.Static<typeof AboutWitnessView>

export const ExchangeView = Shape({
  name: Text(),
  url: Text(),
  kind: Text({ description: '`feed`, `distributor` or `source-spotter`' }),
  lastAnswer: orNull(time()),
  error: orNull(Text(), 'what was wrong with the last visit, or what the place objected to'),
  says: List(Shape({ log: logId(), does: Text(), verdict: Text(), size: orNull(size()), at: time() }), {
    description: 'what it said last of each log, and of which head of ours',
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
  of: count('chosen peers that there are'),
  connected: count('of them'),
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
    description: 'all that holds: what /readyz, the exit code of `gossum status` and the metrics follow',
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
    Shape({ quorum: Text(), threshold: count('of the quorum'), witnesses: count('that it names') }),
    'null: only this node counts',
  ),
  logs: List(LogView),
  peers: count('connected peers'),
  evidence: count('evidence files that nobody acknowledged'),
  guard: Shape(
    {
      state: Enum(['fresh', 'waiting', 'guarded', 'partly guarded', 'unanswered', 'unguarded', 'twin']),
      text: Text(),
      since: time(),
    },
    { description: 'whether peers vouch that this node knows all that its key has signed' },
  ),
  deposit: DepositView,
  clock: List(
    Shape({ name: Enum(['clock ahead', 'clock behind', 'promise ahead', 'clock before release']), text: Text() }),
    { description: 'what somebody should look into about the clock; empty when all is well' },
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
      text: Text({ description: 'what it survives' }),
      error: orNull(Text(), 'why the database cannot be used now'),
    },
    { description: 'where what our key has signed is kept (docs/two-machines.md)' },
  ),
  alarm: AlarmView,
  exchange: List(ExchangeView, { description: 'the configured places, in the order of kinds and flags' }),
})
export type StatusView = Type.Static<typeof StatusView>

// ---- submissions, and refusals --------------------------------------------------------------------------------

/** The outcome of a submitted head. */
export const HeadAnswer = Shape({
  outcome: Enum(['advanced', 'known', 'past', 'pending', 'refused', 'conflict']),
  log: orNull(logId(), 'null when it is signed by none that is followed'),
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
    description: '`unknown`: valid, and about one witness too many that only neighbours count',
  }),
})
export type SubmittedEvidence = Type.Static<typeof SubmittedEvidence>

export const Acknowledged = Shape({
  id: evidenceId('what was acknowledged'),
  acked: Type.Literal(true),
  items: count('how many items that was: this one, and what convicts the same log by now'),
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

const next = () => Type.Optional(orNull(Text(), 'with `limit` alone: the `after` of the next page; null at the end'))
export const Logs = Shape({ logs: List(LogView, { description: 'in configured order' }), next: next() })
export const HeadsPage = Shape({
  heads: List(HeadView, { description: 'the newest first' }),
  next: orNull(size(), 'the `below` of the next page; null at the end of the history'),
})
export const Peers = Shape({
  peers: List(PeerView, { description: 'those that have been connected for longest first' }),
  next: next(),
})
export const Witnesses = Shape({ witnesses: List(WitnessView), next: next() })
export const EvidenceFile = Shape({ evidence: List(EvidenceView, { description: 'the oldest first' }), next: next() })
export const SuspectsPage = Shape({ suspects: List(ListedSuspect, { description: 'the oldest first' }), next: next() })
