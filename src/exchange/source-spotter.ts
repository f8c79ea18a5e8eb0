/**
 * The gossip endpoint of Source Spotter, a monitor of checksum databases. It gets our head, and the first word of its
 * answer tells whether that is consistent with everything it has seen. That is an opinion, not a proof.
 */
import { GossumError } from '../errors.js'
import { attempted } from '../errors/attempt.js'
import { fromUtf8 } from '../tlog/bytes.js'
import { formatNote } from '../tlog/note.js'
import type { PlaceSetting } from '../config/places.js'
import type { LogIdentity } from '../witness/head.js'
import { shown, type ServiceRequester } from './service-request.js'
import type { OwnHead, ExternalService, Prove, VisitResult } from './service.js'

const OPINIONS = ['consistent', 'pending', 'inconsistent'] as const

export class SourceSpotter implements ExternalService {
  readonly kind = 'source-spotter'
  readonly name: string
  readonly url: string
  readonly #requester: ServiceRequester

  constructor({ name, url }: PlaceSetting, requester: ServiceRequester) {
    this.name = name
    this.url = url
    this.#requester = requester
  }

  async push({ key }: LogIdentity, head: OwnHead, _prove: Prove, signal: AbortSignal): Promise<VisitResult> {
    const path = encodeURIComponent(key.name)
    const { status, body } = await this.#requester.ask('POST', path, signal, formatNote(head.logNote))
    const detail = shown(body)
    if (status === 404) return { verdict: 'unknown-log', detail, notes: [] }
    if (status !== 200) return { verdict: 'refused', detail: `${status} ${detail}`.trimEnd(), notes: [] }
    const opinion = OPINIONS.find((word) => (fromUtf8(body) ?? '').startsWith(`${word}:`))
    if (opinion === undefined) {
      throw new GossumError('PLACE_ANSWER_INVALID', `${this.url}: no opinion: ${JSON.stringify(detail)}`)
    }
    // Its own head convicts the log if it is signed and cannot be reconciled with ours: the pipeline decides that.
    return { verdict: opinion, detail, notes: opinion === 'inconsistent' ? await this.#newest(path, signal) : [] }
  }

  async #newest(path: string, signal: AbortSignal): Promise<Uint8Array[]> {
    const answer = await attempted(this.#requester.ask('GET', path, signal))
    return !(answer instanceof GossumError) && answer.status === 200 ? [answer.body] : []
  }
}
