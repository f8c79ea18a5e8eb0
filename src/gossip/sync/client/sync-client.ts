/**
 * Asks peers over /gossum/sync/1: one stream for a round about what they hold, one for single questions, one for
 * promises, so that none waits for another. Answers are parsed strictly and limited in time; a failure means only that
 * this peer did not help.
 */
import type { PeerId, Stream } from '@libp2p/interface'
import { lpStream, type LengthPrefixedStream } from '@libp2p/utils'
import { GossumError } from '../../../errors.js'
import { timed } from '../../../lib/timed.js'
import { EMPTY_ROOT } from '../../../tlog/hash.js'
import { checkTree, type Tree } from '../../../tlog/merkle.js'
import type { Prefix } from '../../../witness/decide.js'
import type { Host } from '../../host/host.js'
import { Lines } from './question-lines.js'
import { OpenTalks, REQUESTS_PER_STREAM, type Talk } from '../talks.js'
import {
  decodeAnswer,
  encodeRequest,
  isHashTile,
  MAX_FRAME_BYTES,
  SYNC_PROTOCOL,
  type SyncAnswer,
  type SyncRequest,
} from '../messages.js'
import type { PromiseRequest } from '../promises.js'

/** Milliseconds until a request is answered, and until the other side has read a request or an answer. */
export const REQUEST_TIMEOUT_MS = 10_000
/**
 * Milliseconds for which a peer is sent no promise after it said that it is busy: short, since signatures wait for it.
 */
const PROMISE_PAUSE_MS = 500
/** Peers that are asked one question in addition to the named one. */
const OTHERS_ASKED = 3

/** Runs an action with a signal that limits it. */
type Limited = <T>(act: (limit: AbortSignal) => Promise<T>) => Promise<T>

/**
 * Sends one request; undefined if the answer is not valid. Throws when the stream fails, which ends the conversation.
 */
export type Ask = (request: SyncRequest) => Promise<SyncAnswer | undefined>

export class SyncClient {
  readonly #host: Host
  readonly #syncPeers: ReadonlyMap<string, PeerId>
  readonly #stopped: AbortSignal
  /** Peers with a round in progress. */
  readonly #rounds = new Set<string>()
  readonly #questions = new Lines()
  readonly #promises = new Lines(PROMISE_PAUSE_MS)
  readonly #questionTalks = new OpenTalks()
  readonly #promiseTalks = new OpenTalks()

  constructor(host: Host, syncPeers: ReadonlyMap<string, PeerId>, stopped: AbortSignal) {
    this.#host = host
    this.#syncPeers = syncPeers
    this.#stopped = stopped
  }

  /**
   * Talks to a peer unless a round with it is in progress: many requests, on one stream after the other. Never throws.
   */
  async round(peer: PeerId, talk: (ask: Ask) => Promise<void>): Promise<void> {
    const id = peer.toString()
    if (this.#rounds.has(id)) return
    this.#rounds.add(id)
    try {
      await this.#talk(peer, this.#stopped, talk)
    } finally {
      this.#rounds.delete(id)
    }
  }

  /** Asks one peer one question; undefined if there is no answer. Never throws. */
  ask(peer: PeerId, request: SyncRequest, signal: AbortSignal): Promise<SyncAnswer | undefined> {
    return this.#questions.ask(peer.toString(), () => this.#askNow(this.#questionTalks, peer, request, signal))
  }

  /** The same for promises, which do not wait for other questions. */
  askToKeep(peer: PeerId, request: PromiseRequest, signal: AbortSignal): Promise<SyncAnswer | undefined> {
    return this.#promises.ask(peer.toString(), () => this.#askNow(this.#promiseTalks, peer, request, signal))
  }

  /** The last connection of a peer has ended. */
  gone(peer: string): void {
    this.#questions.gone(peer)
    this.#promises.gone(peer)
    this.#questionTalks.gone(peer)
    this.#promiseTalks.gone(peer)
  }

  /**
   * The root of the first `size` records of a tree, proven, from the first peer that has it: the named one, then
   * others. Throws PEER_UNHELPFUL.
   */
  async prefixFrom(
    peer: string | undefined,
    log: string,
    of: Tree,
    size: number,
    { signal }: { signal: AbortSignal },
  ): Promise<Prefix> {
    if (size === 0) return { root: EMPTY_ROOT, proof: [] }
    return this.#firstHelp(peer, signal, `a proof of size ${size} in ${of.size}`, async (other) => {
      const answer = await this.ask(other, { type: 'proof', log, of, size }, signal)
      if (answer?.type !== 'proof') return undefined
      return holds(answer, of, size) ? { root: answer.root, proof: answer.proof } : undefined
    })
  }

  /** A full tile of hashes of this many bytes, NOT verified. Throws PEER_UNHELPFUL. */
  async tileFrom(log: string, path: string, bytes: number, { signal }: { signal: AbortSignal }): Promise<Uint8Array> {
    if (!isHashTile(path)) throw new GossumError('PEER_UNHELPFUL', `${path} is not a full tile of hashes`)
    return this.#firstHelp(undefined, signal, path, async (other) => {
      const answer = await this.ask(other, { type: 'tile', log, path }, signal)
      return answer?.type === 'tile' && answer.data.length === bytes ? answer.data : undefined
    })
  }

  async #firstHelp<T>(
    first: string | undefined,
    signal: AbortSignal,
    what: string,
    help: (peer: PeerId) => Promise<T | undefined>,
  ): Promise<T> {
    for (const peer of this.#whomToAsk(first)) {
      if (signal.aborted || this.#stopped.aborted) break
      const answer = await help(peer)
      if (answer !== undefined) return answer
    }
    throw new GossumError('PEER_UNHELPFUL', what)
  }

  #whomToAsk(first: string | undefined): PeerId[] {
    const named = first === undefined ? undefined : this.#syncPeers.get(first)
    const others = [...this.#syncPeers.entries()].filter(([id]) => id !== first && !this.#questions.isBusy(id))
    return [...(named ? [named] : []), ...sample(others, OTHERS_ASKED).map(([, peer]) => peer)]
  }

  /** Reuses the stream of the previous question if it is still open: one stream per question would soon be too many. */
  async #askNow(
    talks: OpenTalks,
    peer: PeerId,
    request: SyncRequest,
    signal: AbortSignal,
  ): Promise<SyncAnswer | undefined> {
    const id = peer.toString()
    const before = talks.take(id)
    if (before !== undefined) {
      const answer = await this.#askOn(talks, before, id, request, signal)
      // The other end may have closed it in the meantime.
      if (answer !== undefined || signal.aborted) return answer
    }
    const limited = this.#limited(signal)
    try {
      return await this.#askOn(talks, await this.#open(peer, limited), id, request, signal)
    } catch {
      return undefined
    }
  }

  async #askOn(
    talks: OpenTalks,
    talk: Talk,
    peer: string,
    request: SyncRequest,
    signal: AbortSignal,
  ): Promise<SyncAnswer | undefined> {
    try {
      const answer = await this.#send(talk, request, this.#limited(signal))
      talks.keep(peer, talk, answer)
      return answer
    } catch (error) {
      talk.stream.abort(asError(error))
      return undefined
    }
  }

  #limited(signal: AbortSignal): Limited {
    return (act) => timed(REQUEST_TIMEOUT_MS, [signal, this.#stopped], act)
  }

  #send(talk: Talk, request: SyncRequest, limited: Limited): Promise<SyncAnswer | undefined> {
    talk.requests++
    return limited(async (limit) => {
      await talk.frames.write(encodeRequest(request), { signal: limit })
      return decodeAnswer((await talk.frames.read({ signal: limit })).subarray())
    })
  }

  async #talk(peer: PeerId, signal: AbortSignal, talk: (ask: Ask) => Promise<void>): Promise<void> {
    if (signal.aborted) return
    const limited = this.#limited(signal)
    let open: Talk | undefined
    const end = async (): Promise<void> => {
      const { stream } = open ?? {}
      if (stream !== undefined) await limited((limit) => stream.close({ signal: limit }))
      open = undefined
    }
    try {
      await talk(async (request) => {
        // A stream carries so many requests; then another is opened.
        if (open?.requests === REQUESTS_PER_STREAM) await end()
        return this.#send((open ??= await this.#open(peer, limited)), request, limited)
      })
      await end()
    } catch (error) {
      open?.stream.abort(asError(error))
    }
  }

  async #open(peer: PeerId, limited: Limited): Promise<Talk> {
    const connection = this.#host.getConnections(peer).find((candidate) => candidate.status === 'open')
    if (connection === undefined) throw new Error('not connected')
    const stream = await limited((limit) => connection.newStream(SYNC_PROTOCOL, { signal: limit }))
    return { stream, frames: framesOf(stream), requests: 0 }
  }
}

/** Whether the proof shows that this is the root of the first `size` records of the tree. */
function holds(prefix: Prefix, of: Tree, size: number): boolean {
  try {
    checkTree(prefix.proof, of.size, of.root, size, prefix.root)
    return true
  } catch {
    return false
  }
}

/** This many of the items, at random. */
export function sample<T>(items: readonly T[], count: number): T[] {
  const left = [...items]
  const taken: T[] = []
  while (taken.length < count && left.length > 0) {
    taken.push(...left.splice(Math.floor(Math.random() * left.length), 1))
  }
  return taken
}

export function framesOf(stream: Stream): LengthPrefixedStream<Stream> {
  return lpStream(stream, { maxDataLength: MAX_FRAME_BYTES, maxBufferSize: 2 * MAX_FRAME_BYTES })
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
