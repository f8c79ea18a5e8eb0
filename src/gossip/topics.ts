/**
 * Names and limits of the gossip protocol: topics, message ids, sizes.
 *
 * Pure. docs/protocol.md specifies what other implementations must do in the same way.
 */
import { concatBytes, utf8 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'

/** What a topic carries: signed notes, or evidence files, unwrapped. */
export type TopicKind = 'heads' | 'evidence'

export interface Topic {
  readonly kind: TopicKind
  /** Log id: 64 lower-case hex digits. */
  readonly log: string
}

/** The largest gossip message, in bytes: the limit of a note and of an evidence file. */
export const MAX_MESSAGE_BYTES = 64 * 1024

const TOPIC = /^\/gossum\/(heads|evidence)\/1\/([0-9a-f]{64})$/

/** The topic for the heads of a log. */
export function headsTopic(log: string): string {
  return `/gossum/heads/1/${log}`
}

/** The topic for evidence against a log. */
export function evidenceTopic(log: string): string {
  return `/gossum/evidence/1/${log}`
}

/** Parses a topic name; undefined when it is not one of ours. */
export function parseTopic(name: string): Topic | undefined {
  const match = TOPIC.exec(name)
  return match === null ? undefined : { kind: match[1] as TopicKind, log: match[2]! }
}

/**
 * The id of a message: SHA-256 of topic, a zero byte and data. Topic names contain no zero byte, so different pairs of
 * topic and data never give the same input.
 */
export function messageId(topic: string, data: Uint8Array): Uint8Array {
  return sha256(concatBytes(utf8(topic), Uint8Array.of(0), data))
}
