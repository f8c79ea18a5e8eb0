/**
 * The routes that take something from anybody: a signed head, and evidence. Both authenticate themselves, so nobody has
 * to say who they are; what one address may cost us is bounded, and what all of them may cost at a time.
 */
import { Slots } from '../lib/slots.js'
import { TokenBuckets } from '../lib/token-buckets.js'
import { GossumError, type ErrorCode } from '../errors.js'
import { MAX_EVIDENCE_BYTES } from '../evidence/evidence.js'
import type { Received } from '../evidence/alarm.js'
import { networkOf } from '../lib/network.js'
import { formatHash } from '../tlog/hash.js'
import { MAX_READ_NOTE_BYTES } from '../tlog/note.js'
import { answerTo, type Outcome, type OutcomeKind } from '../witness/outcome.js'
import { json, problem, type Reply } from './reply.js'
import type { ApiRequest, Route } from './router.js'

// ---- shapes ----------------------------------------------------------------------------------------------------

/** What became of a head. */
export interface HeadAnswer {
  outcome: OutcomeKind
  /** Log id; null when it is signed by none that is followed. */
  log: string | null
  /** Null beyond 2^53 - 1: no such tree exists. */
  size: number | null
  root: string | null
  /** Why, for `pending` and `refused`. */
  code: ErrorCode | null
  /** Evidence id, for `conflict`. */
  evidence: string | null
  /** Size of the newest head of its log that is held here; null before the first. */
  held: number | null
}

/** What became of evidence. */
export interface SubmittedEvidence {
  /** Its id, or that of earlier evidence about the same lie. */
  id: string
  /** `unknown`: valid, and about one witness too many that only neighbours count. */
  fate: 'new' | 'known' | 'unknown'
}

/** The two ways in, as the node gives them. */
export interface Doors {
  /** Takes a head through the pipeline. `held` is the size of the newest head of its log that is held afterwards. */
  submitHead(note: Uint8Array): Promise<{ outcome: Outcome; held: number | null }>
  submitEvidence(file: Uint8Array): Promise<Received>
}

// ---- routes ----------------------------------------------------------------------------------------------------

/** Submissions that one address may make: at once, and per second in the long run. */
const BURST = 32
const PER_SECOND = 1
/** Submissions that are under way at a time: of one address, and of all. A head may wait a minute for its proof. */
const MAX_PER_ADDRESS = 8
const MAX_UNDER_WAY = 64
/** Milliseconds that a head may take: the longest proof, and the pauses around it. */
const PATIENCE_MS = 90_000

/** `now` in milliseconds of a clock that nobody sets. */
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
  // What is refused for its bytes is the client's doing; what is refused for our state says something about that state.
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

function refuse(refusal: GossumError): Reply {
  switch (refusal.code) {
    case 'EVIDENCE_MALFORMED':
      return problem(refusal, 400)
    case 'LOG_UNKNOWN':
    case 'WITNESS_UNKNOWN':
      return problem(refusal, 404)
    case 'EVIDENCE_FOREIGN':
    case 'EVIDENCE_UNPROVEN':
      return problem(refusal, 422)
    default:
      // A signature or a proof in it does not hold: as a whole it is evidence that proves nothing.
      return problem(new GossumError('EVIDENCE_UNPROVEN', refusal.message), 422)
  }
}

// ---- bounds ----------------------------------------------------------------------------------------------------

/** Lets so many in from one address, and so many in all. */
class Turnstile {
  readonly #now: () => number
  readonly #budget = new TokenBuckets(BURST, PER_SECOND)
  /** Submissions under way, by address. */
  readonly #underWay = new Slots({ perKey: MAX_PER_ADDRESS, total: MAX_UNDER_WAY })

  constructor(now: () => number) {
    this.#now = now
  }

  /** Throws TOO_MANY_REQUESTS when there are too many before it. */
  async pass<T>(address: string, act: () => Promise<T>): Promise<T> {
    if (!this.#budget.take(address, this.#now())) throw new GossumError('TOO_MANY_REQUESTS')
    const leave = this.#underWay.take(address)
    if (leave === undefined) throw new GossumError('TOO_MANY_REQUESTS', 'others are still under way')
    try {
      return await act()
    } finally {
      leave()
    }
  }
}
