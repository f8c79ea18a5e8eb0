/**
 * The routes that accept a signed head, and evidence, from anyone. Both authenticate themselves, so submitters need no
 * identity; the cost that one address can cause is limited, and so is that of all together.
 */
import { Slots } from '../lib/slots.js'
import { TokenBuckets } from '../lib/token-buckets.js'
import { GossumError, traitsOf, type ErrorCode } from '../errors.js'
import { MAX_EVIDENCE_BYTES } from '../evidence/evidence.js'
import { networkOf } from '../lib/network.js'
import { formatHash } from '../tlog/hash.js'
import { MAX_READ_NOTE_BYTES } from '../tlog/note.js'
import { answerTo } from '../witness/outcome.js'
import { json, problem, type Reply } from './reply.js'
import type { ApiRequest, Route } from './router.js'
import type { NodeView } from '../status/node-view.js'
import type { HeadAnswer, SubmittedEvidence } from '../status/shapes.js'

/** The two methods of the node that are used. */
type Doors = Pick<NodeView, 'submitHead' | 'submitEvidence'>

// ---- routes ----------------------------------------------------------------------------------------------------

/** Submissions that one address may make: at once, and per second in the long run. */
const BURST = 32
const PER_SECOND = 1
/** Concurrent submissions: of one address, and of all. A head may wait a minute for its proof. */
const MAX_PER_ADDRESS = 8
const MAX_UNDER_WAY = 64
/** Milliseconds that a head may take: the longest proof, and the pauses around it. */
const PATIENCE_MS = 90_000

/** `now` is in milliseconds of a monotonic clock. */
export function submitRoutes(node: Doors, now: () => number = () => performance.now()): Route[] {
  const turnstile = new Turnstile(now)
  const post = (path: string, maxBodyBytes: number, act: (body: Uint8Array) => Promise<Reply>): Route => ({
    method: 'POST',
    path,
    maxBodyBytes,
    patienceMs: PATIENCE_MS,
    handle: ({ body, remoteAddress }: ApiRequest) => turnstile.pass(networkOf(remoteAddress ?? ''), () => act(body)),
  })
  return [
    post('/api/v1/heads', MAX_READ_NOTE_BYTES, (note) => takeHead(node, note)),
    post('/api/v1/evidence', MAX_EVIDENCE_BYTES, (file) => takeEvidence(node, file)),
  ]
}

async function takeHead(node: Doors, note: Uint8Array): Promise<Reply> {
  const { outcome, held } = await node.submitHead(note)
  const { kind, log = null, size = null, root, code = null, evidence = null } = outcome
  // A refusal because of the bytes is the client's error; one because of our state has a status that describes it.
  const { status } = answerTo(outcome)
  if (kind === 'refused' && code !== null && status < 500) return problem(new GossumError(code), status)
  const answer: HeadAnswer = {
    outcome: kind,
    log,
    size,
    root: root === undefined ? null : formatHash(root),
    code,
    evidence,
    held,
  }
  return json(answer)
}

async function takeEvidence(node: Doors, file: Uint8Array): Promise<Reply> {
  const { fate, id, refusal } = await node.submitEvidence(file)
  if (refusal !== undefined) return refuse(refusal)
  if (fate === 'invalid' || id === null) throw new Error('evidence was refused for no reason')
  return json({ id, fate } satisfies SubmittedEvidence)
}

/** Errors about evidence as a whole. */
const ABOUT_EVIDENCE: ReadonlySet<ErrorCode> = new Set([
  'EVIDENCE_MALFORMED',
  'EVIDENCE_FOREIGN',
  'EVIDENCE_UNPROVEN',
  'LOG_UNKNOWN',
  'WITNESS_UNKNOWN',
])

/** An invalid signature or proof in it is reported as evidence that proves nothing. */
function refuse(refusal: GossumError): Reply {
  const told = ABOUT_EVIDENCE.has(refusal.code) ? refusal : new GossumError('EVIDENCE_UNPROVEN', refusal.message)
  return problem(told, traitsOf(told.code).status)
}

// ---- bounds ----------------------------------------------------------------------------------------------------

/** Admits a limited number of submissions per address, and in all. */
class Turnstile {
  readonly #now: () => number
  readonly #budget = new TokenBuckets(BURST, PER_SECOND)
  /** Submissions in progress, by address. */
  readonly #underWay = new Slots({ perKey: MAX_PER_ADDRESS, total: MAX_UNDER_WAY })

  constructor(now: () => number) {
    this.#now = now
  }

  /** Throws TOO_MANY_REQUESTS if the limit is reached. */
  async pass<T>(address: string, act: () => Promise<T>): Promise<T> {
    if (!this.#budget.take(address, this.#now())) throw new GossumError('TOO_MANY_REQUESTS')
    const leave = this.#underWay.take(address)
    if (leave === undefined) throw new GossumError('TOO_MANY_REQUESTS', 'earlier ones are still in progress')
    try {
      return await act()
    } finally {
      leave()
    }
  }
}
