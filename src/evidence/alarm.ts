/**
 * The alarm: what happens when a log is proven to misbehave. Keep the evidence, freeze the log, tell everybody; in
 * this order, so that a crash in between leaves a node that knows.
 */
import { GossumError } from '../errors.js'
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import type { VerifierKey } from '../tlog/note.js'
import { encodeEvidence, parseEvidence, verifyEvidence, type Conviction, type Evidence } from './evidence.js'

/** Evidence kept of a log that is frozen already. One convicts; the rest tells how far it went. */
const MAX_EVIDENCE_PER_LOG = 64

export interface KeptEvidence {
  readonly id: string
  readonly type: string
  readonly log: string
  readonly sizes: readonly [number, number]
  readonly seenAt: string
  readonly text: string
}

export interface AlarmParts {
  /** The logs that are followed: log id -> key. Nothing else is believed. */
  readonly keys: ReadonlyMap<string, VerifierKey>
  readonly shelf: {
    get(id: string): Promise<KeptEvidence | undefined>
    put(evidence: KeptEvidence): Promise<void>
    list(): Promise<KeptEvidence[]>
  }
  /** Freezes the log until the operator acknowledges `id`; durable when it returns. */
  readonly freeze: (log: string, id: string) => Promise<void>
  readonly isFrozen: (log: string) => boolean
  /** Whether a head of evidence, as a note, is one that we proved ourselves. */
  readonly isOurs: (log: string, head: string) => Promise<boolean>
  /** Tells about new evidence: the mesh, the events, the metrics. */
  readonly tell: (conviction: Conviction, file: Uint8Array, source: 'found' | 'received') => void
  readonly now: () => number
}

export class Alarm {
  readonly #parts: AlarmParts
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

  /** Starts the alarm: every log with kept evidence is frozen, also when a crash came between keeping and freezing. */
  static async start(parts: AlarmParts): Promise<Alarm> {
    const alarm = new Alarm(parts)
    for (const { id, log, text } of await parts.shelf.list()) {
      alarm.#counts.set(log, (alarm.#counts.get(log) ?? 0) + 1)
      const evidence = readKept(text)
      if (evidence !== undefined) await alarm.#noteLies(log, id, evidence)
      if (parts.keys.has(log)) await parts.freeze(log, id)
    }
    return alarm
  }

  /** Raises the alarm with evidence that this node made. The id is that of earlier evidence if it is about the same lie. */
  raise(evidence: Evidence): Promise<{ id: string; isNew: boolean }> {
    const conviction = verifyEvidence(evidence, [...this.#parts.keys.values()])
    return this.#keep(conviction, evidence, 'found')
  }

  /** Takes evidence from somebody else: nothing in it is believed before it is verified. */
  async receive(log: string, file: Uint8Array): Promise<'new' | 'known' | 'invalid'> {
    const key = this.#parts.keys.get(log)
    let evidence: Evidence
    let conviction: Conviction
    try {
      evidence = parseEvidence(file)
      conviction = verifyEvidence(evidence, key === undefined ? [] : [key])
    } catch (error) {
      if (error instanceof GossumError) return 'invalid'
      throw error
    }
    if (conviction.log !== log) return 'invalid'
    return (await this.#keep(conviction, evidence, 'received')).isNew ? 'new' : 'known'
  }

  #keep(
    conviction: Conviction,
    evidence: Evidence,
    source: 'found' | 'received',
  ): Promise<{ id: string; isNew: boolean }> {
    const kept = this.#tail.then(() => this.#keepNext(conviction, evidence, source))
    this.#tail = kept.catch(() => undefined)
    return kept
  }

  async #keepNext(
    conviction: Conviction,
    evidence: Evidence,
    source: 'found' | 'received',
  ): Promise<{ id: string; isNew: boolean }> {
    const { id, type, log, sizes } = conviction
    const { shelf, freeze, isFrozen, tell, now } = this.#parts
    const known = (await shelf.get(id))?.id ?? this.#knownLie(log, evidence)
    if (known !== undefined) {
      // The disk may have failed between keeping it and freezing the log.
      await freeze(log, known)
      return { id: known, isNew: false }
    }
    const count = this.#counts.get(log) ?? 0
    if (count >= MAX_EVIDENCE_PER_LOG && isFrozen(log)) return { id, isNew: false }
    const file = encodeEvidence(evidence)
    await shelf.put({ id, type, log, sizes, seenAt: new Date(now()).toISOString(), text: fromUtf8(file)! })
    this.#counts.set(log, count + 1)
    await this.#noteLies(log, id, evidence)
    try {
      await freeze(log, id)
    } finally {
      tell(conviction, file, source)
    }
    return { id, isNew: true }
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
}

/** Kept evidence, unless the disk damaged it: it freezes its log all the same, by its id. */
function readKept(text: string): Evidence | undefined {
  try {
    return parseEvidence(utf8(text))
  } catch (error) {
    if (error instanceof GossumError) return undefined
    throw error
  }
}
