/**
 * A signer whose private key is in an ssh-agent: it takes time, and it may be gone. When it is, it is only asked
 * whether it is back, with increasing delay, up to a minute.
 */
import type { GossumError } from '../../errors.js'
import { lastingController } from '../../lib/timed.js'
import { equalBytes } from '../../tlog/bytes.js'
import type { Signer, VerifierKey } from '../../tlog/note.js'
import { agentUnavailable } from './agent-answer.js'
import { agentKeys, agentSign, type AgentPlace } from './agent.js'

/** Milliseconds until the agent is looked for again, the first time and at most. */
const LOOK_AGAIN_MS = { first: 1_000, most: 60_000 }

/** Who is told how it stands with the agent. */
export interface AgentWatch {
  /** It does not sign any more, or never did. */
  onLost(error: GossumError): void
  /** It holds the key again. */
  onBack(): void
}

export class AgentSigner implements Signer {
  readonly verifier: VerifierKey
  readonly #place: AgentPlace
  #watch: AgentWatch | undefined
  /** Why it does not sign; undefined while it does. */
  #error: GossumError | undefined
  /** How often in a row it was of no use. */
  #failures = 0
  /** Requests go one after another: what is signed first is stored first. */
  #queue: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  readonly #stopped = lastingController()

  constructor(verifier: VerifierKey, place: AgentPlace) {
    this.verifier = verifier
    this.#place = { ...place, signal: this.#stopped.signal }
  }

  /** Why nothing can be signed now; then sign() fails at once. */
  get unavailable(): GossumError | undefined {
    return this.#error
  }

  /** The verified signature of a message. Throws AGENT_UNAVAILABLE. */
  sign(message: Uint8Array): Promise<Uint8Array> {
    const turn = this.#queue.then(() => this.#sign(message))
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  /** Resolves when the agent holds the key now. Throws AGENT_UNAVAILABLE. */
  async find(): Promise<void> {
    const keys = await agentKeys(this.#place)
    const holdsIt = keys.some(({ publicKey }) => equalBytes(publicKey, this.verifier.publicKey))
    if (!holdsIt) throw agentUnavailable(`it does not hold the key of ${this.verifier.name}`)
  }

  /** Looks whether the agent holds the key, and says how it stands with it from now on. */
  watch(watch: AgentWatch): void {
    this.#watch = watch
    if (this.#error === undefined) void this.#look()
  }

  /** Ends every wait for the agent; nothing is signed any more. Safe to call twice. */
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
