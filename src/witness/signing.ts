/**
 * Makes the cosignatures that the state on disk promises: the promise is deposited with the peers that remember it,
 * then signed, then stored. Only then may the cosignature be published. One that was promised and could not be made is
 * owed, and is made when the key is available again.
 */
import { errorCode, GossumError, traitsOf, type ErrorCode } from '../errors.js'
import { type LogState } from '../store/heads.js'
import { toHex, utf8 } from '../tlog/bytes.js'
import { cosignBy, type Cosignature } from '../tlog/cosignature.js'
import { formatNote, parseNote, type Note, type Signer } from '../tlog/note.js'
import type { CosignedHeads } from './cosigned.js'
import type { Promised } from './deposit-ledger.js'
import { makePromise, type WitnessPromise } from './promise.js'
import { isSigned } from './signed.js'
import type { Circumstances } from './step-types.js'

/** Our keys that cosign a log: the first, and an ML-DSA-44 key if there is one. */
export interface LogSigners {
  of(log: string): readonly Signer[]
}

/** Where promises are deposited before signing (deposits.ts). */
export interface PromiseDeposits {
  /** Whether nothing may be signed without a deposit. */
  readonly required: boolean
  /** Whether there are chosen peers. */
  readonly hasChosen: boolean
  /** Whether a cosignature of this tree and time needs no new deposit. */
  isDeposited(log: string, promised: Promised): boolean
  deposit(log: string, promises: readonly WitnessPromise[]): Promise<'deposited' | 'undeposited' | 'nobody'>
  /** A cosigned head was published: chosen peers get our line, whether or not any policy counts it. */
  released(log: string, note: Uint8Array): void
}

/** Whether this is not a failure but a reason not to sign now: the promise is on disk, and the cosignature is owed. */
export function isUnsigned(error: unknown): boolean {
  return traitsOf(errorCode(error)).fault === 'signing'
}

/** Our cosignatures of one head, all with the same time: by our first key, then by the second if there is one. */
export type Made = readonly Cosignature[]

export interface SigningParts {
  readonly keyring: LogSigners
  readonly cosigned: CosignedHeads
  readonly deposits: PromiseDeposits | undefined
  /** What prevents a signature right now. */
  readonly obstacle: (log: string) => ErrorCode | undefined
  /** Resolves when the state is final for every machine that has the key (store/heads.ts). */
  readonly confirm: (log: string, state: LogState) => Promise<void>
}

export class Signing {
  readonly #keyring: LogSigners
  readonly #cosigned: CosignedHeads
  readonly #deposits: PromiseDeposits | undefined
  readonly #obstacle: (log: string) => ErrorCode | undefined
  readonly #confirm: (log: string, state: LogState) => Promise<void>
  /** Logs whose promised cosignature could not be made or stored. */
  readonly #owed = new Set<string>()

  constructor({ keyring, cosigned, deposits, obstacle, confirm }: SigningParts) {
    this.#keyring = keyring
    this.#cosigned = cosigned
    this.#deposits = deposits
    this.#obstacle = obstacle
    this.#confirm = confirm
  }

  /** Logs whose newest head lacks a cosignature that was promised. */
  get owed(): ReadonlySet<string> {
    return this.#owed
  }

  /** The keys that cosign a log, as a promise names them: a full ML-DSA key would be larger than everything else. */
  keysOf(log: string): Circumstances['keys'] {
    const [first, second] = this.#keyring.of(log)
    return {
      key: first?.verifier.vkey ?? '',
      ...(second !== undefined && { second: `${second.verifier.name}+${second.verifier.keyId}` }),
    }
  }

  /** Of these cosignatures, those by our keys for this log, the first key's first. */
  ownIn(log: string, cosignatures: ReadonlyMap<string, Cosignature> | undefined): Cosignature[] {
    return this.#keyring.of(log).flatMap(({ verifier }) => cosignatures?.get(verifier.vkey) ?? [])
  }

  /** Why nothing can be signed for a log now, if one of its keys is unavailable. */
  unavailable(log: string): GossumError | undefined {
    return this.#keyring.of(log).find(({ unavailable }) => unavailable !== undefined)?.unavailable
  }

  /**
   * Makes the cosignatures that the state on disk promises, for the head that it holds, and stores them together with
   * `others`. Throws STORE_WRITE_FAILED, or a code whose fault is `signing` if nothing was signed: then they are owed.
   */
  async cosign(log: string, state: LogState, logNote: Note, others: ReadonlyMap<string, Cosignature>): Promise<Made> {
    try {
      await this.#confirm(log, state)
      await this.#deposit(log, state, logNote)
      const own = new Map<string, Cosignature>()
      for (const signer of this.#keyring.of(log)) {
        // While waiting for disk, peers or an agent, the log may have been convicted, or a twin seen.
        const obstacle = this.#obstacle(log)
        if (obstacle !== undefined) throw new GossumError(obstacle)
        own.set(signer.verifier.vkey, await cosignBy(logNote.text, state.signed!.time, signer))
      }
      await this.#cosigned.install(log, logNote, new Map([...others, ...own]))
      this.#owed.delete(log)
      const made = [...own.values()]
      if (this.#deposits?.hasChosen === true) this.#deposits.released(log, formatNote(withLines(logNote, made)))
      return made
    } catch (error) {
      this.#owed.add(log)
      throw error
    }
  }

  /**
   * Makes the cosignature that was promised on disk again, bit for bit, in case a crash came before it was stored. It
   * stays owed while the key is unavailable or may not sign.
   */
  async resume(log: string, state: LogState, maySign: boolean): Promise<void> {
    if (state.note === undefined || !isSigned(state, { keys: this.keysOf(log) })) return
    const note = parseNote(utf8(state.note))
    const held = this.#cosigned.current(log)
    const kept = held?.note.text === note.text ? this.ownIn(log, held.cosignatures) : []
    const isKept = kept.length === this.#keyring.of(log).length && kept.every(({ time }) => time === state.signed!.time)
    if (!isKept) this.#owed.add(log)
    if (isKept || !maySign || this.unavailable(log) !== undefined) return
    try {
      await this.cosign(log, state, note, new Map())
    } catch (error) {
      if (!isUnsigned(error)) throw error
    }
  }

  /** The state has a tree and promises a cosignature of it. */
  async #deposit(log: string, { seq, tree, signed }: LogState, logNote: Note): Promise<void> {
    const deposits = this.#deposits
    if (deposits === undefined) return
    const { time } = signed!
    if (deposits.isDeposited(log, { size: tree!.size, root: toHex(tree!.root), time })) return
    let result: 'deposited' | 'undeposited' | 'nobody' = 'nobody'
    if (deposits.hasChosen) {
      const head = { log, seq, time, head: formatNote(logNote) }
      const promises: WitnessPromise[] = []
      for (const signer of this.#keyring.of(log)) promises.push(await makePromise(signer, head))
      result = await deposits.deposit(log, promises)
    }
    if (deposits.required && result !== 'deposited') throw new GossumError('DEPOSIT_WAITING')
  }

  /**
   * Deposits again what an earlier run signed: its peers may have been away then. For peers that already keep it, this
   * costs one lookup.
   */
  async redeposit(log: string, state: LogState): Promise<void> {
    if (state.note === undefined || !isSigned(state, { keys: this.keysOf(log) })) return
    try {
      await this.#deposit(log, state, parseNote(utf8(state.note)))
    } catch (error) {
      if (!isUnsigned(error)) throw error
    }
  }
}

/** A head with the log's line and these cosignatures. */
export function withLines(logNote: Note, cosignatures: Iterable<Cosignature>): Note {
  return {
    text: logNote.text,
    signatures: [...logNote.signatures, ...Array.from(cosignatures, (line) => line.signature)],
  }
}
