/**
 * Remembers who last cosigned what, whatever we think of the head. For each witness key and log there are two heads:
 * the largest of our history that carries its line, which people are shown and which is searched for conflicts; and the
 * largest that was seen at all (a suspect, a refused head, one of a frozen log, a fork), if that is not smaller. A
 * witness that lost its memory is sent both. What was only seen never replaces what is on our history.
 */
import { allEnded } from '../lib/all-ended.js'
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

/** A head that a witness cosigned, with the time of the cosignature in POSIX seconds. */
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

  /** Keeps who cosigned a head that is proven to be on our history, whether or not they count. */
  async remember(
    log: string,
    { text, signatures }: Note,
    cosignatures: ReadonlyMap<string, Cosignature>,
    tree: Tree = parseCheckpoint(text),
  ): Promise<void> {
    const { kept, seen } = this.#parts
    const { size } = tree
    const root = formatHash(tree.root)
    const news = [...cosignatures].filter(([vkey, { time }]) => kept.isNews(log, vkey, { size, time }))
    // All are requested at once, so that they share one write.
    await allEnded([
      ...news.map(([vkey, { signature, time }]) => {
        const note = spellNote({ text, signatures: [signatures[0]!, signature] })
        return kept.put(log, vkey, { size, time, note }, (keys) => this.#standings(keys))
      }),
      ...[...cosignatures.keys()].map((vkey) => seen.forget(log, vkey, { size, root })),
    ])
  }

  /**
   * Keeps who cosigned a head that the log signed and about which nothing else is known. To be called for every head
   * whose outcome is not on our history; it is cheap when there is nothing new. All `cosignatures` are verified, and
   * are by keys that we or a neighbour count or that a peer has proven to hold.
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
    await allEnded(
      news.map(([vkey, { signature, time }]) => {
        const note = spellNote({ text, signatures: [signatures[0]!, signature] })
        return seen.put(log, vkey, { size, time, root, note }, (keys) => this.#standings(keys))
      }),
    )
  }

  /** The largest head of our history that is known to carry this key's cosignature, with only this cosignature. */
  async largestBy(log: string, vkey: string): Promise<CosignedHead | undefined> {
    const text = await this.#parts.kept.note(log, vkey)
    return text === undefined ? undefined : this.#read(text, vkey)
  }

  /** The logs for which a head with this key's cosignature is kept. */
  logs(vkey: string): string[] {
    return [...new Set([...this.#parts.kept.logs(vkey), ...this.#parts.seen.logs(vkey)])]
  }

  /**
   * What the holder of a key is told of a log: the largest head of our history and the largest that was seen at all, or
   * two of the same size, as notes with the log's line and the key's.
   */
  async told(log: string, vkey: string): Promise<Uint8Array[]> {
    const [proven, seen] = await Promise.all([this.largestBy(log, vkey), this.#parts.seen.notes(log, vkey)])
    const heads = [proven, ...seen.map((text) => this.#read(text, vkey))]
    return heads.flatMap((head) => (head === undefined ? [] : encodeCosigned(head)))
  }

  /** The newest cosignature of a witness, over all logs. A time later than when we received it is not believed. */
  lastSeen(vkey: string): LastSeen | undefined {
    const { kept } = this.#parts
    const all = kept.logs(vkey).map((log) => {
      const { size, time, heardAt } = kept.get(log, vkey)!
      return { log, size, time: Math.min(time, Math.floor(heardAt / 1000)) }
    })
    return all.reduce<LastSeen | undefined>((last, next) => (next.time > (last?.time ?? 0) ? next : last), undefined)
  }

  /** A kept head with the line of a key; undefined when the line does not verify (any more). */
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
