/**
 * Asks the log for module versions, and believes what is proven under the quorum head. Lookups run concurrently; the
 * records they return are proven together, each tile once.
 */
import { errorText, GossumError } from '../errors.js'
import { unlessRefused } from '../errors/attempt.js'
import { requireRecord, type SumdbClient, type VerifiedHead } from '../sumdb/client.js'
import { parseCheckpoint } from '../tlog/checkpoint.js'
import { fromUtf8 } from '../tlog/bytes.js'
import { StatusError } from '../sumdb/status-error.js'
import { mapBounded } from '../lib/single-flight.js'
import { MAX_TILE_RECORDS, type ModuleVersion } from '../sumdb/module.js'
import { goSumLines } from '../tlog/record.js'
import type { Hash } from '../tlog/hash.js'
import type { VerifierKey } from '../tlog/note.js'
import { MAX_LINE_BYTES, type LogAnswer, type Doubt } from './gosum.js'
import { doubtOf, ShownHeads, type LogConviction } from './observed-heads.js'
import { isWorthReading, readWhole, type OnRecord } from './whole-log.js'

/** The most lines of one record that are kept: a record has two, and one of a million must not exhaust the memory. */
const MAX_LINES = 16
/** Lookups made concurrently. */
export const LOOKUPS_AT_ONCE = 64
/** Modules that are looked up and proven in one batch: records from an untrusted server take at most 128 MiB. */
const CHUNK = 2048
/** After this many lookups in a row without an answer the rest are not made: each takes a minute to give up. */
const MAX_SILENCE = 16
/** After this many groups of records that could not be proven, the rest are left unproven. */
const MAX_FAILED_TILES = 8
/** Groups of records that are proven concurrently, after they could not be proven all at once. */
const GROUPS_AT_ONCE = 4

export interface CheckParts {
  readonly client: SumdbClient
  readonly key: VerifierKey
  /** The head under which everything is proven. The caller knows that it has its quorum. */
  readonly quorum: VerifiedHead
  /** Other heads that the log showed. */
  readonly shown?: readonly VerifiedHead[]
  /** Keeps the proven records, up to this many bytes. */
  readonly keepBytes?: number
  readonly signal?: AbortSignal
}

export interface Checked {
  /** In the order of the modules. */
  readonly answers: readonly LogAnswer[]
  /** Proven records by number, as many as were to be kept. */
  readonly records: ReadonlyMap<number, Uint8Array>
  /** Whether those are all proven records. */
  readonly isWhole: boolean
  /** Two heads that convict the log. */
  readonly conviction: LogConviction | undefined
}

/** The result of a lookup; only the signature of its head is verified. */
interface Asked extends ModuleVersion {
  readonly id: number
  readonly record: Uint8Array
  readonly shown: VerifiedHead
}

/** An answer that was refused, or none; heads that the log signed in it are judged all the same. */
interface Refused {
  readonly refusal: LogAnswer
  readonly heads: readonly VerifiedHead[]
}

/** Checks module versions. Throws only errors that are bugs, and the signal's reason when that is aborted. */
export async function checkModules(modules: readonly ModuleVersion[], parts: CheckParts): Promise<Checked> {
  const heads = new ShownHeads(parts.client, parts.key, parts.quorum)
  await heads.judge(parts.shown ?? [], parts.signal)
  const prover = new Prover(parts)
  const answers = await fromWholeLog(modules, parts, prover)
  const asker = new Asker(parts)
  const left = modules.filter((module) => !answers.has(keyOf(module)))
  for (let from = 0; from < left.length; from += CHUNK) {
    const chunk = left.slice(from, from + CHUNK)
    const asked = await asker.ask(chunk)
    const found = asked.filter((answer) => 'shown' in answer)
    await heads.judge(
      asked.flatMap((answer) => ('shown' in answer ? answer.shown : answer.heads)),
      parts.signal,
    )
    const proven = await prover.prove(found)
    for (const [i, answer] of asked.entries()) {
      const [own, shown] = 'shown' in answer ? [proven.get(answer)!, [answer.shown]] : [answer.refusal, answer.heads]
      answers.set(
        keyOf(chunk[i]!),
        shown.reduce((judged: LogAnswer, head) => withStanding(judged, heads, head), own),
      )
    }
  }
  return {
    answers: modules.map((module) => answers.get(keyOf(module))!),
    records: prover.records,
    isWhole: prover.isWhole,
    conviction: heads.conviction,
  }
}

function keyOf({ path, version }: ModuleVersion): string {
  return `${path}@${version}`
}

/** What a small log has about the modules, without a lookup. Modules not found this way remain to be looked up. */
async function fromWholeLog(
  modules: readonly ModuleVersion[],
  { client, quorum: { head }, signal }: CheckParts,
  prover: Prover,
): Promise<Map<string, LogAnswer>> {
  const answers = new Map<string, LogAnswer>()
  if (!isWorthReading(head, modules.length)) return answers
  const wanted = new Map(modules.map((module) => [keyOf(module), module]))
  const onRecord: OnRecord = (key, id, record) => {
    const module = wanted.get(key)
    // If a module version has two records, the first one counts.
    if (module !== undefined && !answers.has(key)) answers.set(key, prover.accept(module, id, record))
  }
  try {
    await readWhole(client, head, onRecord, signal)
  } catch (error) {
    signal?.throwIfAborted()
    // Some servers have no data tiles, and some tiles are bad: lookups will tell. What was proven remains valid.
    doubtOf(error)
  }
  return answers
}

/**
 * A head that contradicts the quorum head outweighs the answer it came with; one that cannot be compared casts doubt on
 * it.
 */
function withStanding(answer: LogAnswer, heads: ShownHeads, { head }: VerifiedHead): LogAnswer {
  const standing = heads.standing(head)
  if (standing.kind === 'consistent') return answer
  if (standing.kind === 'conflict') {
    return { kind: 'log-conflict', reason: `the log showed a head of ${head.size} records that is of another history` }
  }
  return answer.kind === 'record' && 'reason' in standing ? { ...answer, doubt: standing } : answer
}

// ---- asking ----------------------------------------------------------------------------------------------------

class Asker {
  readonly #parts: CheckParts
  /** Lookups without an answer since the last that had one. */
  #silence = 0

  constructor(parts: CheckParts) {
    this.#parts = parts
  }

  ask(modules: readonly ModuleVersion[]): Promise<(Asked | Refused)[]> {
    return mapBounded(modules, LOOKUPS_AT_ONCE, this.#parts.signal, (module, signal) => this.#ask(module, signal))
  }

  async #ask({ path, version }: ModuleVersion, signal: AbortSignal): Promise<Asked | Refused> {
    if (this.#silence >= MAX_SILENCE) return refused({ kind: 'pending', reason: 'not asked: the log does not answer' })
    const heads: VerifiedHead[] = []
    const onHead = (note: Uint8Array): void => {
      const head = sizedHead(note)
      if (head !== undefined) heads.push(head)
    }
    try {
      const { id, record, head, note } = await this.#parts.client.ask(path, version, { signal, onHead })
      this.#silence = 0
      // A copy, so that the whole answer need not be kept.
      return { path, version, id, record: record.slice(), shown: { head, note } }
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof StatusError && (error.status === 404 || error.status === 410)) {
        this.#silence = 0
        return refused({ kind: 'not-in-log', reason: wordsOf(error) })
      }
      const doubt = doubtOf(error)
      this.#silence = doubt.kind === 'pending' ? this.#silence + 1 : 0
      return refused(doubt, heads)
    }
  }
}

function refused(refusal: LogAnswer, heads: readonly VerifiedHead[] = []): Refused {
  return { refusal, heads }
}

/** A signed note as a head; undefined for one of an impossible size, which is what its refusal says. */
function sizedHead(note: Uint8Array): VerifiedHead | undefined {
  return unlessRefused(() => ({ note, head: parseCheckpoint(fromUtf8(note)!) }))
}

/** The log's message, without the URL. */
function wordsOf({ detail }: StatusError): string {
  return detail.slice(detail.indexOf(': status ') + 2)
}

// ---- proving ---------------------------------------------------------------------------------------------------

class Prover {
  readonly #parts: CheckParts
  readonly records = new Map<number, Uint8Array>()
  isWhole = true
  #room: number
  #failed = 0

  constructor(parts: CheckParts) {
    this.#parts = parts
    this.#room = parts.keepBytes ?? 0
  }

  async prove(asked: readonly Asked[]): Promise<Map<Asked, LogAnswer>> {
    const { size } = this.#parts.quorum.head
    const answers = new Map<Asked, LogAnswer>()
    const covered = asked.filter(({ id }) => id < size)
    for (const { answer, leaf } of await this.#leaves(covered)) {
      answers.set(answer, leaf instanceof Uint8Array ? this.#judge(answer, leaf) : leaf)
    }
    for (const answer of asked) {
      if (answer.id < size) continue
      const reason = `record ${answer.id} is not in the quorum head of ${size} records yet`
      answers.set(answer, { kind: 'pending', id: answer.id, reason })
    }
    return answers
  }

  /** The leaf hash at the position of each record; a doubt where the tiles have none. */
  async #leaves(asked: readonly Asked[]): Promise<{ answer: Asked; leaf: Hash | Doubt }[]> {
    const together = await this.#leavesOf(asked)
    if (Array.isArray(together)) return together
    // One bad tile affects only the records in it.
    const groups = new Map<number, Asked[]>()
    for (const answer of asked) {
      const tile = Math.floor(answer.id / MAX_TILE_RECORDS)
      groups.set(tile, [...(groups.get(tile) ?? []), answer])
    }
    const parts = await mapBounded([...groups.values()], GROUPS_AT_ONCE, this.#parts.signal, async (group) => {
      const leaves = this.#failed < MAX_FAILED_TILES ? await this.#leavesOf(group) : together
      if (Array.isArray(leaves)) return leaves
      this.#failed++
      return group.map((answer) => ({ answer, leaf: leaves }))
    })
    return parts.flat()
  }

  async #leavesOf(asked: readonly Asked[]): Promise<{ answer: Asked; leaf: Hash }[] | Doubt> {
    const { client, quorum, signal } = this.#parts
    const ids = asked.map(({ id }) => id)
    try {
      const leaves = await client.leafHashes(quorum.head, ids, signal === undefined ? {} : { signal })
      return asked.map((answer, i) => ({ answer, leaf: leaves[i]! }))
    } catch (error) {
      signal?.throwIfAborted()
      return doubtOf(error)
    }
  }

  #judge(asked: Asked, leaf: Hash): LogAnswer {
    const { id, record } = asked
    try {
      requireRecord(record, id, this.#parts.quorum.head, leaf)
      return this.accept(asked, id, record)
    } catch (error) {
      if (!(error instanceof GossumError)) throw error
      return { kind: 'unproven', id, reason: errorText(error) }
    }
  }

  /** What a proven record says about a module version. It is parsed only now. */
  accept({ path, version }: ModuleVersion, id: number, record: Uint8Array): LogAnswer {
    try {
      const lines = goSumLines(record, path, version).filter(({ length }) => length <= MAX_LINE_BYTES)
      this.#keep(id, record)
      return { kind: 'record', id, lines: lines.slice(0, MAX_LINES) }
    } catch (error) {
      if (!(error instanceof GossumError)) throw error
      return { kind: 'unproven', id, reason: errorText(error) }
    }
  }

  #keep(id: number, record: Uint8Array): void {
    if (this.records.has(id)) return
    this.#room -= record.length
    if (this.#room < 0) this.isWhole = false
    else this.records.set(id, record)
  }
}
