/**
 * The API under /api/v1, health and metrics: what a node shows of itself. Fields are only added under v1, never
 * changed. Times are ISO 8601, roots base64, keys verifier keys.
 */
import { GossumError } from '../errors.js'
import type { ConditionName, Severity } from '../status/conditions.js'
import type { GuardState } from '../witness/rollback-guard.js'
import type { ClockCondition } from '../witness/clock.js'
import type { DepositReport } from '../witness/deposit-report.js'
import type { BastionReport } from './bastion/bastion.js'
import { exact, json, jsonFile, jsonText, text, type Reply } from './reply.js'
import type { ApiRequest, Route } from './router.js'
import { submitRoutes, type Doors } from './submit.js'

// ---- shapes ----------------------------------------------------------------------------------------------------

export interface CosignatureView {
  /** Key name of the witness. */
  name: string
  /** Verifier key of the witness. */
  key: string
  time: string
  /** Whether it counts: the policy names the key, and the witness is not convicted. */
  counted: boolean
}

/** A cosigned head. */
export interface HeadView {
  size: number
  root: string
  /** When this node cosigned it; null when it did not. */
  time: string | null
  /** The note: text, the log's line and every verified cosignature. */
  note: string
  cosignatures: CosignatureView[]
}

export interface LogView {
  /** Log id. */
  id: string
  /** Key name. */
  name: string
  /** Verifier key. */
  key: string
  /** Null for a log that is only pushed. */
  url: string | null
  origin: string
  /** Kept as it is: neither polled nor cosigned. */
  disabled: boolean
  /** The log list that brought it; null for what the operator said. */
  list: string | null
  /** Cosignatures in a day for heads that it pushes; null without a bound. */
  perDay: number | null
  /** Records in the newest proven head; 0 before the first. */
  size: number
  root: string | null
  /** When this node cosigned that head. */
  time: string | null
  /** Proven to misbehave and not acknowledged: nothing more of it is cosigned. */
  frozen: boolean
  /** Why it is or was frozen: ids of evidence and suspects, which `ack` takes. */
  holds: { id: string; acked: boolean }[]
  cosignatures: CosignatureView[]
  quorum: { size: number; root: string; cosignatures: CosignatureView[] } | null
  /** Those that people were told of, then those that were acknowledged, then the oldest; not all of them. */
  suspects: SuspectView[]
  /** How many there are. */
  suspectCount: number
  /** Verifier key of this node that cosigns it: that of the witness, unless the log has one of its own. */
  witness: string
  /** Why nothing is signed though the log is not frozen: our own records disagree, or the key cosigns another log. */
  paused: string | null
  /** A head that this witness has cosigned and must reach again before it signs; null when there is none. */
  floor: { size: number; at: string } | null
  /** The head that was trusted because it was the first one; null before it, and where it is not known. */
  firstUse: { size: number; root: string; at: string } | null
  /**
   * Whether the last poll got a head that the log signed, and not just an answer; null before the first poll, and for a
   * log that is only pushed.
   */
  reachable: boolean | null
  /** When a poll got such a head last. */
  lastPoll: string | null
  /** When the head of a poll was proven last to lie on our history. */
  verifiedAt: string | null
  /** Why the last poll failed. */
  error: string | null
}

export interface SuspectView {
  id: string
  /** Null beyond 2^53 - 1: no such tree exists. */
  size: number | null
  root: string
  firstSeen: string
  door: string
  /** Peer id of who brought it. */
  peer: string | null
  /** Why it is not proven yet. */
  code: string
  alarmed: boolean
}

export interface PeerView {
  peerId: string
  multiaddr: string
  /** Verifier key of the peer's witness, when this connection proved one. */
  witness: string | null
  /** When it connected. */
  since: string
  rttMs: number | null
  score: number | null
  /** The newest head that it spoke of, as it says, and when it did. */
  head: { log: string; size: number; at: string } | null
  /** Whether it is one of the peers that this node chose to keep its promises. */
  chosen: boolean
  /** Whether it keeps promises; null as long as it was not asked. */
  depositary: boolean | null
}

export interface EvidenceView {
  id: string
  type: string
  /** Log id. */
  log: string
  /** Verifier key of the witness that it convicts; null when that is the log. */
  witness: string | null
  sizes: [number, number]
  seenAt: string
  acked: boolean
}

/** A witness that the policy names, or this node's own. */
export interface WitnessView {
  /** Key name. */
  name: string
  /** Verifier key. */
  key: string
  /** Whether its cosignatures count: the policy names it, its key can be verified here, and it is not convicted. */
  counted: boolean
  /** Whether it is this node's own. */
  own: boolean
  /** The largest head that it was seen to cosign, and when by its own word; of several logs the latest. */
  last: { log: string; size: number; time: string } | null
  /** Id of the evidence that convicts it, until that is acknowledged. */
  convicted: string | null
}

/** A place outside the mesh with which heads and cosignatures are exchanged. */
export interface ExchangeView {
  name: string
  url: string
  /** `feed`, `distributor` or `source-spotter`. */
  kind: string
  lastAnswer: string | null
  /** What was wrong with the last visit, or what it objected to. */
  error: string | null
  /** What it said last of each log, and of which head of ours. */
  says: readonly { log: string; does: string; verdict: string; size: number | null; at: string }[]
}

/** A condition that holds (status/conditions.ts). */
export interface ConditionView {
  name: ConditionName
  severity: Severity
  /** Log id; null when it is about the node. */
  log: string | null
  text: string
}

export interface StatusView {
  version: string
  /** Whether /readyz says so, too. */
  ready: boolean
  /** All that holds: what /readyz, the exit code of `gossum status` and the metrics follow. */
  conditions: ConditionView[]
  /** Verifier key of this witness. */
  witness: string
  /** Its ML-DSA-44 verifier key, if it has one. */
  mlDsa: string | null
  /** Null without a mesh. */
  peerId: string | null
  multiaddrs: string[]
  /** URL of this API. */
  http: string
  startedAt: string
  /** Null: the node trusts itself alone. */
  policy: { quorum: string; threshold: number; witnesses: number } | null
  logs: LogView[]
  /** Number of connected peers. */
  peers: number
  /** Number of evidence files that nobody acknowledged. */
  evidence: number
  /** Whether peers vouch that this node knows all that its key has signed. */
  guard: { state: GuardState; text: string; since: string }
  deposit: DepositView
  /** What somebody should look into about the clock; empty when all is well. */
  clock: ClockCondition[]
  /** Null without a bastion. */
  bastion: BastionReport | null
  signing: SigningView
  /** The configured places, in the order of kinds and flags. */
  exchange: ExchangeView[]
}

/** Whether chosen peers keep what our key has promised. */
export interface DepositView {
  state: DepositReport['state']
  /** The state as a sentence. */
  text: string
  /** Chosen peers that are to keep a promise, that there are, and that are connected. */
  need: number
  of: number
  connected: number
  /** Number of logs whose newest promise too few of them keep. */
  undeposited: number
}

/** Where the private key of the witness is, and why nothing is signed with it now. */
export interface SigningView {
  by: 'file' | 'ssh-agent'
  error: string | null
}

export interface Readiness {
  ready: boolean
  checks: { name: string; ok: boolean; detail: string }[]
}

/** What the API reads of a node, the one thing that it can tell it, and what it can bring it. */
export interface NodeView extends Doors {
  status(): Promise<StatusView>
  /** Whether this node follows the log with this id. */
  follows(log: string): boolean
  head(log: string): Promise<HeadView | undefined>
  /** The newest of those that are smaller than `below`, the newest first. */
  heads(log: string, limit: number, below?: number): Promise<HeadView[]>
  /** The head of a suspect as a note. */
  suspectNote(id: string): Promise<string | undefined>
  peers(): PeerView[]
  /** Those of the policy in its order, after this node's own if the policy does not name it. */
  witnesses(): WitnessView[]
  evidence(): Promise<EvidenceView[]>
  evidenceFile(id: string): Promise<Uint8Array | undefined>
  /** False when there is nothing to acknowledge by this id. */
  acknowledge(id: string): Promise<boolean>
  readiness(): Promise<Readiness>
  /** In the Prometheus text format. */
  metrics(): Promise<string>
}

// ---- routes ----------------------------------------------------------------------------------------------------

/** How many heads a page has unless asked otherwise, and at most; those that are read at once, and when it is enough. */
const HEADS = { usual: 20, most: 1000, atOnce: 32, characters: 1024 * 1024 }

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** The routes of the API, of health and of metrics. */
export function apiRoutes(node: NodeView): Route[] {
  const get = (path: string, handle: Route['handle']): Route => ({ method: 'GET', path, handle })
  const costly = (path: string, handle: Route['handle']): Route => ({ method: 'GET', path, isCostly: true, handle })
  const health = (path: string, handle: Route['handle']): Route => ({ method: 'GET', path, isHealth: true, handle })
  return [
    costly('/api/v1/status', async () => json(await node.status())),
    costly('/api/v1/logs', async () => json({ logs: (await node.status()).logs })),
    get('/api/v1/logs/:log/head', (request) => head(node, request)),
    costly('/api/v1/logs/:log/heads', (request) => heads(node, request)),
    get('/api/v1/peers', () => json({ peers: node.peers() })),
    get('/api/v1/witnesses', () => json({ witnesses: node.witnesses() })),
    costly('/api/v1/evidence', async () => json({ evidence: await node.evidence() })),
    ...submitRoutes(node),
    costly('/api/v1/suspects/:id', (request) => suspectNote(node, request)),
    costly('/api/v1/evidence/:id', (request) => evidenceFile(node, request)),
    costly('/metrics', async () => text(await node.metrics(), { type: METRICS_TYPE })),
    health('/livez', () => text('ok\n')),
    health('/readyz', (request) => readiness(node, request)),
    health('/healthz', (request) => readiness(node, request)),
  ]
}

function followedLog(node: NodeView, { params }: ApiRequest): string {
  const log = params['log']!
  if (!node.follows(log)) throw new GossumError('LOG_UNKNOWN', log.slice(0, 80))
  return log
}

async function head(node: NodeView, request: ApiRequest): Promise<Reply> {
  const newest = await node.head(followedLog(node, request))
  if (newest === undefined) throw new GossumError('NOT_FOUND', 'no head of this log is held yet')
  const reply = prefersText(request.headers.accept ?? '') ? exact(newest.note) : json(newest)
  return { ...reply, headers: { ...reply.headers, vary: 'accept' } }
}

/** Whether an Accept header names plain text and not JSON. */
function prefersText(accept: string): boolean {
  const types = accept.split(',').map((item) => item.split(';', 1)[0]!.trim().toLowerCase())
  return types.includes('text/plain') && !types.includes('application/json')
}

/**
 * A page of heads, and where the next one begins. It ends early when it is large enough: `next` says whether there are
 * older ones, and not how many heads it has.
 */
async function heads(node: NodeView, request: ApiRequest): Promise<Reply> {
  const log = followedLog(node, request)
  const limit = wholeNumber(request, 'limit', HEADS.most) ?? HEADS.usual
  let below = wholeNumber(request, 'below', Number.MAX_SAFE_INTEGER)
  const page: string[] = []
  let characters = 0
  let isEnd = false
  while (!isEnd && page.length < limit && characters < HEADS.characters) {
    const count = Math.min(HEADS.atOnce, limit - page.length)
    const some = await node.heads(log, count, below)
    for (const head of some) {
      page.push(JSON.stringify(head))
      characters += page.at(-1)!.length
    }
    isEnd = some.length < count
    below = some.at(-1)?.size ?? below
  }
  return jsonText(`{"heads":[${page.join(',')}],"next":${isEnd ? 'null' : String(below)}}\n`)
}

/** A whole number above 0 of the query. Throws REQUEST_INVALID. */
function wholeNumber({ query }: ApiRequest, name: string, most: number): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  if (!/^[1-9][0-9]{0,15}$/.test(text) || Number(text) > most) {
    throw new GossumError('REQUEST_INVALID', `${name} is a whole number from 1 to ${most}`)
  }
  return Number(text)
}

async function suspectNote(node: NodeView, request: ApiRequest): Promise<Reply> {
  const id = evidenceIdOf(request)
  const note = await node.suspectNote(id)
  if (note === undefined) throw new GossumError('EVIDENCE_UNKNOWN', id)
  return exact(note)
}

/** Throws EVIDENCE_UNKNOWN for what cannot be the id of evidence or of a suspect. */
export function evidenceIdOf({ params }: ApiRequest): string {
  const id = params['id']!
  if (!/^[0-9a-f]{1,64}$/.test(id)) throw new GossumError('EVIDENCE_UNKNOWN', id.slice(0, 80))
  return id
}

async function evidenceFile(node: NodeView, request: ApiRequest): Promise<Reply> {
  const id = evidenceIdOf(request)
  const file = await node.evidenceFile(id)
  if (file === undefined) throw new GossumError('EVIDENCE_UNKNOWN', id)
  return jsonFile(file)
}

async function readiness(node: NodeView, { query }: ApiRequest): Promise<Reply> {
  const { ready, checks } = await node.readiness()
  const lines = checks.map(({ name, ok, detail }) => `${ok ? '[+]' : '[-]'} ${name}: ${detail}`)
  const verdict = ready ? 'ok' : 'not ready'
  return text([...(query.has('verbose') ? lines : []), verdict, ''].join('\n'), { status: ready ? 200 : 503 })
}
