/**
 * Who cosigned what last, remembered apart from what we think of it. Of each witness key and log there are two kinds: the
 * largest head of our history that carries its line, which people are shown and conflicts are looked for with; and the
 * largest that was seen at all (a suspect, a refused head, one of a frozen log, a fork), if that is not smaller. A witness that
 * lost its memory is told both; what was only seen never takes the place of what is on our history.
 */
import type { SeenLines } from '../store/seen-lines.js'
import type { SignedBy, KeyStanding } from '../store/signed-by.js'
import { utf8 } from '../tlog/bytes.js'
import { parseCheckpoint } from '../tlog/checkpoint.js'
import { formatHash } from '../tlog/hash.js'
import { verifiedCosignatures, type Cosignature } from '../tlog/cosignature.js'
import type { Tree } from '../tlog/merkle.js'
import { parseNote, parseVerifierKey, spellNote, type Note, type VerifierKey } from '../tlog/note.js'
import { cosignedHead, encodeCosigned, type CosignedHead } from './cosigned-head.js'
import type { SignatureCache } from './signature-cache.js'

/** A head that a witness cosigned, with the time that it says, in POSIX seconds. */
export interface LastSeen {
  readonly log: string
  readonly size: number
  readonly time: number
}

export interface SignersParts {
  readonly kept: SignedBy
  readonly seen: SeenLines
  /** Keys that count. */
  readonly counted: readonly VerifierKey[]
  /** Keys that only neighbours count. */
  readonly relayed: () => readonly VerifierKey[]
  /** The lines that were verified before. */
  readonly known: SignatureCache
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
    tree: Tree = parseCheckpoint(text),
  ): Promise<void> {
    if (cosignatures.size === 0) return
    const { kept, seen } = this.#parts
    const { size } = tree
    const root = formatHash(tree.root)
    const news = [...cosignatures].filter(([vkey, { time }]) => kept.isNews(log, vkey, { size, time }))
    // All are asked for at once, so that they share one write.
    await Promise.all([
      ...news.map(([vkey, { signature, time }]) => {
        const note = spellNote({ text, signatures: [signatures[0]!, signature] })
        return kept.put(log, vkey, { size, time, note }, (keys) => this.#standings(keys))
      }),
      ...[...cosignatures.keys()].map((vkey) => seen.forget(log, vkey, { size, root })),
    ])
  }

  /**
   * Keeps who cosigned a head that the log signed and of which nothing else is known. To be asked about every head that
   * does not end on our history; it costs next to nothing when there is nothing new. All `cosignatures` are verified, and
   * by keys that we or a neighbour count or whose bearer has proven to have them.
   */
  async see(log: string, { text, signatures }: Note, cosignatures: ReadonlyMap<string, Cosignature>): Promise<void> {
    if (cosignatures.size === 0) return
    const { kept, seen } = this.#parts
    const { size, root } = headOf(text)
    const news = [...cosignatures].filter(([vkey, { time }]) => {
      const proven = kept.get(log, vkey)
      const isLarger = proven === undefined || size > proven.size
      const isOther = size === proven?.size && root !== proven.root
      return (isLarger || isOther) && seen.isNews(log, vkey, { size, time, root })
    })
    await Promise.all(
      news.map(([vkey, { signature, time }]) => {
        const note = spellNote({ text, signatures: [signatures[0]!, signature] })
        return seen.put(log, vkey, { size, time, root, note }, (keys) => this.#standings(keys))
      }),
    )
  }

  /** The largest head of our history that we know to carry this key's cosignature, with this one alone. */
  async largestBy(log: string, vkey: string): Promise<CosignedHead | undefined> {
    const text = await this.#parts.kept.note(log, vkey)
    return text === undefined ? undefined : this.#read(text, vkey)
  }

  /** The logs of which a head is kept that carries this key's cosignature. */
  logs(vkey: string): string[] {
    return [...new Set([...this.#parts.kept.logs(vkey), ...this.#parts.seen.logs(vkey)])]
  }

  /**
   * What its bearer is told of a log: the largest head of our history and the largest that was seen at all, or two of
   * those of one size, as notes of the log's line and the one of the key.
   */
  async told(log: string, vkey: string): Promise<Uint8Array[]> {
    const [proven, seen] = await Promise.all([this.largestBy(log, vkey), this.#parts.seen.notes(log, vkey)])
    const heads = [proven, ...seen.map((text) => this.#read(text, vkey))]
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

  /** A head that is kept with the line of a key; undefined when that does not verify (any more). */
  #read(text: string, vkey: string): CosignedHead | undefined {
    const note = parseNote(utf8(text))
    const key = this.#counted.get(vkey) ?? parseVerifierKey(vkey)
    const cosignatures = verifiedCosignatures(note, this.#parts.known.remembering([key]))
    return cosignatures.size === 0 ? undefined : cosignedHead(note.text, note.signatures[0]!, cosignatures)
  }

  #standings(keys: readonly string[]): KeyStanding[] {
    const relayed = new Set(this.#parts.relayed().map(({ vkey }) => vkey))
    return keys.map((key) => (this.#counted.has(key) ? 'counted' : relayed.has(key) ? 'relayed' : 'stranger'))
  }
}

function headOf(text: string): { size: number; root: string } {
  const { size, root } = parseCheckpoint(text)
  return { size, root: formatHash(root) }
}
