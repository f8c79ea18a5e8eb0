/**
 * What a node and the log itself say about one head. Neither is believed: a head is inconsistent only when two
 * signatures and a proof show it.
 */
import { compareHeads } from '../../../audit/signed-heads.js'
import type { LogSetting } from '../../../config/config.js'
import { ERRORS, GossumError, type ErrorCode } from '../../../errors.js'
import { BAD_RECORD, makeSplitView, parseEvidence, verifyEvidence, type TwoHeads } from '../../../evidence/evidence.js'
import type { HeadAnswer } from '../../../status/shapes.js'
import { SumdbClient } from '../../../sumdb/client.js'
import { equalBytes } from '../../../tlog/bytes.js'
import type { Checkpoint } from '../../../tlog/checkpoint.js'
import { EMPTY_ROOT, formatHash } from '../../../tlog/hash.js'
import { parseNote, type Note } from '../../../tlog/note.js'
import type { NodeClient } from '../../node-client.js'
import { grouped } from '../../../lib/words.js'

/** A head signed by the log, as someone remembers it. */
export interface RememberedHead {
  readonly bytes: Uint8Array
  readonly note: Note
  /** Undefined for a size beyond 2^53 - 1. */
  readonly head: Checkpoint | undefined
}

export type HeadVerdict = 'consistent' | 'inconsistent' | 'pending'

/** What was said, or why there was no answer. */
export type Said = { readonly url: string } & (
  | { readonly error: { readonly code: ErrorCode; readonly message: string } }
  | { readonly error?: never; readonly verdict: HeadVerdict; readonly text: string; readonly fields: object }
)

export interface HeadStatement {
  readonly said: Said
  /** Verified: the log has signed another history than that of the head. */
  readonly evidence?: TwoHeads
}

/** Milliseconds that the log may take for everything together. */
const LOG_TIMEOUT_MS = 60_000

function failed(url: string, error: unknown): HeadStatement {
  if (!(error instanceof GossumError)) throw error
  return { said: { url, error: { code: error.code, message: error.message } } }
}

// ---- the node --------------------------------------------------------------------------------------------------

/** Submits the head to a node, and so to its peers. */
export async function askNode(
  node: NodeClient,
  { key }: Pick<LogSetting, 'key'>,
  { bytes }: Pick<RememberedHead, 'bytes'>,
): Promise<HeadStatement> {
  const { url } = node
  try {
    const answer = await node.submit<HeadAnswer>('/api/v1/heads', 'text/plain; charset=utf-8', bytes, 'outcome')
    const { outcome, code, held, evidence: id } = answer
    const fields = { outcome, code, held, evidence: id }
    if (outcome !== 'conflict') return { said: { url, verdict: verdictOf(answer), text: wordsFor(answer), fields } }
    // The node's word is no proof; the evidence it holds is.
    const evidence = parseEvidence(await node.ask(`/api/v1/evidence/${encodeURIComponent(id ?? '')}`))
    if (evidence.type === BAD_RECORD) throw new GossumError('EVIDENCE_UNPROVEN', 'it is about records, not about heads')
    const conviction = verifyEvidence(evidence, [key])
    const text = `contradicts its history (${holds(held)}); evidence ${conviction.id}`
    return { said: { url, verdict: 'inconsistent', text, fields }, evidence }
  } catch (error) {
    return failed(url, error)
  }
}

function verdictOf({ outcome }: HeadAnswer): HeadVerdict {
  return outcome === 'advanced' || outcome === 'known' || outcome === 'past' ? 'consistent' : 'pending'
}

function wordsFor({ outcome, code, held }: HeadAnswer): string {
  const why = code !== null && Object.hasOwn(ERRORS, code) ? ERRORS[code][0] : String(code)
  switch (outcome) {
    case 'advanced':
      return 'continues its history, and is the newest head that it holds now'
    case 'known':
      return 'is the newest head that it holds'
    case 'past':
      return `is part of its history (${holds(held)})`
    case 'pending':
      if (code === 'SIZE_IMPOSSIBLE' || code === 'NOTE_TOO_LARGE')
        return `is a lie that no evidence holds (${why}): it is kept as a suspect, and the log is frozen`
      return `cannot be proven yet (${holds(held)}): ${why}; it is kept, and will be tried again`
    default:
      return `not taken (${holds(held)}): ${why}`
  }
}

function holds(size: number | null): string {
  return size === null ? 'it holds no head' : `it holds size ${grouped(size)}`
}

// ---- the log ---------------------------------------------------------------------------------------------------

/** A log with a URL. */
export type PolledLog = LogSetting & { readonly url: string }

/** Compares the head with the one that the log shows now, using the tiles of the larger one. */
export async function askLog({ key, url, origin }: PolledLog, remembered: RememberedHead): Promise<HeadStatement> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new GossumError('TIMEOUT', url)), LOG_TIMEOUT_MS)
  try {
    const { head: ours } = remembered
    if (ours === undefined) throw new GossumError('SIZE_IMPOSSIBLE', remembered.note.text.split('\n')[1])
    // No history contains it: the log need not be asked.
    if (ours.size === 0 && !equalBytes(ours.root, EMPTY_ROOT)) {
      const evidence = makeSplitView(key, [remembered.note, remembered.note])
      const text = 'was not asked: no empty tree has this root'
      return { said: { url, verdict: 'inconsistent', text, fields: { size: null, root: null } }, evidence }
    }
    const client = new SumdbClient({ url, key, origin })
    const { head: shown, note } = await client.latest(late)
    const pair = [
      { head: ours, note: remembered.note },
      { head: shown, note: parseNote(note) },
    ] as const
    const evidence = await compareHeads(key, pair, [client], late)
    const fields = { size: shown.size, root: formatHash(shown.root) }
    if (evidence !== undefined) {
      const text = `shows size ${grouped(shown.size)}, of another history`
      return { said: { url, verdict: 'inconsistent', text, fields }, evidence }
    }
    // The empty tree is part of every history.
    if (shown.size < ours.size && shown.size === 0) {
      return { said: { url, verdict: 'pending', text: 'shows the empty tree, which proves nothing', fields } }
    }
    return { said: { url, verdict: 'consistent', text: relation(ours.size, shown.size), fields } }
  } catch (error) {
    return failed(url, error)
  } finally {
    clearTimeout(timer)
  }
}

function relation(ours: number, shown: number): string {
  if (ours === shown) return 'shows the same head'
  const size = grouped(shown)
  return ours < shown ? `shows size ${size}, which continues it` : `shows size ${size}, which is part of it`
}
