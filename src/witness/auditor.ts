/**
 * The auditor's cosignatures, on heads that this node's witness has proven and kept, once an audit has read every
 * record below them and found none bad. audited.ts decides what may be signed. The order is that of every cosignature:
 * the promise in the journal, its deposit with chosen peers, the signature, and only then publication.
 *
 * Trusted: the caller, who vouches that the records were read; our disk, as far as the journal vouches for it.
 */
import { errorCode, type ErrorCode } from '../errors.js'
import { Serial } from '../lib/serial.js'
import type { Audited, LogState } from '../store/log-state.js'
import { cosignBy, type Cosignature } from '../tlog/cosignature.js'
import type { Hash } from '../tlog/hash.js'
import type { Tree } from '../tlog/merkle.js'
import { formatNote, type Note, type Signer } from '../tlog/note.js'
import { decideAudited } from './audited.js'
import type { ProvenHead } from './cosigned-head.js'
import type { Proof } from './decide.js'
import type { LogMemory } from './effects.js'
import { makePromise } from './promise.js'
import { isUnsigned, withLines, type PromiseDeposits } from './signing.js'

/** The auditor's key, and the parts of the barrier that are its own. */
export interface AuditorKey {
  readonly signer: Signer
  /** Why this key must not cosign this log: it is bound to another log of the same origin. */
  readonly obstacle: (log: string) => ErrorCode | undefined
  /** Keeps this key's promises. They are about other heads than the witness's, and are deposited separately. */
  readonly deposits?: PromiseDeposits
}

export interface AuditorOptions {
  readonly key: AuditorKey
  readonly kept: Pick<LogMemory, 'store' | 'cosigned'>
  /** Why nothing of this log may be signed now. */
  readonly standsInTheWay: (log: string) => ErrorCode | undefined
  /** Returns the root of the first `size` records of a tree, with its proof. */
  readonly prove: (log: string, of: Tree, size: number) => Promise<Proof>
  /** Whether our policy or a neighbour's counts the cosignatures of this key (vkey). */
  readonly isHeard: (vkey: string) => boolean
  readonly publish: (log: string, note: Uint8Array) => void
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** The result for an audited head: cosigned by this call, cosigned before, or the reason why not. */
export type AuditorOutcome = 'cosigned' | 'known' | ErrorCode

export class Auditor {
  readonly #options: AuditorOptions
  readonly #serial = new Serial()

  constructor(options: AuditorOptions) {
    this.#options = options
  }

  /**
   * Cosigns the kept head of this size of a log, whose records were all read and are all good. Throws
   * STORE_WRITE_FAILED, or whatever a bug throws; then nothing was signed.
   */
  cosign(log: string, size: number): Promise<AuditorOutcome> {
    return this.#serial.run(log, async () => {
      const head = await this.#options.kept.cosigned.at(log, size)
      return head === undefined ? 'HISTORY_MISSING' : this.#steps(log, head)
    })
  }

  async #steps(log: string, head: ProvenHead): Promise<AuditorOutcome> {
    const { key, kept, prove, now } = this.#options
    const { heads } = kept.store
    const { vkey } = key.signer.verifier
    let shown: { readonly size: number; readonly root: Hash } | undefined
    for (;;) {
      const state = heads.get(log)
      const decision = decideAudited(state, head, {
        now: Math.floor(now() / 1000),
        key: vkey,
        obstacle: this.#obstacle(log),
        root: shown !== undefined && shown.size === state.audited?.size ? shown.root : undefined,
      })
      switch (decision.kind) {
        case 'refused':
          return decision.code
        case 'prove': {
          const proof = await prove(log, head, decision.size)
          if ('failed' in proof) return proof.failed
          shown = { size: decision.size, root: proof.prefix.root }
          break
        }
        case 'promise': {
          const promised = { audited: decision.audited, origin: originOf(head.note) }
          const next = await heads.change(log, state, promised).catch(codeUnsigned)
          if (typeof next === 'string') return next
          if (next !== undefined) return this.#make(log, head, next, decision.audited)
          break
        }
        case 'promised':
          if (await this.#has(log, head.size)) return 'known'
          return this.#make(log, head, state, decision.audited)
      }
    }
  }

  /** Makes the cosignature that the state on disk promises, stores it with the others of the head, and publishes it. */
  async #make(log: string, { note }: ProvenHead, state: LogState, { time }: Audited): Promise<AuditorOutcome> {
    const { key, kept, isHeard, publish } = this.#options
    const { vkey } = key.signer.verifier
    const logNote: Note = { text: note.text, signatures: note.signatures.slice(0, 1) }
    try {
      await kept.store.heads.confirm(log, state)
      const kind = await this.#deposit(log, logNote, state, time)
      if (key.deposits?.required === true && kind !== 'deposited') return 'DEPOSIT_WAITING'
      // While waiting for peers, the log may have been convicted, or another node with this key seen.
      const obstacle = this.#obstacle(log)
      if (obstacle !== undefined) return obstacle
      const line: Cosignature = await cosignBy(note.text, time, key.signer)
      await kept.cosigned.merge(log, logNote, new Map([[vkey, line]]))
      const cosigned = formatNote(withLines(logNote, [line]))
      if (key.deposits?.hasChosen === true) key.deposits.released(log, cosigned)
      if (isHeard(vkey)) publish(log, cosigned)
      return 'cosigned'
    } catch (error) {
      return codeUnsigned(error)
    }
  }

  async #deposit(log: string, logNote: Note, { seq }: LogState, time: number): Promise<string> {
    const { signer, deposits } = this.#options.key
    if (deposits?.hasChosen !== true) return 'nobody'
    return deposits.deposit(log, [await makePromise(signer, { log, seq, time, head: formatNote(logNote) })])
  }

  /** Whether we hold the auditor's cosignature of the head of this size. */
  async #has(log: string, size: number): Promise<boolean> {
    const { key, kept } = this.#options
    const head = await kept.cosigned.cosignedAt(log, size)
    return head?.cosignatures.has(key.signer.verifier.vkey) === true
  }

  #obstacle(log: string): ErrorCode | undefined {
    return this.#options.standsInTheWay(log) ?? this.#options.key.obstacle(log)
  }
}

function originOf({ text }: Note): string {
  return text.slice(0, text.indexOf('\n'))
}

/** Why nothing was signed. Rethrows any other error. */
function codeUnsigned(error: unknown): ErrorCode {
  if (!isUnsigned(error)) throw error
  return errorCode(error)
}
