/**
 * Parses the answers of an ssh-agent (draft-ietf-sshm-ssh-agent): the keys that it holds, and signatures by them. The
 * answers are not trusted: the caller verifies the signature.
 *
 * Pure.
 */
import { GossumError } from '../../errors.js'
import { toBase64 } from '../../tlog/bytes.js'
import { sha256 } from '../../tlog/hash.js'
import { ED25519, publicKeyBlob, SshReader } from './ssh-wire.js'

const IDENTITIES_ANSWER = 12
const SIGN_RESPONSE = 14
/** The most keys of an agent that are examined. */
const MAX_KEYS = 2048

export interface AgentKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** In the form of ssh-add -l: SHA256:... */
  readonly fingerprint: string
}

/** The error for an agent that does not sign. */
export function agentUnavailable(why: string, cause?: unknown): GossumError {
  return new GossumError('AGENT_UNAVAILABLE', why, cause)
}

/** The plain Ed25519 keys in an answer, in its order. Throws AGENT_UNAVAILABLE. */
export function keysInAnswer(bytes: Uint8Array): AgentKey[] {
  return answered(bytes, IDENTITIES_ANSWER, (answer) => {
    const count = answer.uint32()
    if (count > MAX_KEYS) throw agentUnavailable(`it claims to hold ${count} keys`)
    const keys: AgentKey[] = []
    for (let i = 0; i < count; i++) {
      const blob = answer.string()
      answer.string() // The comment.
      const key = new SshReader(blob)
      if (key.text() !== ED25519) continue
      const publicKey = key.string()
      if (publicKey.length === 32 && key.left === 0) keys.push({ publicKey, fingerprint: fingerprintOf(publicKey) })
    }
    return keys
  })
}

/** The signature in an answer, unverified. Throws AGENT_UNAVAILABLE. */
export function signatureInAnswer(bytes: Uint8Array): Uint8Array {
  return answered(bytes, SIGN_RESPONSE, (answer) => {
    const signature = new SshReader(answer.string())
    if (signature.text() !== ED25519) throw agentUnavailable('it signed with a key of another type')
    const signed = signature.string()
    if (signature.left > 0) throw agentUnavailable('there are bytes after its signature')
    return signed
  })
}

/** The fingerprint of a key in the form of OpenSSH. */
export function fingerprintOf(publicKey: Uint8Array): string {
  return `SHA256:${toBase64(sha256(publicKeyBlob(publicKey))).replace(/=+$/, '')}`
}

/** Parses an answer, which must be of this type and have no trailing bytes. */
function answered<T>(bytes: Uint8Array, expected: number, read: (answer: SshReader) => T): T {
  const answer = new SshReader(bytes)
  try {
    const type = answer.take(1)[0]!
    if (type !== expected) throw agentUnavailable(`it refuses (${type})`)
    const result = read(answer)
    if (answer.left > 0) throw agentUnavailable('there are bytes after its answer')
    return result
  } catch (error) {
    if (!(error instanceof GossumError) || error.code === 'AGENT_UNAVAILABLE') throw error
    throw agentUnavailable(`its answer is cut off: ${error.detail}`, error)
  }
}
