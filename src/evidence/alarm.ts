/**
 * The alarm: what happens when a log is proven to misbehave. Keep the evidence, freeze the log, tell everybody; in
 * this order, so that a crash in between leaves a node that knows.
 */
import { GossumError } from '../errors.js'
import { fromUtf8 } from '../tlog/bytes.js'
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
  /** Tells about new evidence: the mesh, the events, the metrics. */
  readonly tell: (conviction: Conviction, file: Uint8Array, source: 'found' | 'received') => void
  readonly now: () => number
}

export class Alarm {
  readonly #parts: AlarmParts
  readonly #counts = new Map<string, number>()
  /** Evidence is kept one after another: the same file may come through several doors at once. */
  #tail: Promise<unknown> = Promise.resolve()

  private constructor(parts: AlarmParts) {
    this.#parts = parts
  }

  /** Starts the alarm: every log with kept evidence is frozen, also when a crash came between keeping and freezing. */
  static async start(parts: AlarmParts): Promise<Alarm> {
    const alarm = new Alarm(parts)
    for (const { id, log } of await parts.shelf.list()) {
      alarm.#counts.set(log, (alarm.#counts.get(log) ?? 0) + 1)
      if (parts.keys.has(log)) await parts.freeze(log, id)
    }
    return alarm
  }

  /** Raises the alarm with evidence that this node made. Returns its id. */
  async raise(evidence: Evidence): Promise<string> {
    const conviction = verifyEvidence(evidence, [...this.#parts.keys.values()])
    await this.#keep(conviction, encodeEvidence(evidence), 'found')
    return conviction.id
  }

  /** Takes evidence from somebody else: nothing in it is believed before it is verified. */
  async receive(log: string, file: Uint8Array): Promise<'new' | 'known' | 'invalid'> {
    const key = this.#parts.keys.get(log)
    let conviction: Conviction
    try {
      conviction = verifyEvidence(parseEvidence(file), key === undefined ? [] : [key])
    } catch (error) {
      if (error instanceof GossumError) return 'invalid'
      throw error
    }
    if (conviction.log !== log) return 'invalid'
    return (await this.#keep(conviction, file, 'received')) ? 'new' : 'known'
  }

  #keep(conviction: Conviction, file: Uint8Array, source: 'found' | 'received'): Promise<boolean> {
    const kept = this.#tail.then(() => this.#keepNext(conviction, file, source))
    this.#tail = kept.catch(() => undefined)
    return kept
  }

  async #keepNext(conviction: Conviction, file: Uint8Array, source: 'found' | 'received'): Promise<boolean> {
    const { id, type, log, sizes } = conviction
    const { shelf, freeze, isFrozen, tell, now } = this.#parts
    if ((await shelf.get(id)) !== undefined) {
      // The disk may have failed between keeping it and freezing the log.
      await freeze(log, id)
      return false
    }
    const count = this.#counts.get(log) ?? 0
    if (count >= MAX_EVIDENCE_PER_LOG && isFrozen(log)) return false
    await shelf.put({ id, type, log, sizes, seenAt: new Date(now()).toISOString(), text: fromUtf8(file)! })
    this.#counts.set(log, count + 1)
    try {
      await freeze(log, id)
    } finally {
      tell(conviction, file, source)
    }
    return true
  }
}
