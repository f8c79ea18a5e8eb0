/**
 * Names and bounds of the gossip protocol: topics, message ids, sizes.
 *
 * Pure; what another implementation must do the same is in docs/protocol.md.
 */
import { concatBytes, utf8 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'

/** What a topic carries: signed notes, or evidence files, as they are. */
export type TopicKind = 'heads' | 'evidence'

export interface Topic {
  readonly kind: TopicKind
  /** Log id: 64 lower-case hex digits. */
  readonly log: string
}

/** The largest gossip message, in bytes: the bound of a note and of an evidence file. */
export const MAX_MESSAGE_BYTES = 64 * 1024

const TOPIC = /^\/gossum\/(heads|evidence)\/1\/([0-9a-f]{64})$/

/** The topic on which the heads of a log travel. */
export function headsTopic(log: string): string {
  return `/gossum/heads/1/${log}`
}

/** The topic on which evidence against a log travels. */
export function evidenceTopic(log: string): string {
  return `/gossum/evidence/1/${log}`
}

/** What a topic name says, or undefined when it is none of ours. */
export function parseTopic(name: string): Topic | undefined {
  const match = TOPIC.exec(name)
  return match === null ? undefined : { kind: match[1] as TopicKind, log: match[2]! }
}

/**
 * The id of a message: SHA-256 of topic, a zero byte and data. No topic name has a zero byte, so no two pairs of
 * topic and data give the same input.
 */
export function messageId(topic: string, data: Uint8Array): Uint8Array {
  return sha256(concatBytes(utf8(topic), Uint8Array.of(0), data))
}
