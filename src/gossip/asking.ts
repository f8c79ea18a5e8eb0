/**
 * Asking peers over /gossum/sync/1: one stream for a round of hello and evidence, one for single questions. What a
 * peer answers is read strictly and bounded in time; a peer that fails is a peer that did not help.
 */
import type { PeerId, Stream } from '@libp2p/interface'
import { lpStream, type LengthPrefixedStream } from '@libp2p/utils'
import { GossumError } from '../errors.js'
import { timed } from '../timed.js'
import { EMPTY_ROOT } from '../tlog/hash.js'
import { checkTree, type Tree } from '../tlog/merkle.js'
import type { Prefix } from '../witness/decide.js'
import type { Host } from './host.js'
import {
  decodeAnswer,
  encodeRequest,
  isHashTile,
  MAX_FRAME_BYTES,
  SYNC_PROTOCOL,
  type Answer,
  type Request,
} from './messages.js'

/** Milliseconds until a request is answered, and until a request or an answer is read by the other side. */
export const REQUEST_TIMEOUT_MS = 10_000
/** Requests on one stream; a stream is for one round, not for life. */
export const REQUESTS_PER_STREAM = 24
/** Peers that one question goes to beside the one that is named. */
const OTHERS_ASKED = 3
/** Questions that wait for their turn with one peer. */
const MAX_WAITING = 16
/** Milliseconds that a peer is left alone after it said that it is busy. */
const BUSY_PAUSE_MS = 10_000

/** Sends one request on an open stream; undefined when the answer is none. */
export type Ask = (request: Request) => Promise<Answer | undefined>

interface Line {
  /** Ends with the last question in line. */
  tail: Promise<unknown>
  waiting: number
}

export class Asker {
  readonly #host: Host
  readonly #speakers: ReadonlyMap<string, PeerId>
  readonly #stopped: AbortSignal
  /** Peers with which a round runs. */
  readonly #rounds = new Set<string>()
  /** The questions to each peer, one after the other: it lets us have one stream beside that of a round. */
  readonly #lines = new Map<string, Line>()
  /** Peers that are busy, and until when, in milliseconds since 1970. */
  readonly #busy = new Map<string, number>()

  constructor(host: Host, speakers: ReadonlyMap<string, PeerId>, stopped: AbortSignal) {
    this.#host = host
    this.#speakers = speakers
    this.#stopped = stopped
  }

  /** Opens a stream to a peer for a few requests, unless a round with it runs. Never throws. */
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

  /** One question to one peer; undefined when there is no answer. Never throws. */
  async ask(peer: PeerId, request: Request, signal: AbortSignal): Promise<Answer | undefined> {
    const id = peer.toString()
    const line = this.#lines.get(id) ?? { tail: Promise.resolve(), waiting: 0 }
    if (line.waiting >= MAX_WAITING || this.#isBusy(id)) return undefined
    this.#lines.set(id, line)
    line.waiting++
    const turn = line.tail.then(() => this.#askNow(peer, request, signal))
    line.tail = turn
    const answer = await turn
    if (--line.waiting === 0) this.#lines.delete(id)
    if (answer?.type === 'error' && answer.code === 'busy') this.#busy.set(id, Date.now() + BUSY_PAUSE_MS)
    return answer
  }

  /**
   * The root of the first `size` records of a tree, proven, from whoever can: the named peer first, then others.
   * Throws PEER_UNHELPFUL.
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

  /** A full tile of hashes, NOT verified, of this many bytes. Throws PEER_UNHELPFUL. */
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
    const named = first === undefined ? undefined : this.#speakers.get(first)
    const others = [...this.#speakers.entries()].filter(([id]) => id !== first && !this.#isBusy(id))
    return [...(named ? [named] : []), ...sample(others, OTHERS_ASKED).map(([, peer]) => peer)]
  }

  #isBusy(id: string): boolean {
    const until = this.#busy.get(id)
    if (until === undefined) return false
    if (until > Date.now() && this.#speakers.has(id)) return true
    this.#busy.delete(id)
    return false
  }

  async #askNow(peer: PeerId, request: Request, signal: AbortSignal): Promise<Answer | undefined> {
    let answer: Answer | undefined
    await this.#talk(peer, signal, async (ask) => {
      answer = await ask(request)
    })
    return answer
  }

  async #talk(peer: PeerId, signal: AbortSignal, talk: (ask: Ask) => Promise<void>): Promise<void> {
    const connection = this.#host.getConnections(peer).find((candidate) => candidate.status === 'open')
    if (connection === undefined || signal.aborted) return
    const limited = <T>(act: (limit: AbortSignal) => Promise<T>): Promise<T> =>
      timed(REQUEST_TIMEOUT_MS, [signal, this.#stopped], act)
    let stream: Stream | undefined
    try {
      const open = await limited((limit) => connection.newStream(SYNC_PROTOCOL, { signal: limit }))
      stream = open
      const frames = framesOf(open)
      let requests = 0
      await talk(async (request) => {
        if (++requests > REQUESTS_PER_STREAM) return undefined
        return limited(async (limit) => {
          await frames.write(encodeRequest(request), { signal: limit })
          return decodeAnswer((await frames.read({ signal: limit })).subarray())
        })
      })
      await limited((limit) => open.close({ signal: limit }))
    } catch (error) {
      stream?.abort(asError(error))
    }
  }
}

/** Whether the proof shows that its root is that of the first `size` records of the tree. */
function holds(prefix: Prefix, of: Tree, size: number): boolean {
  try {
    checkTree(prefix.proof, of.size, of.root, size, prefix.root)
    return true
  } catch {
    return false
  }
}

/** So many of the items, at random. */
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
