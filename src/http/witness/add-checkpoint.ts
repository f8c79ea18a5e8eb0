/**
 * The requests of c2sp.org/tlog-witness, above all add-checkpoint: logs push their heads here, with a proof, and get
 * our cosignature. The step decides what is accepted; this file parses the request and puts the answer in the
 * protocol's terms.
 */
import { Slots } from '../../lib/slots.js'
import { GossumError } from '../../errors.js'
import { toHex, utf8 } from '../../tlog/bytes.js'
import { COSIGNATURE_SIZE } from '../../tlog/cosignature.js'
import { sha256 } from '../../tlog/hash.js'
import { formatNote, formatSignature, isBy, parseNote, type VerifierKey } from '../../tlog/note.js'
import { logThatSigned, type Candidate, type LogIdentity } from '../../witness/head.js'
import { answerTo, type Outcome } from '../../witness/outcome.js'
import { MAX_BODY_BYTES, parseAddCheckpoint } from './add-checkpoint-body.js'
import { CHECKPOINT_CACHING } from '../caching.js'
import { exact, text, type Reply } from '../reply.js'
import type { Route } from '../router.js'
import { subtreeDoor, type SubtreeSigning } from './sign-subtree.js'
import { busy, readable, refusal, troubleReply } from './witness-reply.js'

/** What these routes need of a node. */
export interface WitnessNode {
  /** The logs whose heads are accepted, in configured order. */
  readonly logs: readonly LogIdentity[]
  /** Sends a head through the pipeline. */
  submit(candidate: Candidate): Promise<Outcome>
  /** The newest head that this node cosigned, with the log's signature and its own. */
  checkpoint(log: string): Promise<Uint8Array | undefined>
  /** What signs subtrees; absent without an ML-DSA-44 key. */
  readonly subtrees?: SubtreeSigning | undefined
  /** Milliseconds since 1970. */
  now(): number
}

/** The most requests in progress; further ones are asked to come again. */
const MAX_UNDER_WAY = 256

const PREFLIGHT = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'content-type',
  'access-control-max-age': '86400',
}

export function witnessRoutes(node: WitnessNode): Route[] {
  const byHash = logsByHash(node.logs)
  const signSubtree = subtreeDoor(node.logs, node.subtrees)
  const underWay = new Slots({ total: MAX_UNDER_WAY })
  const add = async (body: Uint8Array): Promise<Reply> => {
    const leave = underWay.take('')
    if (leave === undefined) return readable(busy())
    try {
      return readable(await addCheckpoint(node, body))
    } finally {
      leave()
    }
  }
  const preflight = (methods: string) => (): Reply => {
    const headers = { ...PREFLIGHT, 'access-control-allow-methods': methods }
    return { status: 204, headers, body: new Uint8Array() }
  }
  const post = { method: 'POST', maxBodyBytes: MAX_BODY_BYTES, refusal: troubleReply } as const
  return [
    { ...post, path: '/add-checkpoint', handle: ({ body }) => add(body) },
    { method: 'OPTIONS', path: '/add-checkpoint', handle: preflight('POST, OPTIONS') },
    { ...post, path: '/sign-subtree', handle: ({ body }) => signSubtree(body) },
    { method: 'OPTIONS', path: '/sign-subtree', handle: preflight('POST, OPTIONS') },
    { method: 'GET', path: '/:log/checkpoint', handle: ({ params }) => checkpoint(node, byHash.get(params['log']!)) },
    { method: 'OPTIONS', path: '/:log/checkpoint', handle: preflight('GET, HEAD, OPTIONS') },
  ]
}

/**
 * Logs by the hex SHA-256 of their origin, as the protocol names them, and by their own id. If several share an origin,
 * as all checksum databases do, the hash means the first; the others have their id.
 */
function logsByHash(logs: readonly LogIdentity[]): ReadonlyMap<string, string> {
  const byHash = new Map(logs.map(({ id }) => [id, id]))
  for (const { id, origin } of [...logs].reverse()) byHash.set(toHex(sha256(utf8(origin))), id)
  return byHash
}

// ---- add-checkpoint --------------------------------------------------------------------------------------------

async function addCheckpoint(node: WitnessNode, body: Uint8Array): Promise<Reply> {
  let candidate: Candidate
  try {
    candidate = readCandidate(node, body)
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
    return refusal({ kind: 'refused', news: false, code: error.code }, error.detail)
  }
  const outcome = await node.submit(candidate)
  const { status } = answerTo(outcome)
  // SPEC: c2sp.org/tlog-witness, add-checkpoint: the body of a 200 is the witness's own signature lines, and no others.
  if (status === 200 && outcome.own !== undefined)
    return exact(outcome.own.map(({ signature }) => formatSignature(signature)).join(''))
  // SPEC: c2sp.org/tlog-witness, add-checkpoint: the body of a 409 is the latest cosigned size, as text/x.tlog.size.
  if (status === 409) return text(`${outcome.held ?? 0}\n`, { status, type: 'text/x.tlog.size' })
  return refusal(outcome)
}

/**
 * The head as the witness receives it. Checks are in the protocol's order: the body (400), the origin (404), the note
 * (400), whether it has a line of a trusted key (403). Throws the GossumError of the first that fails.
 */
function readCandidate(node: WitnessNode, body: Uint8Array): Candidate {
  const { proof, origin, note: bytes } = parseAddCheckpoint(body)
  const ofOrigin = node.logs.filter((log) => log.origin === origin)
  // SPEC: c2sp.org/tlog-witness, add-checkpoint: 404 when the checkpoint origin is unknown.
  if (ofOrigin.length === 0) throw new GossumError('LOG_UNKNOWN', JSON.stringify(origin?.slice(0, 200) ?? ''))
  const note = parseNote(bytes, MAX_BODY_BYTES)
  const log = logThatSigned(note, ofOrigin)
  // SPEC: c2sp.org/tlog-witness, add-checkpoint: 403 when no trusted key's signature verifies.
  if (log === undefined) throw new GossumError('SIGNATURE_MISSING', keysOf(ofOrigin))
  // Lines of other types are irrelevant here and may be large; each ML-DSA-44 line would cost us 5 ms, which anyone
  // could cause: such lines come through the mesh. The remaining ones are reformatted: only the text is signed.
  const signatures = note.signatures.filter((line) => isBy(line, log.key) || line.bytes.length === COSIGNATURE_SIZE)
  const parsed = { text: note.text, signatures }
  return { source: 'push', log: log.id, note: formatNote(parsed), parsed, proof, receivedAt: node.now() }
}

function keysOf(logs: readonly { readonly key: VerifierKey }[]): string {
  return logs.map(({ key }) => `${key.name}+${key.keyId}`).join(' or ')
}

// ---- checkpoint ------------------------------------------------------------------------------------------------

async function checkpoint(node: WitnessNode, log: string | undefined): Promise<Reply> {
  if (log === undefined) return refusal({ kind: 'refused', news: false, code: 'LOG_UNKNOWN' })
  const head = await node.checkpoint(log)
  // SPEC: c2sp.org/tlog-witness, checkpoint: 404 for a log of which nothing was ever cosigned.
  if (head === undefined) return text('unknown log: nothing of it was cosigned yet\n', { status: 404 })
  const reply = text('')
  return { ...reply, headers: { ...reply.headers, 'cache-control': CHECKPOINT_CACHING }, body: head }
}
