/**
 * Suspects: validly signed heads that could not be tied to our history yet. They are kept on disk, shown, retried, and
 * reported if they stay; they are never dropped silently. Only the holder of the log's key can make one. A suspect that
 * was not examined, because too many arrived at once, is kept in memory until it is: a flood of them must not crowd the
 * others off the disk.
 */
import { areCounts, areTexts, type JsonObject } from '../lib/is-object.js'
import { Lru } from '../lib/lru.js'
import type { Table } from '../store/disk.js'
import { readRecord } from '../store/json.js'
import type { ErrorCode } from '../errors.js'
import { isAccepted } from '../errors/attempt.js'
import { toHex, utf8 } from '../tlog/bytes.js'
import { parseCheckpoint } from '../tlog/checkpoint.js'
import { sha256 } from '../tlog/hash.js'
import { formatNote, MAX_NOTE_BYTES, parseNote, spellNote, type Note } from '../tlog/note.js'
import type { ProvenHead } from './cosigned-head.js'
import type { Candidate, Head } from './head.js'
import { SOURCES, type Door } from './source.js'

/** Suspects kept per log; a log that signs more than this is caught already. */
export const MAX_SUSPECTS_PER_LOG = 256

/**
 * Heads kept per log that are padded beyond the size of a message, each up to MAX_READ_NOTE_BYTES. Only the holder of
 * the log's key can make one, and one is enough to raise an alarm.
 */
const MAX_PADDED_PER_LOG = 4

/** Codes that mean that a head was not examined. */
const UNEXAMINED: ReadonlySet<ErrorCode> = new Set(['HEADS_WAITING', 'PEER_BUDGET'])

/** The most peers remembered to have brought one suspect. */
const MAX_BRINGERS = 8
/** Cosignatures kept with a suspect: a head may be one only because our view of the log lags. */
const MAX_LINES = 90

export interface Suspect {
  /** The first 16 hex digits of the SHA-256 of its note. */
  readonly id: string
  /** Log id. */
  readonly log: string
  /** Null for a size beyond 2^53 - 1. */
  readonly size: number | null
  /** The head as a note with the log's line and the cosignatures that came with it. */
  readonly note: string
  /** ISO 8601. */
  readonly firstSeen: string
  readonly door: Door
  /** Peer id of the peer that brought it. */
  readonly peer?: string
  /** Why it could not be tied to our history at the last attempt. */
  readonly code: ErrorCode
  /** Whether it was reported that it stays unproven. */
  readonly alarmed: boolean
}

/** The head with the cosignatures that came with it, now and before, the newest of each signer. */
function withCosignatures({ logNote, cosignatures }: Head, known: Suspect | undefined): string {
  const before = known === undefined ? [] : parseNote(utf8(known.note)).signatures.slice(1)
  const lines = new Map(before.map((line) => [`${line.name}+${line.keyId}`, line]))
  for (const { signature } of cosignatures.values()) lines.set(`${signature.name}+${signature.keyId}`, signature)
  const signatures = [...logNote.signatures, ...[...lines.values()].slice(0, MAX_LINES)]
  return spellNote({ text: logNote.text, signatures })
}

function isSuspect({ id, log, size, note, firstSeen, code }: JsonObject): boolean {
  if (!areTexts(id, log, note, firstSeen, code) || !(size === null || areCounts(size))) return false
  return isAccepted(() => {
    const { text } = parseNote(utf8(note as string))
    if (size !== null) parseCheckpoint(text)
  })
}

/** Whether a head is larger than a message holds with the log's line alone: anyone may add the lines of witnesses. */
function isPadded(note: string): boolean {
  const ofLog = note.indexOf('\n', note.lastIndexOf('\n\n') + 2) + 1
  return utf8(note.slice(0, ofLog)).length > MAX_NOTE_BYTES
}

/** The id of a head as a suspect. */
function idOf(logNote: Note): string {
  return toHex(sha256(formatNote(logNote))).slice(0, 16)
}

/** The oldest suspect from the peer that brought most of these. */
function oldestOfTheBusiest(oldestFirst: readonly Suspect[]): Suspect | undefined {
  const counts = new Map<string | undefined, number>()
  for (const { peer } of oldestFirst) counts.set(peer, (counts.get(peer) ?? 0) + 1)
  const most = Math.max(...counts.values())
  return oldestFirst.find(({ peer }) => counts.get(peer) === most)
}

export class Suspects {
  readonly #table: Table
  readonly #byLog = new Map<string, Map<string, Suspect>>()
  /** Peers that brought a suspect since the start, by its id. */
  readonly #bringers = new Lru<string[]>(MAX_SUSPECTS_PER_LOG)

  private constructor(table: Table) {
    this.#table = table
  }

  /** Throws STORE_DAMAGED. */
  static async load(table: Table): Promise<Suspects> {
    const suspects = new Suspects(table)
    for (const [key, json] of await table.entries()) {
      const suspect = readRecord('suspects', key, json, isSuspect) as Suspect
      suspects.#of(suspect.log).set(suspect.id, suspect)
    }
    return suspects
  }

  /** What is kept of a head as a suspect. */
  of({ log, logNote }: Head): Suspect | undefined {
    return this.#of(log.id).get(idOf(logNote))
  }

  /** A suspect as a head; undefined if no tree has its size. */
  headOf({ size, note }: Suspect): ProvenHead | undefined {
    const { text, signatures } = parseNote(utf8(note))
    return size === null ? undefined : { ...parseCheckpoint(text), note: { text, signatures: signatures.slice(0, 1) } }
  }

  /** The suspects of a log, oldest first. */
  list(log: string): Suspect[] {
    return [...this.#of(log).values()].sort((a, b) => (a.firstSeen < b.firstSeen ? -1 : 1))
  }

  /**
   * Keeps a head as a suspect, or records why it still is one. `isNew` when it was examined for the first time. If
   * there are too many, one that was not examined is evicted, of the peer that brought most of those; otherwise the
   * oldest one that was not reported, but never the largest, which says most.
   */
  async keep(
    head: Head,
    { source, peer, receivedAt }: Candidate,
    code: ErrorCode,
  ): Promise<{ isNew: boolean; suspect: Suspect; dropped?: Suspect }> {
    const { log, logNote, checkpoint } = head
    const known = this.#of(log.id).get(idOf(logNote))
    const note = withCosignatures(head, known)
    if (peer !== undefined) this.#noteBringer(idOf(logNote), peer)
    const wasExamined = known !== undefined && !UNEXAMINED.has(known.code)
    const suspect: Suspect = known
      ? { ...known, note, code: wasExamined && UNEXAMINED.has(code) ? known.code : code }
      : {
          id: idOf(logNote),
          log: log.id,
          size: checkpoint?.size ?? null,
          note,
          firstSeen: new Date(receivedAt).toISOString(),
          door: SOURCES[source].door,
          ...(peer !== undefined && { peer }),
          code,
          alarmed: false,
        }
    const crowd = known === undefined ? this.#crowdOf(suspect) : undefined
    const dropped = crowd === undefined ? undefined : await this.#makeRoom(crowd)
    if (known?.code !== suspect.code || known.note !== note) await this.#put(suspect)
    const isNew = !wasExamined && !UNEXAMINED.has(code)
    return { isNew, suspect, ...(dropped && { dropped }) }
  }

  /** One of the peers that brought it lately, rotating: the first one need not be able to explain it. */
  bringer({ id }: Suspect): string | undefined {
    const peers = this.#bringers.get(id)
    const next = peers?.shift()
    if (next !== undefined) peers!.push(next)
    return next
  }

  #noteBringer(id: string, peer: string): void {
    const before = this.#bringers.get(id) ?? []
    this.#bringers.put(id, [...before.filter((other) => other !== peer), peer].slice(-MAX_BRINGERS))
  }

  /** The suspects of which one must go before this one is kept, oldest first; undefined while there is room. */
  #crowdOf({ log, note }: Suspect): Suspect[] | undefined {
    const padded = isPadded(note) ? this.list(log).filter((other) => isPadded(other.note)) : []
    if (padded.length >= MAX_PADDED_PER_LOG) return padded
    return this.#of(log).size < MAX_SUSPECTS_PER_LOG ? undefined : this.list(log)
  }

  async #makeRoom(oldestFirst: readonly Suspect[]): Promise<Suspect> {
    const largest = Math.max(...oldestFirst.map(({ size }) => size ?? Infinity))
    const candidates = oldestFirst.filter(({ size }) => (size ?? Infinity) < largest)
    const dropped =
      oldestOfTheBusiest(candidates.filter(({ code }) => UNEXAMINED.has(code))) ??
      candidates.find(({ alarmed }) => !alarmed) ??
      candidates[0] ??
      oldestFirst[0]!
    await this.#delete(dropped)
    return dropped
  }

  /** Marks a suspect as reported. False when it was already, or is no longer kept. */
  async alarm({ log, id }: Suspect): Promise<boolean> {
    const kept = this.#of(log).get(id)
    if (kept === undefined || kept.alarmed) return false
    await this.#put({ ...kept, alarmed: true })
    return true
  }

  /** Forgets a head that was tied to our history, or that convicted the log. Returns what was kept of it. */
  async resolve(log: string, logNote: Note): Promise<Suspect | undefined> {
    const suspects = this.#of(log)
    if (suspects.size === 0) return undefined
    const id = idOf(logNote)
    const suspect = suspects.get(id)
    this.#bringers.delete(id)
    if (suspect !== undefined) await this.#delete(suspect)
    return suspect
  }

  /** Kept in memory at once, so that nobody keeps it twice; removed again if the disk write fails. */
  async #put(suspect: Suspect): Promise<void> {
    const { log, id } = suspect
    const before = this.#of(log).get(id)
    this.#of(log).set(id, suspect)
    if (UNEXAMINED.has(suspect.code)) return
    try {
      await this.#table.put(`${log}!${id}`, JSON.stringify(suspect))
    } catch (error) {
      if (before === undefined) this.#of(log).delete(id)
      else this.#of(log).set(id, before)
      throw error
    }
  }

  async #delete({ log, id, code }: Suspect): Promise<void> {
    this.#of(log).delete(id)
    if (!UNEXAMINED.has(code)) await this.#table.del(`${log}!${id}`)
  }

  #of(log: string): Map<string, Suspect> {
    let suspects = this.#byLog.get(log)
    if (suspects === undefined) this.#byLog.set(log, (suspects = new Map<string, Suspect>()))
    return suspects
  }
}
