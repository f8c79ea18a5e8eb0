/**
 * A witness of c2sp.org/tlog-witness: gets our heads by POST <url>/add-checkpoint, with a proof made from tiles, and
 * answers with its cosignature.
 *
 * It may know less than we do, or more: what it said last of its size is where the next proof begins, and 409 says
 * where it really stands. All of it is its word; a witness that lies about its size only keeps itself from our heads.
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

/** Answers 409 to one head that are believed: the first head, a size that was forgotten, and one that just moved. */
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
  /** The size of its newest head of each log, as it said. */
  readonly #known = new Map<string, Known>()

  /** `witnesses` are the keys that somebody here knows; with a key of its own only that one's line is expected. */
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

  /** What it is believed to have; a size beyond ours not for ever, for it may be a lie, or a witness that was set up anew. */
  #oldSize(log: string): number {
    const known = this.#known.get(log)
    return known === undefined || performance.now() - known.at > BELIEVED_MS ? 0 : known.size
  }

  /** Where nothing can be proven from there, it is asked again next time: it may have moved. */
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
    // What it holds instead may be what it was shown and we were not.
    return this.#larger(log, 'refused', `${status} ${shown(body)}`.trimEnd(), signal)
  }

  /** The lines of the answer that verify, as a head of ours that has them. */
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

  /** The same with the head that it publishes, if it does: only then can it be compared with ours. */
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

/** The body of add-checkpoint. Lines of witnesses are not in it: a witness has no use for them, and may bound its bodies. */
function addCheckpoint(old: number, hashes: readonly Hash[], head: Note): Uint8Array {
  return concatBytes(utf8(`old ${old}\n${hashes.map((hash) => `${formatHash(hash)}\n`).join('')}\n`), formatNote(head))
}

/** The size that a 409 names; undefined for one that names none, as older witnesses answer to a fork. */
function sizeIn({ type, body }: PlaceAnswer): number | undefined {
  const digits = /^(0|[1-9][0-9]{0,15})\n$/.exec(fromUtf8(body.subarray(0, 20)) ?? '')?.[1]
  const size = Number(digits)
  return type === SIZE_TYPE && digits !== undefined && Number.isSafeInteger(size) ? size : undefined
}

/** The head with the lines of an answer behind its own. Throws PLACE_ANSWER_INVALID for what are no signature lines. */
function noteWith(logNote: Note, lines: Uint8Array): Note {
  try {
    const note = parseNote(concatBytes(formatNote(logNote), lines), 2 * 64 * 1024)
    // An answer with an empty line in it would make what is before it a part of the text.
    if (lines.length > 0 && note.text === logNote.text) return note
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
  }
  throw new GossumError('PLACE_ANSWER_INVALID', `no signature lines: ${JSON.stringify(shown(lines))}`)
}

function namesIn(answer: Note, logNote: Note): string {
  const names = answer.signatures.slice(logNote.signatures.length).map(({ name }) => name)
  return `its key is not known here: ${shown(utf8(names.join(', ')))}`
}
