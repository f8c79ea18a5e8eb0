/**
 * Talks with an ssh-agent (draft-ietf-sshm-ssh-agent): which Ed25519 keys it holds, and signatures by them. One request,
 * one connection: an agent that was started again is another one at the same place.
 */
import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { errorText, GossumError } from '../../errors.js'
import { timed } from '../../lib/timed.js'
import { concatBytes, readUint32 } from '../../tlog/bytes.js'
import { ED25519, publicKeyBlob, SshReader, sshString, uint32 } from './ssh-wire.js'

const REQUEST_IDENTITIES = 11
const IDENTITIES_ANSWER = 12
const SIGN_REQUEST = 13
const SIGN_RESPONSE = 14
/** The most bytes that an agent may answer: OpenSSH's own bound for what it is sent. */
const MAX_ANSWER_BYTES = 256 * 1024
/** The most keys of an agent that are looked at. */
const MAX_KEYS = 2048
/** Milliseconds that an answer may take. */
const TIMEOUT_MS = 10_000

/** Where an agent is, and how long it may take. */
export interface AgentPlace {
  /** Path of its socket; undefined when nothing says where it is. */
  readonly socket: string | undefined
  /** Milliseconds; TIMEOUT_MS unless said otherwise. */
  readonly timeoutMs?: number
  /** Ends every wait for it. */
  readonly signal?: AbortSignal
}

export interface AgentKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** As ssh-add -l prints it: SHA256:... */
  readonly fingerprint: string
}

/** Why an agent does not sign. */
export function agentUnavailable(why: string, cause?: unknown): GossumError {
  return new GossumError('AGENT_UNAVAILABLE', why, cause)
}

/** The plain Ed25519 keys that the agent holds, in its order. Throws AGENT_UNAVAILABLE. */
export async function agentKeys(place: AgentPlace): Promise<AgentKey[]> {
  return ask(place, Uint8Array.of(REQUEST_IDENTITIES), IDENTITIES_ANSWER, (answer) => {
    const count = answer.uint32()
    if (count > MAX_KEYS) throw agentUnavailable(`it says that it holds ${count} keys`)
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

/** What the agent says is the signature of a message by a key of its; not verified. Throws AGENT_UNAVAILABLE. */
export async function agentSign(place: AgentPlace, publicKey: Uint8Array, message: Uint8Array): Promise<Uint8Array> {
  const words = [sshString(publicKeyBlob(publicKey)), sshString(message), uint32(0)]
  return ask(place, concatBytes(Uint8Array.of(SIGN_REQUEST), ...words), SIGN_RESPONSE, (answer) => {
    const signature = new SshReader(answer.string())
    if (signature.text() !== ED25519) throw agentUnavailable('it signed with a key of another type')
    const bytes = signature.string()
    if (signature.left > 0) throw agentUnavailable('there are bytes behind its signature')
    return bytes
  })
}

/** The fingerprint of a key in the spelling of OpenSSH. */
export function fingerprintOf(publicKey: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(publicKeyBlob(publicKey)).digest('base64').replace(/=+$/, '')}`
}

async function ask<T>(
  { socket, timeoutMs = TIMEOUT_MS, signal: stopped }: AgentPlace,
  request: Uint8Array,
  expected: number,
  read: (answer: SshReader) => T,
): Promise<T> {
  if (!socket) throw agentUnavailable('SSH_AUTH_SOCK says no place')
  try {
    const frame = concatBytes(uint32(request.length), request)
    const answer = new SshReader(await timed(timeoutMs, [stopped], (signal) => exchange(socket, frame, signal)))
    const type = answer.take(1)[0]!
    if (type !== expected) throw agentUnavailable(`it refuses (${type})`)
    const result = read(answer)
    if (answer.left > 0) throw agentUnavailable('there are bytes behind its answer')
    return result
  } catch (error) {
    if (!(error instanceof GossumError)) throw agentUnavailable(errorText(error), error)
    throw error.code === 'AGENT_UNAVAILABLE' ? error : agentUnavailable(`its answer is cut: ${error.detail}`, error)
  }
}

/** Sends one frame and resolves to the content of the one that comes back. */
function exchange(socket: string, frame: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const connection = connect({ path: socket, signal })
    const chunks: Buffer[] = []
    let length = 0
    const end = (act: () => void): void => {
      act()
      connection.destroy()
    }
    connection.on('error', reject)
    connection.once('close', () => reject(agentUnavailable('it hung up')))
    connection.on('data', (chunk) => {
      chunks.push(chunk)
      length += chunk.length
      if (length < 4) return
      const head = readUint32(Buffer.concat(chunks.slice(0, 4)), 0)
      if (head === 0 || head > MAX_ANSWER_BYTES)
        return end(() => reject(agentUnavailable(`an answer of ${head} bytes`)))
      if (length > 4 + head) return end(() => reject(agentUnavailable('it says more than it was asked')))
      if (length === 4 + head) end(() => resolve(new Uint8Array(Buffer.concat(chunks)).subarray(4)))
    })
    connection.write(frame)
  })
}
