/**
 * A transparency-dev distributor: witnesses publish their cosigned heads there, and clients get a head with the number
 * of cosignatures that they ask for. It has cosignatures of witnesses that are not in our mesh.
 */
import { toHex, utf8 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import { formatNote } from '../tlog/note.js'
import type { PlaceSetting } from '../config/places.js'
import type { LogIdentity } from '../witness/head.js'
import { shown, type ServiceRequester } from './service-request.js'
import type { OwnHead, ExternalService, Prove, VisitResult } from './service.js'

/** The most requests per visit, each asking for fewer lines. */
const MAX_STEPS = 4

/** The most lines that it can be asked for. */
const MAX_LINES = 100

export class Distributor implements ExternalService {
  readonly kind = 'distributor'
  readonly name: string
  readonly url: string
  readonly #requester: ServiceRequester
  readonly #most: number
  /** How many lines to ask for next, by log. */
  readonly #next = new Map<string, number>()

  /** `most` is the number of cosignatures that our policy needs. */
  constructor({ name, url }: PlaceSetting, requester: ServiceRequester, most: number) {
    this.name = name
    this.url = url
    this.#requester = requester
    this.#most = Math.min(most, MAX_LINES)
  }

  /**
   * Gets the head with as many lines as our policy needs, or as many as there are, and the newest head of all. If no
   * head has that many, the next visit begins where this one ended.
   */
  async pull(log: LogIdentity, signal: AbortSignal): Promise<VisitResult> {
    const notes: Uint8Array[] = []
    const first = Math.max(1, Math.min(this.#most, this.#next.get(log.id) ?? this.#most))
    let count = first
    for (; count > Math.max(0, first - MAX_STEPS) && notes.length === 0; count--) {
      const { status, body } = await this.#checkpoint(log, count, signal)
      if (status === 200) notes.push(body)
      else if (status !== 404) return { verdict: 'unknown-log', detail: shown(body), notes: [] }
    }
    // `count` is one less than the last number asked for. It may have one more line by the next visit.
    this.#next.set(log.id, notes.length > 0 ? count + 2 : count)
    if (count > 0) {
      const { status, body } = await this.#checkpoint(log, 1, signal)
      if (status === 200) notes.push(body)
    }
    return { verdict: notes.length > 0 ? 'read' : 'nothing', notes }
  }

  async push(log: LogIdentity, head: OwnHead, _prove: Prove, signal: AbortSignal): Promise<VisitResult> {
    const path = `${logPath(log)}/byWitness/${encodeURIComponent(head.own.name)}/checkpoint`
    // Exactly two lines: it expects the log's and ours.
    const note = formatNote({ ...head.logNote, signatures: [...head.logNote.signatures, head.own] })
    const { status, body } = await this.#requester.ask('PUT', path, signal, note)
    if (status === 200) return { verdict: 'taken', notes: [] }
    return {
      verdict: status === 404 ? 'unknown-log' : 'refused',
      detail: `${status} ${shown(body)}`.trimEnd(),
      notes: [],
    }
  }

  #checkpoint(log: LogIdentity, count: number, signal: AbortSignal): ReturnType<ServiceRequester['ask']> {
    return this.#requester.ask('GET', `${logPath(log)}/checkpoint.${count}`, signal)
  }
}

/**
 * The distributor's name for a log: the SHA-256 of "o:" and the origin. Only the origin, so all checksum databases have
 * the same.
 */
function logPath({ origin }: LogIdentity): string {
  return `distributor/v0/logs/${toHex(sha256(utf8(`o:${origin}`)))}`
}
