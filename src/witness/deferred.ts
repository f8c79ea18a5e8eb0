/**
 * Heads that arrived while nothing could be signed. When signing is possible again they are processed, the largest
 * first. Until those of a log are done, nothing else of that log is signed: one of them may be what our key signed
 * before.
 *
 * Each witness sends its cosignature of a head in a message of its own, so the lines of later messages are kept, too:
 * if the log stands still, nobody sends them again.
 *
 * Pure.
 */
import type { Cosignature } from '../tlog/cosignature.js'
import { formatNote, type Note, type Signature, type VerifierKey } from '../tlog/note.js'
import type { Candidate, SizedHead } from './head.js'

/** Waiting heads per log. Each is proven to extend ours, so honest logs have few. */
const MAX_PER_LOG = 8
/** Logs with waiting heads. */
const MAX_LOGS = 4096
/** Later lines per head by keys that we do not count: those of as many neighbours' keys as are read at once. */
const MAX_UNCOUNTED_LINES = 256

/** New lines for a waiting head, and who brought them. Its text is not kept again. */
interface Later {
  readonly from: Omit<Candidate, 'note'>
  readonly lines: readonly Signature[]
}

interface Waiting {
  readonly size: number
  readonly logNote: Note
  readonly first: Candidate
  readonly later: Later[]
  /** The keys (vkey) whose lines it has by now. */
  readonly keys: Set<string>
}

export class Deferred {
  readonly #counted: ReadonlySet<string>
  readonly #byLog = new Map<string, Waiting[]>()

  /** `counted` are the keys that our policy counts: nobody else's lines can displace theirs. */
  constructor(counted: readonly VerifierKey[]) {
    this.#counted = new Set(counted.map(({ vkey }) => vkey))
  }

  /** Keeps a head; if there are too many, the smallest are dropped. Of one that is kept already, its new lines. */
  add({ log, checkpoint, logNote, cosignatures }: SizedHead, candidate: Candidate): void {
    const waiting = this.#byLog.get(log.id) ?? []
    const known = waiting.find((head) => head.logNote.text === logNote.text)
    if (known !== undefined) return this.#addLines(known, cosignatures, candidate)
    if (!this.#byLog.has(log.id) && this.#byLog.size >= MAX_LOGS) return
    const keys = new Set(cosignatures.keys())
    const first = { ...again(candidate), note: candidate.note }
    waiting.push({ size: checkpoint.size, logNote, first, later: [], keys })
    waiting.sort((a, b) => b.size - a.size).splice(MAX_PER_LOG)
    this.#byLog.set(log.id, waiting)
  }

  #addLines({ keys, later }: Waiting, cosignatures: ReadonlyMap<string, Cosignature>, candidate: Candidate): void {
    let room = MAX_UNCOUNTED_LINES - [...keys].filter((key) => !this.#counted.has(key)).length
    const lines: Signature[] = []
    for (const [key, { signature }] of cosignatures) {
      if (keys.has(key) || (!this.#counted.has(key) && room-- <= 0)) continue
      keys.add(key)
      lines.push(signature)
    }
    if (lines.length > 0) later.push({ from: again(candidate), lines })
  }

  /** The logs that have heads waiting or in progress. */
  logs(): readonly string[] {
    return [...this.#byLog.keys()]
  }

  /** Whether a log has heads waiting or in progress. */
  isOpen(log: string): boolean {
    return this.#byLog.has(log)
  }

  /** Takes the waiting heads of a log, the largest first. The log stays open until done() is called. */
  take(log: string): readonly Candidate[] {
    return (this.#byLog.get(log)?.splice(0) ?? []).flatMap(({ logNote: { text, signatures }, first, later }) => [
      first,
      ...later.map(({ from, lines }) => ({
        ...from,
        note: formatNote({ text, signatures: [...signatures, ...lines] }),
      })),
    ])
  }

  /** The heads taken from a log are done. Returns those that arrived in the meantime. */
  done(log: string): readonly Candidate[] {
    const left = this.take(log)
    this.#byLog.delete(log)
    return left
  }
}

/** The head again, without the proof that came with it: ours may have grown since. */
function again({ log, peer, receivedAt }: Candidate): Omit<Candidate, 'note'> {
  return { source: 'replay', receivedAt, ...(log !== undefined && { log }), ...(peer !== undefined && { peer }) }
}
