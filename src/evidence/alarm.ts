/**
 * The alarm: what happens when a log or a witness is proven to misbehave. Keep the evidence, freeze the log or count
 * the witness no more, tell everybody; in this order, so that a crash in between leaves a node that knows.
 */
import { GossumError } from '../errors.js'
import { fromUtf8, toHex, utf8 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import { parseNote, type VerifierKey } from '../tlog/note.js'
import {
  encodeEvidence,
  parseEvidence,
  splitViewOf,
  verifyEvidence,
  WITNESS_CONFLICT,
  type Conviction,
  type Evidence,
} from './evidence.js'

/** Split views kept of a log that is frozen already. One convicts; the rest tells how far it went. */
const MAX_EVIDENCE_PER_LOG = 64
/** Conflicts kept for one log of witnesses that only neighbours count, beside those that were acknowledged. */
const MAX_RELAYED_CONFLICTS = 64

export interface KeptEvidence {
  readonly id: string
  readonly type: string
  readonly log: string
  /** Verifier key of the witness that it convicts; absent when that is the log. */
  readonly witness?: string
  readonly sizes: readonly [number, number]
  readonly seenAt: string
  readonly text: string
}

/** A witness that one evidence file convicts. */
export interface KeptConviction {
  readonly id: string
  readonly witness: string
  readonly log: string
  /** Hashes (hex) of the checkpoint texts that it should not have cosigned: one, or two when neither is ours. */
  readonly lies: readonly string[]
  readonly acked: boolean
}

export interface AlarmParts {
  /** The logs that are followed: log id -> key. Nothing else is believed. */
  readonly keys: ReadonlyMap<string, VerifierKey>
  /** The witnesses that this node counts: those of its policy, and itself. */
  readonly witnesses: () => readonly VerifierKey[]
  /**
   * Those that its neighbours count, now, each neighbour's in turn. What convicts them changes nothing here; it is kept
   * and passed on for those who count them. Nobody else is convicted.
   */
  readonly relayed: () => readonly VerifierKey[]
  readonly shelf: {
    get(id: string): Promise<KeptEvidence | undefined>
    put(evidence: KeptEvidence): Promise<void>
    del(id: string): Promise<void>
    list(): Promise<KeptEvidence[]>
  }
  readonly convictions: {
    convicted(): ReadonlySet<string>
    get(id: string): KeptConviction | undefined
    list(): readonly KeptConviction[]
    put(conviction: KeptConviction): Promise<void>
    del(id: string): Promise<void>
  }
  /** Freezes the log until the operator acknowledges `id`; durable when it returns. */
  readonly freeze: (log: string, id: string) => Promise<void>
  readonly isFrozen: (log: string) => boolean
  /** Whether a head of evidence, as a note, is one that we proved ourselves. */
  readonly isOurs: (log: string, head: string) => Promise<boolean>
  /** Finds the quorum heads anew: other witnesses are convicted than before. */
  readonly reconsider: () => Promise<void>
  /** Tells about new evidence: the mesh, the events, the metrics. */
  readonly tell: (conviction: Conviction, file: Uint8Array, source: Source) => void
  readonly now: () => number
}

type Source = 'found' | 'received'

/** What became of evidence: the id is that of earlier evidence if it is about the same lie. */
interface Kept {
  readonly id: string
  readonly isNew: boolean
}

/** What became of evidence that came from somebody else. */
export type Fate = 'new' | 'known' | 'invalid' | 'unknown'

/** The same, and what can be said about it. */
export interface Received {
  readonly fate: Fate
  /** Its id, or that of earlier evidence about the same lie; null when it was not verified. */
  readonly id: string | null
  /** Why it was not taken. */
  readonly refusal?: GossumError
}

export class Alarm {
  readonly #parts: AlarmParts
  /** Split views kept, by log. */
  readonly #counts = new Map<string, number>()
  /**
   * Heads that kept evidence convicts, by log: head -> evidence id. One lie makes new evidence with every head of ours,
   * and whoever holds it can show it again: the operator who let it go once is not asked again.
   */
  readonly #lies = new Map<string, Map<string, string>>()
  /** Evidence is kept one after another: the same file may come through several doors at once. */
  #tail: Promise<unknown> = Promise.resolve()

  private constructor(parts: AlarmParts) {
    this.#parts = parts
  }

  /**
   * Starts the alarm: what kept evidence convicts is frozen or counts no more, also when a crash came between keeping
   * the one and noting the other. To be called before quorum heads are loaded.
   */
  static async start(parts: AlarmParts): Promise<Alarm> {
    const alarm = new Alarm(parts)
    for (const { id, log, witness, text } of await parts.shelf.list()) {
      const evidence = readKept(text)
      if (witness !== undefined) {
        if (parts.convictions.get(id) === undefined)
          await parts.convictions.put({ id, witness, log, lies: await alarm.#liesOf(log, evidence), acked: false })
        continue
      }
      alarm.#counts.set(log, (alarm.#counts.get(log) ?? 0) + 1)
      if (evidence !== undefined) await alarm.#noteLies(log, id, evidence)
      if (parts.keys.has(log)) await parts.freeze(log, id)
    }
    return alarm
  }

  /** Verifier keys of the witnesses whose cosignatures do not count, until their conviction is acknowledged. */
  convicted(): ReadonlySet<string> {
    return this.#parts.convictions.convicted()
  }

  /** Lets a witness count again, on the operator's word. False when no witness is convicted by evidence of this id. */
  acknowledge(id: string): Promise<boolean> {
    return this.#serialised(async () => {
      const conviction = this.#parts.convictions.get(id)
      if (conviction === undefined) return false
      await this.#parts.convictions.put({ ...conviction, acked: true })
      await this.#parts.reconsider()
      return true
    })
  }

  /** Raises the alarm with evidence that this node made. The id is that of earlier evidence if it is about the same lie. */
  raise(evidence: Evidence): Promise<Kept> {
    const conviction = this.#verify(evidence)
    return this.#serialised(async () => {
      if (evidence.type !== WITNESS_CONFLICT) return this.#keepSplitView(conviction, evidence, 'found')
      const split = splitViewOf(evidence)
      await this.#keepSplitView(this.#verify(split), split, 'found')
      return (await this.#keepConflict(conviction, evidence, 'found')) ?? { id: conviction.id, isNew: false }
    })
  }

  /**
   * Takes evidence from somebody else: nothing in it is believed before it is verified. `unknown` is about a log or a
   * witness that this node does not know, of a type that it does not know, or about one witness too many that only
   * neighbours count: it does not judge it, and it is nobody's fault.
   */
  async receive(log: string, file: Uint8Array): Promise<Fate> {
    return (await this.#receive(file, log)).fate
  }

  /** The same for evidence that comes without a log id: what it is about is the log whose key it names. */
  take(file: Uint8Array): Promise<Received> {
    return this.#receive(file)
  }

  async #receive(file: Uint8Array, log?: string): Promise<Received> {
    const evidence = attempt(() => parseEvidence(file))
    if (evidence instanceof GossumError) return refused(evidence)
    if (evidence.type === WITNESS_CONFLICT) {
      // The log signed both heads, whoever the witness is, and whether the witness cosigned them or not.
      const split = attempt(() => splitViewOf(evidence))
      if (!(split instanceof GossumError)) await this.#judge(split, log)
    }
    return this.#judge(evidence, log)
  }

  async #judge(evidence: Evidence, log: string | undefined): Promise<Received> {
    const conviction = attempt(() => this.#verify(evidence))
    if (conviction instanceof GossumError) return refused(conviction)
    const isAbout = log === undefined ? this.#parts.keys.has(conviction.log) : conviction.log === log
    if (!isAbout) return refused(new GossumError('EVIDENCE_UNPROVEN', `it is about the log ${conviction.log}`))
    const kept = await this.#serialised<Kept | undefined>(() =>
      evidence.type === WITNESS_CONFLICT
        ? this.#keepConflict(conviction, evidence, 'received')
        : this.#keepSplitView(conviction, evidence, 'received'),
    )
    if (kept === undefined) return { fate: 'unknown', id: conviction.id }
    return { fate: kept.isNew ? 'new' : 'known', id: kept.id }
  }

  #verify(evidence: Evidence): Conviction {
    const { keys, witnesses, relayed } = this.#parts
    return verifyEvidence(evidence, [...keys.values(), ...witnesses(), ...relayed()])
  }

  #serialised<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(act)
    this.#tail = done.catch(() => undefined)
    return done
  }

  async #keepSplitView(conviction: Conviction, evidence: Evidence, source: Source): Promise<Kept> {
    const { id, log } = conviction
    const { shelf, freeze, isFrozen, tell } = this.#parts
    const known = (await shelf.get(id))?.id ?? this.#knownLie(log, evidence)
    if (known !== undefined) {
      // The disk may have failed between keeping it and freezing the log.
      await freeze(log, known)
      return { id: known, isNew: false }
    }
    const count = this.#counts.get(log) ?? 0
    if (count >= MAX_EVIDENCE_PER_LOG && isFrozen(log)) return { id, isNew: false }
    const file = await this.#shelve(conviction, evidence)
    this.#counts.set(log, count + 1)
    await this.#noteLies(log, id, evidence)
    try {
      await freeze(log, id)
    } finally {
      tell(conviction, file, source)
    }
    return { id, isNew: true }
  }

  /**
   * Convicts a witness. It can make files without end, so one is kept until it is acknowledged; and what the operator
   * let go once does not convict it again. Undefined when there is no room for one of a witness that nobody here counts.
   */
  async #keepConflict(conviction: Conviction, evidence: Evidence, source: Source): Promise<Kept | undefined> {
    const { id, log } = conviction
    const { convictions, reconsider, tell } = this.#parts
    const witness = conviction.witness!.vkey
    const texts = evidence.heads.map(textHash)
    const known = convictions
      .list()
      .filter((other) => other.witness === witness && other.log === log)
      .find(({ id: other, lies, acked }) => !acked || other === id || covers(texts, lies))
    if (known !== undefined) return { id: known.id, isNew: false }
    const displaced = this.#displacedBy(witness, log)
    if (displaced === undefined) return undefined
    const file = await this.#shelve(conviction, evidence)
    try {
      await convictions.put({ id, witness, log, lies: await this.#liesOf(log, evidence), acked: false })
      await reconsider()
      for (const old of displaced) await this.#forget(old)
    } finally {
      tell(conviction, file, source)
    }
    return { id, isNew: true }
  }

  /**
   * What makes room for a conflict of this witness, if anything has to; undefined when nothing does. Each log has a room
   * of its own, for it is the log that signs all of this. In it witnesses go in the order of their turns: whatever one
   * neighbour names, the first keys of the others come before its last. Those that count need no room.
   */
  #displacedBy(witness: string, log: string): readonly KeptConviction[] | undefined {
    const counted = new Set(this.#parts.witnesses().map(({ vkey }) => vkey))
    if (counted.has(witness)) return []
    const turns = new Map(this.#parts.relayed().map(({ vkey }, turn) => [vkey, turn]))
    // Whom nobody asks for any more comes last.
    const turnOf = (vkey: string): number => turns.get(vkey) ?? turns.size
    const last = this.#parts.convictions
      .list()
      .filter((other) => other.log === log && !other.acked && !counted.has(other.witness))
      .sort((a, b) => turnOf(a.witness) - turnOf(b.witness))
      .slice(MAX_RELAYED_CONFLICTS - 1)
    return last.every((other) => turnOf(other.witness) > turnOf(witness)) ? last : undefined
  }

  /** In this order: what a crash leaves of it convicts again at the next start. */
  async #forget({ id }: KeptConviction): Promise<void> {
    await this.#parts.convictions.del(id)
    await this.#parts.shelf.del(id)
  }

  async #shelve({ id, type, log, sizes, witness }: Conviction, evidence: Evidence): Promise<Uint8Array> {
    const file = encodeEvidence(evidence)
    await this.#parts.shelf.put({
      id,
      type,
      log,
      ...(witness && { witness: witness.vkey }),
      sizes,
      seenAt: new Date(this.#parts.now()).toISOString(),
      text: fromUtf8(file)!,
    })
    return file
  }

  /** Evidence that is kept about one of these heads. */
  #knownLie(log: string, evidence: Evidence): string | undefined {
    const lies = this.#lies.get(log)
    return evidence.heads.map((head) => lies?.get(head)).find((id) => id !== undefined)
  }

  /** Of two heads that contradict each other, the one that is not ours is the lie; unless neither is. */
  async #noteLies(log: string, id: string, { heads }: Evidence): Promise<void> {
    const ours = await Promise.all(heads.map((head) => this.#parts.isOurs(log, head)))
    if (!ours.includes(true)) return
    const lies = this.#lies.get(log) ?? new Map<string, string>()
    this.#lies.set(log, lies)
    heads.forEach((head, i) => {
      if (ours[i] === false) lies.set(head, id)
    })
  }

  /** What a witness should not have cosigned: the head that is not ours, or both. Nothing of a damaged file. */
  async #liesOf(log: string, evidence: Evidence | undefined): Promise<string[]> {
    const heads = evidence?.heads ?? []
    const ours = await Promise.all(heads.map((head) => this.#parts.isOurs(log, head)))
    return heads.filter((_, i) => ours[i] === false).map(textHash)
  }
}

/** The hash of a head's checkpoint text, whatever lines it carries. */
function textHash(head: string): string {
  return toHex(sha256(utf8(parseNote(utf8(head)).text)))
}

function covers(texts: readonly string[], lies: readonly string[]): boolean {
  return lies.length > 0 && lies.every((lie) => texts.includes(lie))
}

/** What is about somebody unknown is nobody's fault. */
function refused(refusal: GossumError): Received {
  const { code } = refusal
  const isUnknown = code === 'LOG_UNKNOWN' || code === 'WITNESS_UNKNOWN' || code === 'EVIDENCE_FOREIGN'
  return { fate: isUnknown ? 'unknown' : 'invalid', id: null, refusal }
}

/** What the act returns, or the refusal that it throws. */
function attempt<T>(act: () => T): T | GossumError {
  try {
    return act()
  } catch (error) {
    if (error instanceof GossumError) return error
    throw error
  }
}

/** Kept evidence, unless the disk damaged it: it convicts all the same, by its id. */
function readKept(text: string): Evidence | undefined {
  const evidence = attempt(() => parseEvidence(utf8(text)))
  return evidence instanceof GossumError ? undefined : evidence
}
