/**
 * A witness of c2sp.org/tlog-witness: gets our heads by POST <url>/add-checkpoint, with a proof made from tiles, and
 * answers with its cosignature.
 *
 * It may be behind us or ahead. The next proof begins at the size that it last reported, and a 409 tells its actual
 * size. None of this is verified: a witness that lies about its size only excludes itself from our heads.
 */
import { GossumError } from '../errors.js'
import { fromUtf8, concatBytes, toHex, utf8 } from '../tlog/bytes.js'
import { readCosignatures } from '../tlog/cosignature.js'
import { formatHash, sha256, type Hash } from '../tlog/hash.js'
import { formatNote, isBy, parseNote, type Note, type VerifierKey } from '../tlog/note.js'
import type { PlaceSetting } from '../config/places.js'
import type { LogIdentity } from '../witness/head.js'
import { shown, type ServiceRequester, type PlaceAnswer } from './service-request.js'
import type { OwnHead, ExternalService, Prove, VisitResult } from './service.js'

/** 409 answers that are believed for one head: for the first head, a forgotten size, and one that just changed. */
const MAX_TRIES = 3
/** Milliseconds for which a size beyond ours is believed without asking again. */
const BELIEVED_MS = 3_600_000
const SIZE_TYPE = 'text/x.tlog.size'

interface Known {
  readonly size: number
  /** Milliseconds of the monotonic clock. */
  readonly at: number
}

export class Feed implements ExternalService {
  readonly kind = 'feed'
  readonly name: string
  readonly url: string
  readonly #key: VerifierKey | undefined
  readonly #requester: ServiceRequester
  readonly #witnesses: () => readonly VerifierKey[]
  /** For each log the size of its newest head, as it reported. */
  readonly #known = new Map<string, Known>()

  /**
   * `witnesses` are the keys that are known here; if the place has a key of its own, only that one's line is expected.
   */
  constructor({ name, url, key }: PlaceSetting, requester: ServiceRequester, witnesses: () => readonly VerifierKey[]) {
    this.name = name
    this.url = url
    this.#key = key
    this.#requester = requester
    this.#witnesses = witnesses
  }

  async push(log: LogIdentity, head: OwnHead, prove: Prove, signal: AbortSignal): Promise<VisitResult> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const old = this.#oldSize(log.id)
      if (old > head.size) return this.#larger(log, 'ahead', `it has size ${old}`, signal)
      const hashes = old === 0 || old === head.size ? [] : await this.#prove(log.id, head, old, prove)
      const answer = await this.#requester.ask(
        'POST',
        'add-checkpoint',
        signal,
        addCheckpoint(old, hashes, head.logNote),
      )
      const size = answer.status === 409 ? sizeIn(answer) : undefined
      if (size === undefined) return this.#conclude(log, head, answer, signal)
      if (size === old) return { verdict: 'refused', detail: `409 for the size that it has itself: ${old}`, notes: [] }
      this.#learn(log.id, size)
    }
    return { verdict: 'refused', detail: 'it names another size each time', notes: [] }
  }

  /**
   * The size that it is believed to have. A size beyond ours is not believed for ever: it may be a lie, or the witness
   * may have been reset.
   */
  #oldSize(log: string): number {
    const known = this.#known.get(log)
    return known === undefined || performance.now() - known.at > BELIEVED_MS ? 0 : known.size
  }

  /** If nothing can be proven from that size, it is asked for again next time: it may have changed. */
  async #prove(log: string, head: OwnHead, old: number, prove: Prove): Promise<readonly Hash[]> {
    try {
      return await prove(log, head, old)
    } catch (error) {
      this.#known.delete(log)
      throw error
    }
  }

  #learn(log: string, size: number): void {
    this.#known.set(log, { size, at: performance.now() })
  }

  async #conclude(log: LogIdentity, head: OwnHead, answer: PlaceAnswer, signal: AbortSignal): Promise<VisitResult> {
    const { status, body } = answer
    if (status === 200) {
      const told = this.#cosigned(head, body)
      this.#learn(log.id, head.size)
      return told
    }
    this.#known.delete(log.id)
    if (status === 404) return { verdict: 'unknown-log', detail: shown(body), notes: [] }
    // Its own head may be one that it was shown and we were not.
    return this.#larger(log, 'refused', `${status} ${shown(body)}`.trimEnd(), signal)
  }

  /** The lines of the answer that verify, as a head of ours that carries them. */
  #cosigned({ logNote }: OwnHead, body: Uint8Array): VisitResult {
    const answer = noteWith(logNote, body)
    const known = [...this.#witnesses(), ...(this.#key === undefined ? [] : [this.#key])]
    const { verified } = readCosignatures(answer, known)
    const expected = this.#key
    if (expected !== undefined && !verified.has(expected.vkey)) {
      throw new GossumError('PLACE_ANSWER_INVALID', `${this.url}: no cosignature by ${expected.vkey}`)
    }
    if (verified.size === 0) {
      const claims = answer.signatures.find((line) => known.some((key) => isBy(line, key)))
      if (claims === undefined) return { verdict: 'uncounted', detail: namesIn(answer, logNote), notes: [] }
      throw new GossumError('PLACE_ANSWER_INVALID', `${this.url}: a line under ${claims.name} that does not verify`)
    }
    const lines = [...verified.values()].map(({ signature }) => signature)
    return { verdict: 'taken', notes: [formatNote({ ...logNote, signatures: [...logNote.signatures, ...lines] })] }
  }

  /** The same, with the head that it publishes, if it does: only then can it be compared with ours. */
  async #larger(
    log: LogIdentity,
    verdict: VisitResult['verdict'],
    detail: string,
    signal: AbortSignal,
  ): Promise<VisitResult> {
    try {
      const path = `${toHex(sha256(utf8(log.origin)))}/checkpoint`
      const { status, body } = await this.#requester.ask('GET', path, signal)
      return { verdict, detail, notes: status === 200 ? [body] : [] }
    } catch (error) {
      if (!(error instanceof GossumError)) throw error
      return { verdict, detail, notes: [] }
    }
  }
}

/** The body of add-checkpoint. It has no lines of witnesses: a witness has no use for them, and may limit the size. */
function addCheckpoint(old: number, hashes: readonly Hash[], head: Note): Uint8Array {
  return concatBytes(utf8(`old ${old}\n${hashes.map((hash) => `${formatHash(hash)}\n`).join('')}\n`), formatNote(head))
}

/** The size in a 409; undefined if there is none, as when an older witness answers to a fork. */
function sizeIn({ type, body }: PlaceAnswer): number | undefined {
  const digits = /^(0|[1-9][0-9]{0,15})\n$/.exec(fromUtf8(body.subarray(0, 20)) ?? '')?.[1]
  const size = Number(digits)
  return type === SIZE_TYPE && digits !== undefined && Number.isSafeInteger(size) ? size : undefined
}

/** The head with the lines of an answer appended. Throws PLACE_ANSWER_INVALID if they are not signature lines. */
function noteWith(logNote: Note, lines: Uint8Array): Note {
  try {
    const note = parseNote(concatBytes(formatNote(logNote), lines), 2 * 64 * 1024)
    // An empty line in the answer would make what precedes it part of the text.
    if (lines.length > 0 && note.text === logNote.text) return note
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
  }
  throw new GossumError('PLACE_ANSWER_INVALID', `not signature lines: ${JSON.stringify(shown(lines))}`)
}

function namesIn(answer: Note, logNote: Note): string {
  const names = answer.signatures.slice(logNote.signatures.length).map(({ name }) => name)
  return `its key is not known here: ${shown(utf8(names.join(', ')))}`
}
