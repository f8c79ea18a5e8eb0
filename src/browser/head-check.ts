/**
 * Checks whether a remembered head belongs to the history that the node shows, using tiles that are proven in the
 * browser. Nothing of the file is sent; the node is asked for its quorum head and for tiles.
 */
import { compareHeads, readSignedHead, type SignedHead } from '../audit/signed-heads.js'
import { errorText, GossumError } from '../errors.js'
import { attempt } from '../errors/attempt.js'
import { encodeEvidence, evidenceId } from '../evidence/evidence.js'
import { SumdbClient, type VerifiedHead } from '../sumdb/client.js'
import { parseNote, type VerifierKey } from '../tlog/note.js'
import { verifiedCosignatures } from '../tlog/cosignature.js'
import { databaseOfNode } from './own-node.js'
import { trustText, type LogOfNode, type NodeKeys } from './trusted-keys.js'
import type { CheckAnswer } from './shown-answer.js'
import { grouped } from '../lib/words.js'

/** A checksum database as the page sees it: its client, and the head under which everything is proven. */
export interface ShownDatabase {
  readonly key: VerifierKey
  readonly client: SumdbClient
  readonly quorum: VerifiedHead
  /** Who has signed that head, as a sentence. */
  readonly signed: string
}

/** Opens a log as the node shows it. Throws what SumdbClient throws. */
export async function databaseShown(
  { key }: LogOfNode,
  { witnesses, threshold }: NodeKeys,
  onAsked: (path: string) => void,
): Promise<ShownDatabase> {
  // A browser allows six connections to one host, and the page itself needs some.
  const client = new SumdbClient({ url: '', key, source: databaseOfNode(key.name, onAsked), tilesAtOnce: 4 })
  const quorum = await client.latest()
  const count = verifiedCosignatures(parseNote(quorum.note), witnesses).size
  const wanted = threshold === null ? '' : `; it needs ${threshold}`
  const signed = `The head of ${grouped(quorum.head.size)} records is signed by ${key.name} and by ${count} of the witnesses that this node names${wanted}.`
  return { key, client, quorum, signed }
}

/**
 * The head in a file, and the log that signed it. Throws the refusal by the last log, or LOG_UNKNOWN if there is none.
 */
export function rememberedHead(bytes: Uint8Array, { logs }: NodeKeys): { log: LogOfNode; remembered: SignedHead } {
  let refusal = new GossumError('LOG_UNKNOWN', 'this node serves no checksum database')
  for (const log of logs.filter(({ isDatabase }) => isDatabase)) {
    const read = attempt(() => readSignedHead(bytes, log.key))
    if (!(read instanceof GossumError)) return { log, remembered: read }
    refusal = read
  }
  throw refusal
}

export async function checkRemembered(bytes: Uint8Array, keys: NodeKeys, signal: AbortSignal): Promise<CheckAnswer> {
  const { log, remembered } = rememberedHead(bytes, keys)
  const size = grouped(remembered.head.size)
  let tiles = 0
  const sent = (): string =>
    `Nothing of the file was sent. This node was asked for its newest head and ${tiles} times for tiles.`
  try {
    const database = await databaseShown(log, keys, (path) => (tiles += path.startsWith('tile/') ? 1 : 0))
    const { client, quorum, key, signed } = database
    const ours = { head: quorum.head, note: parseNote(quorum.note) }
    const split = await compareHeads(key, [remembered, ours], [client], { signal })
    if (split === undefined)
      return {
        kind: 'good',
        sentence: `CONSISTENT: the head of ${size} records belongs to the one history that this node shows.`,
        details: [signed, sent(), trustText(key)],
      }
    const id = evidenceId(split)
    return {
      kind: 'bad',
      sentence: `SPLIT VIEW: ${key.name} signed another history for you than for this node.`,
      details: [
        `Your head has ${size} records, that of this node ${grouped(quorum.head.size)}; no tree holds both.`,
        `Keep the proof, and hand it to others: gossum evidence import FILE gives it to a node, which tells its peers.`,
        ...[sent(), trustText(key)],
      ],
      file: { name: `${id}.json`, bytes: encodeEvidence(split) },
    }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof GossumError)) throw error
    return {
      kind: 'unsure',
      sentence: `PENDING: whether the head of ${size} records belongs to the same history could not be proven.`,
      details: [errorText(error), 'gossum check head also asks the log itself.', sent()],
    }
  }
}
