/**
 * Talks to an ssh-agent (draft-ietf-sshm-ssh-agent): lists its Ed25519 keys, and requests signatures. Each request uses
 * a new connection: a restarted agent is a different process at the same socket.
 */
import { connect } from 'node:net'
import { errorCode, errorText } from '../../errors.js'
import { timed } from '../../lib/timed.js'
import { concatBytes, readUint32 } from '../../tlog/bytes.js'
import { agentUnavailable, keysInAnswer, signatureInAnswer, type AgentKey } from './agent-answer.js'
import { publicKeyBlob, sshString, uint32 } from './ssh-wire.js'

const REQUEST_IDENTITIES = 11
const SIGN_REQUEST = 13
/** The largest answer of an agent, in bytes: OpenSSH's own limit for requests. */
const MAX_ANSWER_BYTES = 256 * 1024
/** Milliseconds that an answer may take. */
const TIMEOUT_MS = 10_000

/** The address of an agent, and how long it may take. */
export interface AgentPlace {
  /** Path of its socket; undefined if unknown. */
  readonly socket: string | undefined
  /** Milliseconds; TIMEOUT_MS by default. */
  readonly timeoutMs?: number
  /** Ends every wait for the agent. */
  readonly signal?: AbortSignal
}

/** The plain Ed25519 keys that the agent holds, in its order. Throws AGENT_UNAVAILABLE. */
export async function agentKeys(place: AgentPlace): Promise<AgentKey[]> {
  return keysInAnswer(await ask(place, Uint8Array.of(REQUEST_IDENTITIES)))
}

/** What the agent returns as the signature of a message by one of its keys, unverified. Throws AGENT_UNAVAILABLE. */
export async function agentSign(place: AgentPlace, publicKey: Uint8Array, message: Uint8Array): Promise<Uint8Array> {
  const words = [sshString(publicKeyBlob(publicKey)), sshString(message), uint32(0)]
  return signatureInAnswer(await ask(place, concatBytes(Uint8Array.of(SIGN_REQUEST), ...words)))
}

/** The content of the answer to a request. Throws AGENT_UNAVAILABLE. */
async function ask(
  { socket, timeoutMs = TIMEOUT_MS, signal: stopped }: AgentPlace,
  request: Uint8Array,
): Promise<Uint8Array> {
  if (!socket) throw agentUnavailable('SSH_AUTH_SOCK is not set')
  try {
    const frame = concatBytes(uint32(request.length), request)
    return await timed(timeoutMs, [stopped], (signal) => exchange(socket, frame, signal))
  } catch (error) {
    throw errorCode(error) === 'AGENT_UNAVAILABLE' ? error : agentUnavailable(errorText(error), error)
  }
}

/** Sends one frame, and resolves to the content of the answer's frame. */
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
      if (length > 4 + head) return end(() => reject(agentUnavailable('it sent more than one answer')))
      if (length === 4 + head) end(() => resolve(new Uint8Array(Buffer.concat(chunks)).subarray(4)))
    })
    connection.write(frame)
  })
}
