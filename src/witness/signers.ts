/**
 * Who cosigned what last: of each witness key and log the largest head that we know to carry its cosignature. A witness
 * that lost its memory is told it, and people are told how long one has been silent.
 */
import type { SignedBy, Standing } from '../store/signed-by.js'
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import { parseCheckpoint } from '../tlog/checkpoint.js'
import { verifiedCosignatures, type Cosignature } from '../tlog/cosignature.js'
import { formatNote, parseNote, parseVerifierKey, type Note, type VerifierKey } from '../tlog/note.js'
import { cosignedHead, encodeCosigned, type CosignedHead } from './cosigned-head.js'
import type { KnownLines } from './known-lines.js'

/** A head that a witness cosigned, with the time that it says, in POSIX seconds. */
export interface LastSeen {
  readonly log: string
  readonly size: number
  readonly time: number
}

export interface SignersParts {
  readonly kept: SignedBy
  /** Keys that count. */
  readonly counted: readonly VerifierKey[]
  /** Keys that only neighbours count. */
  readonly relayed: () => readonly VerifierKey[]
  /** The lines that were verified before. */
  readonly known: KnownLines
}

export class Signers {
  readonly #parts: SignersParts
  /** By vkey. */
  readonly #counted: ReadonlyMap<string, VerifierKey>

  constructor(parts: SignersParts) {
    this.#parts = parts
    this.#counted = new Map(parts.counted.map((key) => [key.vkey, key]))
  }

  /** Keeps who cosigned a head that is proven to be on our history, whether they count or not. */
  async remember(
    log: string,
    { text, signatures }: Note,
    cosignatures: ReadonlyMap<string, Cosignature>,
  ): Promise<void> {
    const { kept } = this.#parts
    const { size } = parseCheckpoint(text)
    const news = [...cosignatures].filter(([vkey, { time }]) => kept.isNews(log, vkey, { size, time }))
    // All are asked for at once, so that they share one write.
    await Promise.all(
      news.map(([vkey, { signature, time }]) => {
        const note = fromUtf8(formatNote({ text, signatures: [signatures[0]!, signature] }))!
        return kept.put(log, vkey, { size, time, note }, (keys) => this.#standings(keys))
      }),
    )
  }

  /** The largest head that we know to carry this key's cosignature, with this one alone. */
  async largestBy(log: string, vkey: string): Promise<CosignedHead | undefined> {
    const text = await this.#parts.kept.note(log, vkey)
    if (text === undefined) return undefined
    const note = parseNote(utf8(text))
    const key = this.#counted.get(vkey) ?? parseVerifierKey(vkey)
    const cosignatures = verifiedCosignatures(note, this.#parts.known.remembering([key]))
    return cosignatures.size === 0 ? undefined : cosignedHead(note.text, note.signatures[0]!, cosignatures)
  }

  /** The same over all logs, as notes of the log's line and the one of the key. */
  async signedBy(vkey: string): Promise<Uint8Array[]> {
    const heads = await Promise.all(this.#parts.kept.logs(vkey).map((log) => this.largestBy(log, vkey)))
    return heads.flatMap((head) => (head === undefined ? [] : encodeCosigned(head)))
  }

  /** The last that was heard of a witness, over all logs. It is not believed that it signed after we heard of it. */
  lastSeen(vkey: string): LastSeen | undefined {
    const { kept } = this.#parts
    const all = kept.logs(vkey).map((log) => {
      const { size, time, heardAt } = kept.get(log, vkey)!
      return { log, size, time: Math.min(time, Math.floor(heardAt / 1000)) }
    })
    return all.reduce<LastSeen | undefined>((last, next) => (next.time > (last?.time ?? 0) ? next : last), undefined)
  }

  #standings(keys: readonly string[]): Standing[] {
    const relayed = new Set(this.#parts.relayed().map(({ vkey }) => vkey))
    return keys.map((key) => (this.#counted.has(key) ? 'counted' : relayed.has(key) ? 'relayed' : 'stranger'))
  }
}
