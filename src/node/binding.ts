/** Which key of this node may cosign which log, given what was cosigned before (witness/origin.ts). */
import type { LogSetting } from '../config/config.js'
import { GossumError, HintedError } from '../errors.js'
import type { Keyring } from '../keys/keyring.js'
import type { VerifierKey } from '../tlog/note.js'
import { originOf } from '../store/heads.js'
import { rekeyedLogs, takenBy, type SignedState } from '../witness/origin.js'

export interface BindingParts {
  readonly keyring: Keyring
  /** All known logs, including disabled ones. */
  readonly logs: readonly LogSetting[]
  /** The current state of every log that was ever followed, by log id. */
  readonly states: () => ReadonlyMap<string, SignedState>
  /** Grows when there is another one. Asked for each head, so it must be cheap. */
  readonly appeared: () => number
}

export class Binding {
  readonly #parts: BindingParts
  /** Origins shared by several logs; contains undefined if the origin of some log is unknown. */
  #shared: Set<string | undefined> | undefined
  /** What `appeared` was then. */
  #asOf = 0

  constructor(parts: BindingParts) {
    this.#parts = parts
  }

  /**
   * Throws ORIGIN_TAKEN when a log was given its own key after the shared key had cosigned it: nothing would then keep
   * the shared key from cosigning another log of the same origin.
   */
  requireKept(): void {
    const { keyring, logs, states } = this.#parts
    if (keyring.first === undefined) return
    const { name, vkey } = keyring.first.verifier
    const withOwn = logs.filter(({ id }) => keyring.ofLogs.has(id))
    const [id] = rekeyedLogs(vkey, withOwn, logs, states())
    if (id === undefined) return
    const why = `${this.#nameOf(id)} has a key of its own, but was cosigned by ${name} before`
    throw new HintedError(
      new GossumError('ORIGIN_TAKEN', why),
      `move keys/${id}.key out of the home: that log stays with its first key, and others of its origin get keys of their own`,
    )
  }

  /** Why the keys of a log must not cosign it (ORIGIN_TAKEN); undefined when they may. */
  obstacle(log: string): GossumError | undefined {
    const { keyring } = this.#parts
    // A key made for one log may always cosign that log.
    return keyring.ofLogs.has(log) ? undefined : this.#taken(log, keyring.keysOf(log))
  }

  /** The same for the auditor's key, of which there is one for all logs. */
  obstacleOfAuditor(log: string): GossumError | undefined {
    const { auditor } = this.#parts.keyring
    return auditor && this.#taken(log, [auditor.verifier])
  }

  #taken(log: string, [first, ...more]: readonly VerifierKey[]): GossumError | undefined {
    const { logs, states } = this.#parts
    if (first === undefined) return undefined
    const setting = logs.find(({ id }) => id === log)
    // Most origins belong to one log.
    if (setting === undefined || !this.#isShared(setting.origin)) return undefined
    const other = takenBy(setting, [first.vkey, ...more.map(({ vkey }) => vkey)], logs, states())
    return other === undefined ? undefined : new GossumError('ORIGIN_TAKEN', this.#nameOf(other))
  }

  /**
   * Whether an origin is, or was, shared by several logs. Another machine with the key may cosign logs that are not
   * followed here: their states appear when that is noticed.
   */
  #isShared(origin: string): boolean {
    const { logs, appeared, states } = this.#parts
    if (this.#shared === undefined || this.#asOf !== appeared()) {
      this.#asOf = appeared()
      const configured = new Set(logs.map(({ id }) => id))
      const gone = [...states()].flatMap(([id, state]) => (configured.has(id) ? [] : [originOf(state)]))
      const once = new Set<string | undefined>()
      this.#shared = new Set()
      for (const one of [...logs.map((log) => log.origin), ...gone]) {
        if (one === undefined || once.has(one)) this.#shared.add(one)
        once.add(one)
      }
    }
    // A former log whose origin is unknown may have any.
    return this.#shared.has(origin) || this.#shared.has(undefined)
  }

  /** The same as a sentence, with the remedy. */
  text(log: string): string | undefined {
    const error = this.obstacle(log)
    return error && `${error.message}; ${error.hint}`
  }

  #nameOf(log: string): string {
    return this.#parts.logs.find(({ id }) => id === log)?.key.name ?? `the log ${log.slice(0, 12)} (no longer followed)`
  }
}
