/**
 * A signer whose private key is in an ssh-agent, which takes time and may be unavailable. While it is, it is only
 * checked again, with increasing delays of up to a minute.
 */
import type { GossumError } from '../../errors.js'
import { lastingController } from '../../lib/timed.js'
import { equalBytes } from '../../tlog/bytes.js'
import type { Signer, VerifierKey } from '../../tlog/note.js'
import { agentUnavailable } from './agent-answer.js'
import { agentKeys, agentSign, type AgentPlace } from './agent.js'

/** Milliseconds until the agent is checked again: the first delay, and the longest. */
const LOOK_AGAIN_MS = { first: 1_000, most: 60_000 }

/** Receives changes in the state of the agent. */
export interface AgentWatch {
  /** The agent no longer signs, or never did. */
  onLost(error: GossumError): void
  /** The agent holds the key again. */
  onBack(): void
}

export class AgentSigner implements Signer {
  readonly verifier: VerifierKey
  readonly #place: AgentPlace
  #watch: AgentWatch | undefined
  /** Why the agent does not sign; undefined while it does. */
  #error: GossumError | undefined
  /** The number of failures in a row. */
  #failures = 0
  /** Requests are sequential: what is signed first is stored first. */
  #queue: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  readonly #stopped = lastingController()

  constructor(verifier: VerifierKey, place: AgentPlace) {
    this.verifier = verifier
    this.#place = { ...place, signal: this.#stopped.signal }
  }

  /** Why nothing can be signed now, in which case sign() fails at once; undefined otherwise. */
  get unavailable(): GossumError | undefined {
    return this.#error
  }

  /** The verified signature of a message. Throws AGENT_UNAVAILABLE. */
  sign(message: Uint8Array): Promise<Uint8Array> {
    const turn = this.#queue.then(() => this.#sign(message))
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  /** Resolves if the agent holds the key now. Throws AGENT_UNAVAILABLE. */
  async find(): Promise<void> {
    const keys = await agentKeys(this.#place)
    const holdsIt = keys.some(({ publicKey }) => equalBytes(publicKey, this.verifier.publicKey))
    if (!holdsIt) throw agentUnavailable(`it does not hold the key of ${this.verifier.name}`)
  }

  /** Checks whether the agent holds the key, and reports changes of its state from now on. */
  watch(watch: AgentWatch): void {
    this.#watch = watch
    if (this.#error === undefined) void this.#look()
  }

  /** Ends every wait for the agent; nothing more is signed. Safe to call twice. */
  stop(): void {
    this.#stopped.abort(new Error('the node stops'))
    clearTimeout(this.#timer)
  }

  async #sign(message: Uint8Array): Promise<Uint8Array> {
    if (this.#error !== undefined) throw this.#error
    try {
      const signature = await agentSign(this.#place, this.verifier.publicKey, message)
      if (!this.verifier.verify(message, signature)) throw agentUnavailable('its signature does not verify')
      this.#failures = 0
      return signature
    } catch (error) {
      this.#lost(error as GossumError)
      throw error
    }
  }

  #lost(error: GossumError): void {
    const isNews = this.#error === undefined
    this.#error = error
    const pause = Math.min(LOOK_AGAIN_MS.first * 2 ** this.#failures++, LOOK_AGAIN_MS.most)
    clearTimeout(this.#timer)
    if (this.#stopped.signal.aborted) return
    this.#timer = setTimeout(() => void this.#look(), pause).unref()
    if (isNews) this.#watch?.onLost(error)
  }

  async #look(): Promise<void> {
    try {
      await this.find()
    } catch (error) {
      this.#lost(error as GossumError)
      return
    }
    if (this.#error === undefined) return
    this.#error = undefined
    this.#watch?.onBack()
  }
}
