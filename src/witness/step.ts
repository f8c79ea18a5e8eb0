/**
 * The one step: what follows when something happens to a log. It takes the state on disk, what happened, and the
 * circumstances. It returns the change of the state, the outcome, and the effects to perform once the change is
 * durable. It decides everything, including on the proof of a push and on what prevents a signature. The runner
 * (runner.ts) performs what it returns, and an effect that fails comes back as an input. Pure and total.
 *
 * The invariant: all text that one key signs lies in one history, and its size never decreases over time
 * (docs/protocol.md, "What a key never does").
 */
import { encodeEvidence, makeSplitView, MAX_EVIDENCE_BYTES } from '../evidence/evidence.js'
import type { ErrorCode } from '../errors.js'
import type { Change } from '../store/heads.js'
import { unmetFloor, type FirstUse, type Floor, type LogState } from '../store/log-state.js'
import { equalBytes, utf8 } from '../tlog/bytes.js'
import { formatHash, parseHash } from '../tlog/hash.js'
import type { Tree } from '../tlog/merkle.js'
import { parseNote, spellNote, type Note } from '../tlog/note.js'
import type { ProvenHead } from './cosigned-head.js'
import { compareTrees, decide, decidePushed, objectionTo, type Decision, type Proof } from './decide.js'
import { auditedAfter, isNews } from './audited.js'
import type { SizedHead } from './head.js'
import type { Outcome } from './outcome.js'
import { isRenewalDue, isSigned, promise, signedUntil } from './signed.js'
import { SOURCES } from './source.js'
import type { Circumstances, Effect, HeadInput, Input, Mark, Step } from './step-types.js'

/** A step without an outcome is taken again, with the proof that it asks for, the floor tried, or the changed state. */
export function step(state: LogState, input: Input, at: Circumstances): Step {
  switch (input.kind) {
    case 'head':
      return onHead(state, input, at)
    case 'marks':
      return onMarks(state, input.marks, at)
    case 'unsigned':
      return { outcome: refused(input.head, input.code), effects: [] }
  }
}

// ---- heads -----------------------------------------------------------------------------------------------------

function onHead(state: LogState, input: HeadInput, at: Circumstances): Step {
  const { head, pushed } = input
  const objection = pushed && objectionTo(state.tree, { ...head.checkpoint, canonical: head.canonical }, pushed)
  if (objection !== undefined) return onObjection(state, head, objection)
  const decision = decideOn(state, input, at)
  switch (decision.kind) {
    case 'prove':
      return { effects: [{ do: 'prove', of: decision.of, size: decision.size }] }
    case 'advanced':
      return onAdvance(state, input, at)
    case 'known':
      return onKnown(state, input, at)
    case 'past':
      return { outcome: outcome('past', head), effects: [{ do: 'notePast' }, { do: 'resolve' }, { do: 'merge' }] }
    case 'pending':
      return suspect(head, decision.code)
    case 'refused':
      return {
        outcome: refused(head, decision.code),
        // We sign no more of it, but others must be able to compare.
        effects: SOURCES[input.source].firsthand ? [{ do: 'publish', what: 'frozen' }] : [],
      }
    case 'conflict':
      return onConflict(head, decision.with, decision.prefix)
  }
}

type HeadDecision =
  | Exclude<Decision, { kind: 'conflict' }>
  | (Extract<Decision, { kind: 'conflict' }> & { readonly with: Note | undefined })

function decideOn(state: LogState, input: HeadInput, at: Circumstances): HeadDecision {
  const { head, pushed } = input
  const floor = unmetFloor(state)
  // Two heads of the same size need no history to contradict each other.
  if (floor?.note !== undefined && floor.size === head.checkpoint.size && !isAt(floor, head))
    return { kind: 'conflict', with: noteOf(floor.note) }
  if (at.isPast) return { kind: 'past' }
  // What we cosigned before, we saw at the log ourselves. An observer, which sees no log, relies on a quorum.
  const mayBeFirst =
    at.isVouched ??
    (SOURCES[input.source].firsthand || input.own !== undefined || (floor !== undefined && isAt(floor, head)))
  const compared = { ...head.checkpoint, canonical: head.canonical, mayBeFirst }
  const held = { tree: state.tree, kept: at.kept, frozen: at.frozen }
  const decision = pushed === undefined ? decide(held, compared) : decidePushed(held, compared)
  const decided = decision.kind === 'prove' ? decide(held, compared, answerTo(input, decision)) : decision
  return decided.kind === 'conflict' ? { ...decided, with: at.kept?.note ?? noteOf(state.note) } : decided
}

/**
 * The proof that came with a pushed head is not accepted, and the sender is told why. The head itself is judged as
 * well: one larger than ours waits for a better proof, or for what the log and the peers show. Any other is judged
 * without the proof, and so is one of the size of the floor, which may contradict it.
 */
function onObjection(state: LogState, head: SizedHead, code: ErrorCode): Step {
  const { size } = head.checkpoint
  const held = state.tree?.size ?? 0
  if (size <= (state.tree?.size ?? -1) || size === unmetFloor(state)?.size)
    return { outcome: { ...refused(head, code), held }, effects: [{ do: 'judgeUnproven' }] }
  const { outcome: pending, effects } = suspect(head, code)
  return { outcome: { ...pending!, held }, effects }
}

/** A head that is proven to be the next one. */
function onAdvance(state: LogState, input: HeadInput, at: Circumstances): Step {
  const { head } = input
  if (at.obstacle === 'STATE_DISAGREES' || at.obstacle === 'KEY_DUPLICATE') return blocked(state, input, at.obstacle)
  const floor = unmetFloor(state)
  if (floor !== undefined && !isAt(floor, head)) return towardsFloor(state, floor, input)
  // Our key cosigns another log of this origin, or we have no key: the head is accepted and compared, and may convict
  // the log, but is not signed.
  const isFollowed = at.obstacle === 'ORIGIN_TAKEN' || at.obstacle === 'NO_WITNESS'
  if (at.obstacle !== undefined && !isFollowed) return blocked(state, input, at.obstacle)
  const isFirst = state.tree === undefined && state.floor === undefined
  const detour = isFirst && at.shown !== undefined ? beforeFirstUse(at.shown, input, at) : undefined
  if (detour !== undefined) return detour

  const { size, root } = head.checkpoint
  const first: FirstUse = { size, root: formatHash(root), at: iso(at.now) }
  const followed: Change = {
    tree: { size, root },
    note: spellNote(head.logNote),
    firstUse: isFirst ? first : state.firstUse,
    floor: undefined,
  }
  return {
    change: isFollowed
      ? followed
      : { ...followed, origin: head.log.origin, signed: promise(state, size, at, input.own) },
    outcome: {
      ...outcome(isFollowed && input.pushed !== undefined ? 'refused' : 'advanced', head),
      ...(isFollowed && at.obstacle === 'ORIGIN_TAKEN' && { code: at.obstacle }),
    },
    effects: [
      ...(isFirst ? [{ do: 'tellFirstUse', first } as const] : []),
      isFollowed ? { do: 'keep' } : { do: 'cosign' },
      { do: 'publish', what: 'advance' },
      { do: 'compareWitnesses', as: 'truth' },
      { do: 'resolve' },
    ],
  }
}

/** Nothing may be signed now. While the guard waits, a head that extends ours is deferred. */
function blocked({ tree }: LogState, input: HeadInput, code: ErrorCode): Step {
  const waits = code === 'GUARD_WAITING' && input.source !== 'replay' && tree !== undefined
  return { outcome: refused(input.head, code), effects: waits ? [{ do: 'defer' }] : [] }
}

/**
 * The floor comes first: nothing is signed that is not proven to extend it. A larger head that is proven to extend it
 * lets us continue from the floor's tree without signing that; one that contradicts it convicts the log.
 */
function towardsFloor(state: LogState, floor: Floor, input: HeadInput): Step {
  const { head } = input
  if (floor.note !== undefined && !input.triedFloor) return { effects: [{ do: 'reach', note: floor.note }] }
  const behind: Step = {
    outcome: refused(head, 'GUARD_BEHIND'),
    // Kept: a head and a floor that nobody can show to belong to one history deserve a second look.
    effects: [{ do: 'keepSuspect', code: 'GUARD_BEHIND' }],
  }
  const root = parseHash(floor.root)
  if (root === undefined || floor.size === head.checkpoint.size) return behind
  const tree: Tree = { size: floor.size, root }
  const relation = relationTo(tree, input)
  switch (relation.kind) {
    case 'prove':
      return { effects: [{ do: 'prove', of: relation.of, size: relation.size }] }
    case 'conflict': {
      const note = noteOf(floor.note)
      return note === undefined ? behind : onConflict(head, note, relation.prefix)
    }
    case 'consistent':
      if (head.checkpoint.size > floor.size) return { change: fromFloor(state, floor, tree), effects: [] }
      return blocked(state, input, 'GUARD_BEHIND')
    default:
      return behind
  }
}

/** Continues from the floor's tree: its head was signed before, and no later time may be below its own. */
function fromFloor(state: LogState, floor: Floor, tree: Tree): Change {
  const note = noteOf(floor.note)
  return {
    tree,
    note: note && spellNote({ text: note.text, signatures: note.signatures.slice(0, 1) }),
    floor: undefined,
    ...signedUntil(state, floor.time ?? 0, tree.size),
  }
}

/**
 * An old key in an emptied home: before it trusts a first head, that head must belong to one history with what chosen
 * peers show. If theirs is larger, it comes first, for it may be ours.
 */
function beforeFirstUse(shown: ProvenHead, input: HeadInput, at: Circumstances): Step | undefined {
  const { head } = input
  if (shown.size === head.checkpoint.size)
    return equalBytes(shown.root, head.checkpoint.root) ? undefined : onConflict(head, shown.note, undefined)
  const relation = relationTo(shown, input)
  switch (relation.kind) {
    case 'prove':
      return { effects: [{ do: 'prove', of: relation.of, size: relation.size }] }
    case 'conflict':
      return onConflict(head, shown.note, relation.prefix)
    case 'consistent': {
      if (shown.size < head.checkpoint.size) return undefined
      const floor = { size: shown.size, root: formatHash(shown.root), note: spellNote(shown.note), at: iso(at.now) }
      return { change: { floor }, effects: [] }
    }
    default:
      return suspect(head, relation.code)
  }
}

/** Our newest head again, perhaps with cosignatures that we lack. Ours is renewed if it is old or was asked for. */
function onKnown(state: LogState, input: HeadInput, at: Circumstances): Step {
  const { head, pushed } = input
  const known = outcome('known', head)
  const rest: Effect[] = [{ do: 'merge' }, { do: 'resolve' }]
  const obstacle =
    (at.frozen ? 'LOG_FROZEN' : at.obstacle) ?? (unmetFloor(state) === undefined ? undefined : 'GUARD_BEHIND')
  if (obstacle !== undefined) {
    return pushed === undefined
      ? { outcome: known, effects: rest }
      : { outcome: refused(head, obstacle), effects: [{ do: 'merge' }] }
  }
  const isDue = isRenewalDue(state, at)
  if (pushed === undefined && (!isDue || !head.canonical)) return { outcome: known, effects: rest }

  const signed = promise(state, head.checkpoint.size, at)
  const renewal: Effect[] = isDue ? [{ do: 'publish', what: 'renewal' }] : []
  if (state.note === undefined || !isSigned(state, at) || state.signed?.time !== signed.time)
    return {
      change: { note: spellNote(head.logNote), origin: head.log.origin, signed },
      outcome: known,
      effects: [{ do: 'cosign' }, ...renewal, ...rest],
    }
  // Times are in seconds: within one second it is the same cosignature, bit for bit, already promised on disk.
  const lines = at.keys.second === undefined ? 1 : 2
  const isWhole = at.made.length === lines && at.made.every(({ time }) => time === signed.time)
  return isWhole
    ? { outcome: { ...known, own: at.made }, effects: rest }
    : { outcome: known, effects: [{ do: 'cosign' }, ...renewal, ...rest] }
}

/** A head that contradicts another by the same key. One of size 0 with a non-empty root convicts the log by itself. */
function onConflict(
  head: SizedHead,
  other: Note | undefined,
  prefix: { root: Uint8Array; proof: readonly Uint8Array[] } | undefined,
): Step {
  if (other === undefined && head.checkpoint.size > 0) return suspect(head, 'HISTORY_MISSING')
  const evidence = makeSplitView(head.log.key, [head.logNote, other ?? head.logNote], prefix)
  // Padded beyond what an evidence file holds: people are alerted all the same.
  if (encodeEvidence(evidence).length > MAX_EVIDENCE_BYTES) {
    const { outcome: pending, effects } = suspect(head, 'NOTE_TOO_LARGE')
    return { outcome: pending!, effects: [...effects, { do: 'freezeForSuspect' }] }
  }
  return {
    outcome: outcome('conflict', head),
    effects: [{ do: 'raise', evidence }, { do: 'resolve' }, { do: 'compareWitnesses', as: 'lie' }],
  }
}

/** A head that could not be tied to our history yet: kept, and retried. */
function suspect(head: SizedHead, code: ErrorCode): Step {
  return { outcome: { ...outcome('pending', head), code }, effects: [{ do: 'keepSuspect', code }] }
}

// ---- marks -----------------------------------------------------------------------------------------------------

/**
 * What our keys are known to have signed or promised. The auditor's marks are handled separately; one that is larger
 * than our tree means that our witness held that head, too.
 */
function onMarks(state: LogState, marks: readonly Mark[], at: Circumstances): Step {
  if (at.obstacle === 'STATE_DISAGREES') return { effects: [] }
  const witnessed = onWitnessMarks(
    state,
    marks.filter(({ by, size }) => by === undefined || size > (state.tree?.size ?? -1)),
    at,
  )
  const audited = auditedAfter(state.audited, marks)
  if (audited === undefined) return witnessed
  const unknown = marks.filter((mark) => mark.by !== undefined && isNews(state.audited, mark))
  return {
    change: { ...witnessed.change, audited },
    effects: [...witnessed.effects, ...unknown.map(({ time }): Effect => ({ do: 'tellUnknown', time }))],
  }
}

/** A mark larger than our tree becomes the floor; the time of any other mark becomes a lower bound. */
function onWitnessMarks(state: LogState, marks: readonly Mark[], at: Circumstances): Step {
  const unknown = marks.filter(({ size, time }) => size > (state.tree?.size ?? -1) || time > (state.signed?.time ?? 0))
  if (unknown.length === 0) return { effects: [] }
  const effects = unknown.map(({ time }): Effect => ({ do: 'tellUnknown', time }))
  const latest = Math.max(...unknown.map(({ time }) => time))
  const highest = Math.max(state.tree?.size ?? -1, state.floor?.size ?? -1)
  const [largest] = unknown.filter(({ size }) => size > highest).sort((a, b) => b.size - a.size || b.time - a.time)
  if (largest === undefined) {
    const floor = state.floor && { ...state.floor, time: Math.max(latest, state.floor.time ?? 0) }
    const isNews =
      unmetFloor(state) === undefined ? latest > (state.signed?.time ?? 0) : floor?.time !== state.floor?.time
    if (!isNews) return { effects }
    return {
      change: unmetFloor(state) === undefined ? signedUntil(state, latest, state.tree?.size ?? 0) : { floor },
      effects,
    }
  }
  const { size, root, note } = largest
  const time = Math.max(latest, state.floor?.time ?? 0)
  return { change: { floor: { size, root: formatHash(root), note, at: iso(at.now), time } }, effects }
}

// ---- helpers ---------------------------------------------------------------------------------------------------

function outcome(kind: Outcome['kind'], { log, checkpoint }: SizedHead): Omit<Outcome, 'news'> {
  return { kind, log: log.id, size: checkpoint.size, root: checkpoint.root }
}

function refused(head: SizedHead, code: ErrorCode): Omit<Outcome, 'news'> {
  return { ...outcome('refused', head), code }
}

/** How the head relates to a tree of another size, by the proof that was asked for, if there is one yet. */
function relationTo(tree: Tree, input: HeadInput): ReturnType<typeof compareTrees> {
  const { checkpoint } = input.head
  const question = compareTrees(checkpoint, tree, undefined)
  return question.kind === 'prove' ? compareTrees(checkpoint, tree, answerTo(input, question)) : question
}

/** The answer to a question, if it was asked. */
function answerTo({ proofs }: HeadInput, question: { readonly of: Tree; readonly size: number }): Proof | undefined {
  return proofs.find(
    ({ of, size }) => size === question.size && of.size === question.of.size && equalBytes(of.root, question.of.root),
  )?.answer
}

function isAt(floor: Floor, { checkpoint }: SizedHead): boolean {
  return floor.size === checkpoint.size && floor.root === formatHash(checkpoint.root)
}

function noteOf(text: string | undefined): Note | undefined {
  return text === undefined ? undefined : parseNote(utf8(text))
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}
