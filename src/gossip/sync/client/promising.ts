/** Sends our promises to peers, and tracks which peers keep promises. */
import type { PeerId } from '@libp2p/interface'
import { setTimeout as delay } from 'node:timers/promises'
import { TokenBuckets } from '../../../lib/token-buckets.js'
import type { WitnessPromise } from '../../../witness/promise.js'
import type { SyncClient } from './sync-client.js'
import { ROOM_BYTES } from '../messages.js'
import { promiseRequests } from '../promises.js'

/** Messages to one peer: at once, and per second in the long run. Fewer than a peer that trusts us accepts. */
const MESSAGE_BURST = 900
const MESSAGES_PER_SECOND = 450
/** The same for a peer that has said it is busy: it treats us as a stranger. What waits meanwhile shares a message. */
const STRANGER_BURST = 1
const STRANGERS_PER_SECOND = 6
/** Milliseconds between two checks whether another message may be sent. */
const PACE_MS = 20

/** For each promise whether the peer keeps it; or that an earlier version keeps none; or no answer. */
export type PromiseAnswerOf = readonly boolean[] | 'unsupported' | undefined

export class Promiser {
  readonly #syncClient: SyncClient
  readonly #syncPeers: ReadonlyMap<string, PeerId>
  /** Connected peers by whether they support promises. */
  readonly #depositaries = new Map<string, boolean>()
  readonly #messages = new TokenBuckets(MESSAGE_BURST, MESSAGES_PER_SECOND)
  readonly #toBusy = new TokenBuckets(STRANGER_BURST, STRANGERS_PER_SECOND)
  /** Connected peers that have said they are busy. */
  readonly #busy = new Set<string>()

  constructor(syncClient: SyncClient, syncPeers: ReadonlyMap<string, PeerId>) {
    this.#syncClient = syncClient
    this.#syncPeers = syncPeers
  }

  /**
   * Sends promises and cosigned heads to a connected peer, in as many messages as needed, one after the other. Promises
   * that no message can carry, and those left unanswered after another message was answered, count as not kept. Never
   * throws.
   */
  async promise(
    peer: string,
    promises: readonly WitnessPromise[],
    lines: readonly Uint8Array[],
    { signal }: { signal: AbortSignal },
  ): Promise<PromiseAnswerOf> {
    const kept = promises.map(() => false)
    let hasAnswered = false
    for (const { request, indexes } of promiseRequests(promises, lines, ROOM_BYTES)) {
      await this.#mayAsk(peer, signal)
      const id = this.#syncPeers.get(peer)
      if (id === undefined) break
      // It will not support them on this connection, and would count each request as one too many.
      if (this.depositary(peer) === false) return 'unsupported'
      const answer = await this.#syncClient.askToKeep(id, request, signal)
      if (answer?.type === 'error' && answer.code === 'unknown-request') {
        this.#learn(peer, false)
        return 'unsupported'
      }
      if (answer?.type === 'error' && answer.code === 'busy' && this.#syncPeers.has(peer)) this.#busy.add(peer)
      if (answer?.type !== 'promise' || answer.kept.length !== indexes.length) break
      this.#learn(peer, true)
      hasAnswered = true
      for (const [i, index] of indexes.entries()) kept[index] = answer.kept[i] === true
    }
    return hasAnswered ? kept : undefined
  }

  /** Whether a connected peer supports promises; null until it was asked. */
  depositary(peer: string): boolean | null {
    return this.#depositaries.get(peer) ?? null
  }

  /** The last connection of a peer has ended; it may come back with another version. */
  gone(peer: string): void {
    this.#depositaries.delete(peer)
    this.#busy.delete(peer)
  }

  /** Resolves when another message may be sent to the peer, or when the signal is aborted. */
  async #mayAsk(peer: string, signal: AbortSignal): Promise<void> {
    const budget = this.#busy.has(peer) ? this.#toBusy : this.#messages
    while (!signal.aborted && this.#syncPeers.has(peer) && !budget.take(peer, performance.now())) await delay(PACE_MS)
  }

  #learn(peer: string, isDepositary: boolean): void {
    if (this.#syncPeers.has(peer)) this.#depositaries.set(peer, isDepositary)
  }
}
