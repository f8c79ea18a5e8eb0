/**
 * Finds witnesses that cosigned two histories. When a head contradicts ours, its cosigners are looked up among the
 * heads that we hold. Cosigners that we have no cosignature of yet are remembered, since it may arrive later.
 */
import { makeWitnessConflict, type Evidence } from '../evidence/evidence.js'
import { equalBytes } from '../tlog/bytes.js'
import type { Cosignature } from '../tlog/cosignature.js'
import { EMPTY_ROOT } from '../tlog/hash.js'
import type { Tree } from '../tlog/merkle.js'
import type { Note, VerifierKey } from '../tlog/note.js'
import type { CosignedHeads } from './cosigned.js'
import type { Prefix } from './decide.js'
import type { FollowedLog, Prover } from './prover.js'

/** A head with the cosignatures of its witnesses. */
export interface WitnessedHead extends Tree {
  /** The text with the log's line only. */
  readonly logNote: Note
  readonly cosignatures: ReadonlyMap<string, Cosignature>
}

export interface LiarsParts {
  readonly cosigned: CosignedHeads
  readonly prover: Prover
  /** Witnesses that our policy counts, and this node. */
  readonly counted: readonly VerifierKey[]
  /** Witnesses that our neighbours count now: their equivocation affects the neighbours' quorums, not ours. */
  readonly relayed: () => readonly VerifierKey[]
  readonly alarm: (evidence: Evidence) => Promise<unknown>
}

/** Conflicting heads remembered for witnesses that only neighbours count: 16 MiB at most, at up to 64 KiB each. */
const MAX_RELAYED_LIES = 256

export class WitnessEquivocations {
  readonly #parts: LiarsParts
  /** The newest head that contradicts our history, by log and witness: for counted witnesses, and for the others. */
  readonly #countedLies = new Map<string, WitnessedHead>()
  readonly #relayedLies = new Map<string, WitnessedHead>()

  constructor(parts: LiarsParts) {
    this.#parts = parts
  }

  /** Handles a head that contradicts our history, and the peer that brought it. */
  async sawLie(log: FollowedLog, lie: WitnessedHead, peer: string | undefined): Promise<void> {
    const { cosigned } = this.#parts
    for (const key of this.#suspected()) {
      if (!lie.cosignatures.has(key.vkey)) continue
      this.#note(log, key, lie)
      const current = cosigned.current(log.id)
      const held =
        current?.cosignatures.has(key.vkey) === true ? current : await cosigned.signers.largestBy(log.id, key.vkey)
      if (held !== undefined) await this.#compare(log, key, lie, { ...held, logNote: bareOf(held.note) }, peer)
    }
  }

  /** Handles cosignatures that were merged into our history. */
  async sawTruth(log: FollowedLog, head: WitnessedHead): Promise<void> {
    for (const key of this.#suspected()) {
      const lie = head.cosignatures.has(key.vkey) ? this.#lies(key).get(`${log.id} ${key.vkey}`) : undefined
      if (lie !== undefined) await this.#compare(log, key, lie, head, undefined)
    }
  }

  #suspected(): VerifierKey[] {
    return [...this.#parts.counted, ...this.#parts.relayed()]
  }

  #lies({ vkey }: VerifierKey): Map<string, WitnessedHead> {
    return this.#parts.counted.some((key) => key.vkey === vkey) ? this.#countedLies : this.#relayedLies
  }

  #note(log: FollowedLog, key: VerifierKey, lie: WitnessedHead): void {
    const lies = this.#lies(key)
    const id = `${log.id} ${key.vkey}`
    lies.delete(id)
    lies.set(id, lie)
    if (this.#relayedLies.size > MAX_RELAYED_LIES) this.#makeRoom()
  }

  /**
   * Keys that we do not count can be anyone's, in any number. So the oldest head of the log with the most entries is
   * evicted: a log that equivocates without end cannot displace what another did.
   */
  #makeRoom(): void {
    const ofLog = new Map<string, string[]>()
    for (const id of this.#relayedLies.keys()) {
      const log = id.slice(0, id.indexOf(' '))
      const ids = ofLog.get(log)
      if (ids === undefined) ofLog.set(log, [id])
      else ids.push(id)
    }
    const [most] = [...ofLog.values()].sort((a, b) => b.length - a.length)
    this.#relayedLies.delete(most![0]!)
  }

  async #compare(
    log: FollowedLog,
    key: VerifierKey,
    a: WitnessedHead,
    b: WitnessedHead,
    peer: string | undefined,
  ): Promise<void> {
    const [smaller, larger] = a.size < b.size ? [a, b] : [b, a]
    let prefix: Prefix | undefined
    if (smaller.size === larger.size) {
      if (equalBytes(smaller.root, larger.root)) return
    } else if (smaller.size === 0) {
      if (equalBytes(smaller.root, EMPTY_ROOT)) return
    } else {
      const proof = await this.#parts.prover.prove(log, larger, smaller.size, peer, undefined)
      if ('failed' in proof || equalBytes(proof.prefix.root, smaller.root)) return
      prefix = proof.prefix
    }
    const notes: [Note, Note] = [withLine(smaller, key), withLine(larger, key)]
    await this.#parts.alarm(makeWitnessConflict(log.key, key, notes, prefix))
  }
}

function bareOf({ text, signatures }: Note): Note {
  return { text, signatures: signatures.slice(0, 1) }
}

function withLine({ logNote, cosignatures }: WitnessedHead, key: VerifierKey): Note {
  return { text: logNote.text, signatures: [...logNote.signatures, cosignatures.get(key.vkey)!.signature] }
}
