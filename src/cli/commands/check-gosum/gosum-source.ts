/**
 * The quorum head under which `gossum check go.sum` proves lines, and what was proven: from a node, from the log
 * itself, from a home, or from a proof file. Whatever the source, the log's signature is verified here, and so are the
 * cosignatures if there is a policy.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { checkModules, LOOKUPS_AT_ONCE, type Checked } from '../../../audit/checker.js'
import type { LogAnswer } from '../../../audit/gosum.js'
import {
  encodeGoSumProof,
  makeGoSumProof,
  MAX_GO_SUM_PROOF_BYTES,
  parseGoSumProof,
  provenAnswers,
} from '../../../audit/proof.js'
import { errorCode, errorText, GossumError, HintedError, type ErrorCode } from '../../../errors.js'
import type { TwoHeads } from '../../../evidence/evidence.js'
import type { FoundHead } from '../../../evidence/report-shape.js'
import { witnessLies } from '../../../evidence/witness-lies.js'
import { Outgoing } from '../../../outgoing/http-client.js'
import { SumdbClient, type VerifiedHead } from '../../../sumdb/client.js'
import { refusedStatus } from '../../../sumdb/fetcher.js'
import type { ModuleVersion } from '../../../sumdb/module.js'
import { utf8 } from '../../../tlog/bytes.js'
import { logId, SUMDB_ORIGIN } from '../../../tlog/checkpoint.js'
import { MAX_NOTE_BYTES, parseNote, parseVerifierKey, SIGNATURE_TYPES, type VerifierKey } from '../../../tlog/note.js'
import { parsePolicy } from '../../../tlog/policy.js'
import { formatProofFile } from '../../../tlog/proof-file.js'
import { readFileBounded } from '../../named-files.js'
import type { GoSumSettings, GoSumSource } from './gosum-settings.js'
import { requireHead, type CosignatureVerdict, type TrustedKeys } from '../verdict.js'

/** A quorum head, and whose cosignatures made it one. */
export interface QuorumHead extends VerifiedHead {
  readonly cosignatures: readonly CosignatureVerdict[]
}

export interface GoSumAnswers {
  readonly quorum: QuorumHead
  /** By module version, `path@version`. */
  readonly answers: ReadonlyMap<string, LogAnswer>
  /** Evidence against the log and, with a policy, against witnesses that cosigned both heads; the log's comes first. */
  readonly evidence: readonly TwoHeads[]
  /** The convicting heads, as they were shown. */
  readonly convicting: readonly FoundHead[]
  /** The bytes of a proof file for everything that was proven, if one was requested. */
  readonly proof: Uint8Array | undefined
  /** Makes a c2sp.org/tlog-proof of one of the proven records, including the record, if records were requested. */
  readonly proveRecord?: (id: number) => Promise<Uint8Array>
}

/** What is needed besides answers: a proof file of all records, or proofs of records named later. */
export type Wanted = 'answers' | 'proof' | 'records'

/** There is no quorum head to prove anything under. That is nobody's fault, and may be temporary. */
export class NoQuorumHead extends HintedError {}

/** A log may take 15 seconds for a lookup, and a node waits another 10 for the quorum. */
const PATIENCE = { timeoutMs: 30_000, deadlineMs: 60_000 }
/** Tiles fetched concurrently: a large go.sum needs thousands. */
const TILES_AT_ONCE = 32
/** Connections to the log or node: one for each lookup in progress. */
const CONNECTIONS = LOOKUPS_AT_ONCE

/**
 * Proves what can be proven about these module versions. Throws NoQuorumHead, NODE_UNREACHABLE, LOG_UNREACHABLE, and
 * the codes of keys, policies, heads and homes.
 */
export async function askAbout(
  modules: readonly ModuleVersion[],
  settings: GoSumSettings,
  wanted: Wanted,
): Promise<GoSumAnswers> {
  const key = parseLogKey(settings.vkey)
  const trust: TrustedKeys = { logs: [key], ...(settings.policy && { policy: parsePolicy(settings.policy) }) }
  const { source } = settings
  if (source.kind === 'proof') return fromProof(source.file, key, trust)
  const url = source.kind === 'node' ? doorOf(source.url, key) : source.url
  const { fetch } = new Outgoing({ connections: CONNECTIONS })
  const client = new SumdbClient({ url, key, fetch, ...PATIENCE, tilesAtOnce: TILES_AT_ONCE })
  const parts = { client, key, keepBytes: wanted === 'answers' ? 0 : MAX_GO_SUM_PROOF_BYTES }
  const first = await findHead(source, client, key, trust)
  let checked = await checkModules(modules, { ...parts, ...first })
  let { quorum } = first
  // A node has the quorum cosign what its lookups find: its next head may cover what the first one did not.
  const newer = modules.filter((_, i) => isBeyond(checked.answers[i]!, quorum))
  if (source.kind === 'node' && newer.length > 0) {
    const next = await findHead(source, client, key, trust)
    const rest = await checkModules(newer, { ...parts, quorum: next.quorum, shown: [quorum] })
    checked = joined(modules, checked, newer, rest)
    quorum = next.quorum
  }
  const proof = wanted === 'proof' && checked.isWhole ? await proofOf(checked.records, client, key, quorum) : undefined
  const answers = new Map(modules.map(({ path, version }, i) => [`${path}@${version}`, checked.answers[i]!]))
  const proveRecord = (id: number): Promise<Uint8Array> => recordProof(id, checked.records.get(id)!, client, quorum)
  return {
    quorum,
    answers,
    ...convictionsIn(checked, key, trust),
    proof,
    ...(wanted === 'records' && { proveRecord }),
  }
}

function convictionsIn(
  { conviction }: Checked,
  key: VerifierKey,
  { policy }: TrustedKeys,
): Pick<GoSumAnswers, 'evidence' | 'convicting'> {
  if (conviction === undefined) return { evidence: [], convicting: [] }
  const { evidence, heads } = conviction
  const witnesses = (policy?.witnesses ?? []).flatMap((witness) => witness.key ?? [])
  return {
    evidence: [evidence, ...witnessLies(evidence, key, heads, witnesses)],
    convicting: heads.map((note) => ({ key, note })),
  }
}

/** Whether the answer is a record that the head does not cover. */
function isBeyond(answer: LogAnswer, { head }: QuorumHead): boolean {
  return answer.kind === 'pending' && answer.id !== undefined && answer.id >= head.size
}

/** The answers for all modules, updated with later answers for some of them. */
function joined(
  modules: readonly ModuleVersion[],
  all: Checked,
  some: readonly ModuleVersion[],
  later: Checked,
): Checked {
  const laterOf = new Map(some.map((module, i) => [module, later.answers[i]!]))
  return {
    answers: modules.map((module, i) => laterOf.get(module) ?? all.answers[i]!),
    records: new Map([...all.records, ...later.records]),
    isWhole: all.isWhole && later.isWhole,
    conviction: all.conviction ?? later.conviction,
  }
}

function parseLogKey(vkey: string): VerifierKey {
  const key = parseVerifierKey(vkey)
  if (key.type === SIGNATURE_TYPES.ed25519) return key
  throw new GossumError('USAGE', `--log: ${key.name} is a witness key (type 0x0${key.type}), not a log key`)
}

/** The URL at which a node serves the checksum database of this name. */
function doorOf(node: string, { name }: VerifierKey): string {
  return `${node}/sumdb/${name.split('/').map(encodeURIComponent).join('/')}`
}

async function proofOf(
  records: ReadonlyMap<number, Uint8Array>,
  client: SumdbClient,
  key: VerifierKey,
  { head, note }: QuorumHead,
): Promise<Uint8Array> {
  const ids = [...records.keys()].sort((a, b) => a - b)
  return encodeGoSumProof(makeGoSumProof(key.vkey, note, records, await client.recordsProof(head, ids)))
}

/** The proof of a record, with the record as its application data. */
async function recordProof(
  id: number,
  record: Uint8Array,
  client: SumdbClient,
  { head, note }: QuorumHead,
): Promise<Uint8Array> {
  const { proof } = await client.recordProof(head, id)
  return formatProofFile({ index: id, proof, extra: record, note })
}

async function fromProof(file: string, key: VerifierKey, trust: TrustedKeys): Promise<GoSumAnswers> {
  try {
    const proof = parseGoSumProof(await readFileBounded(file, MAX_GO_SUM_PROOF_BYTES))
    if (proof.log !== key.vkey) throw new GossumError('LOG_UNKNOWN', proof.log)
    const quorum = judged(utf8(proof.head), trust)
    return { quorum, answers: provenAnswers(proof, quorum.head), evidence: [], convicting: [], proof: undefined }
  } catch (error) {
    if (errorCode(error) !== 'PROOF_MALFORMED') throw error
    throw new HintedError(error as GossumError, 'gossum check go.sum --write-proof FILE makes one')
  }
}

// ---- the quorum head -------------------------------------------------------------------------------------------

/** Throws NoQuorumHead when only the quorum is missing. */
function judged(note: Uint8Array, trust: TrustedKeys): QuorumHead {
  try {
    return { ...requireHead(note, trust), note }
  } catch (error) {
    throw errorCode(error) === 'POLICY_UNSATISFIED' ? undecided('POLICY_UNSATISFIED', error) : error
  }
}

function undecided(code: ErrorCode, error: unknown, hint?: string): NoQuorumHead {
  const detail = error instanceof GossumError ? error.detail : errorText(error)
  const known = new GossumError(code, detail, error)
  return new NoQuorumHead(known, hint ?? known.hint)
}

interface Found {
  readonly quorum: QuorumHead
  /** Another head that the log showed. */
  readonly shown: readonly VerifiedHead[]
}

async function findHead(
  source: Exclude<GoSumSource, { kind: 'proof' }>,
  client: SumdbClient,
  key: VerifierKey,
  trust: TrustedKeys,
): Promise<Found> {
  if (source.kind === 'node') return { quorum: judged(await fromNode(source.url, client), trust), shown: [] }
  if (source.kind === 'home') return { quorum: judged(await fromHome(source.home, key), trust), shown: [] }
  return fromLog(source, client, trust)
}

/** The newest head that the node serves. */
async function fromNode(url: string, client: SumdbClient): Promise<Uint8Array> {
  try {
    return requireNote(await client.latestNote(), 'NODE_UNREACHABLE', url)
  } catch (error) {
    if (errorCode(error) === 'NODE_UNREACHABLE') throw error
    const status = refusedStatus(error)
    const detail = error instanceof GossumError ? error.detail : errorText(error)
    // The status with which a node refuses when it has no quorum head, or its log is frozen.
    if (status !== undefined && (status >= 500 || status === 429)) {
      throw undecided('LOG_UNREACHABLE', error, `the node says why; see gossum status --node ${url}`)
    }
    throw new GossumError('NODE_UNREACHABLE', detail, error)
  }
}

/** Codes that say nothing about a log: no answer, or one that cannot be the log's. */
const SILENT: ReadonlySet<ErrorCode> = new Set(['LOG_UNREACHABLE', 'LOG_ANSWER_INVALID'])

/** The newest head that the log shows, verified. Throws LOG_ANSWER_INVALID for an answer that is not a head. */
async function newestOf(client: SumdbClient, url: string): Promise<VerifiedHead> {
  try {
    return await client.latest()
  } catch (error) {
    if (errorCode(error) !== 'NOTE_MALFORMED') throw error
    throw new GossumError('LOG_ANSWER_INVALID', `${url} answered with something that is not a head`, error)
  }
}

/** Throws this code for an answer that is not a note, such as a sign-in page. */
function requireNote(answer: Uint8Array, code: ErrorCode, url: string): Uint8Array {
  try {
    parseNote(answer)
    return answer
  } catch (error) {
    throw new GossumError(code, `${url} answered with something that is not a head`, error)
  }
}

/** The log's newest head if it has its quorum with it, otherwise the one in the file; the larger if both have it. */
async function fromLog(
  { head: file, url }: { head: string | undefined; url: string },
  client: SumdbClient,
  trust: TrustedKeys,
): Promise<Found> {
  const given = file === undefined ? undefined : judged(await readFileBounded(file, MAX_NOTE_BYTES), trust)
  const latest = await newestOf(client, url).catch((error: unknown) => {
    if (given === undefined || !SILENT.has(errorCode(error))) throw error
    return undefined
  })
  if (latest === undefined) return { quorum: given!, shown: [] }
  try {
    const quorum = judged(latest.note, trust)
    if (given === undefined) return { quorum, shown: [] }
    return quorum.head.size >= given.head.size ? { quorum, shown: [given] } : { quorum: given, shown: [quorum] }
  } catch (error) {
    if (given !== undefined) return { quorum: given, shown: [latest] }
    if (!(error instanceof NoQuorumHead)) throw error
    throw undecided('POLICY_UNSATISFIED', error, 'give a cosigned head with --head FILE, or ask a node with --node URL')
  }
}

/** The quorum head stored in a home. */
async function fromHome(home: string, key: VerifierKey): Promise<Uint8Array> {
  if (!existsSync(join(home, 'db'))) throw new GossumError('HOME_UNUSABLE', `${home} is not the home of a node`)
  const { Store } = await import('../../../store/store.js')
  const { isFrozen } = await import('../../../store/heads.js')
  const id = logId(key.name, SUMDB_ORIGIN)
  const store = await Store.open(home).catch((error: unknown) => {
    if (errorCode(error) !== 'STORE_LOCKED') throw error
    throw new HintedError(error as GossumError, 'a node runs in it: ask that with --node URL, without --home')
  })
  try {
    const disagreement = store.heads.disagreement(id)
    if (disagreement !== undefined) throw new GossumError('STATE_DISAGREES', disagreement)
    const state = store.heads.get(id)
    if (isFrozen(state)) {
      const holds = state.holds.filter(({ acked }) => !acked).map((hold) => hold.id)
      throw undecided('LOG_FROZEN', new GossumError('LOG_FROZEN', holds.join(', ')))
    }
    const note = await store.quorum.get(id)
    if (note === undefined) throw undecided('HISTORY_MISSING', new GossumError('HISTORY_MISSING', key.name))
    return utf8(note)
  } finally {
    await store.close()
  }
}
