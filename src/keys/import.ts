/**
 * Makes the witness key of a node from an existing key: a signer key of Go's note library, or an OpenSSH private key.
 * The source file is not changed; its content is never printed.
 */
import { GossumError, HintedError } from '../errors.js'
import { formatAgentKey, keepWitnessKey } from './key-file.js'
import { keyFileInvalid, readPrivateFile } from './private-file.js'
import { agentUnavailable, type AgentKey } from './ssh/agent-answer.js'
import { agentKeys, agentSign, type AgentPlace } from './ssh/agent.js'
import { isOpenSshKey, parseOpenSshKey } from './ssh/openssh-key.js'
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import {
  formatSignerKey,
  makeVerifierKey,
  parseSignerKey,
  respellSignerKey,
  SIGNATURE_TYPES,
  type SignerKey,
  type VerifierKey,
} from '../tlog/note.js'

/** The largest key file that is read, in bytes: those of OpenSSH contain a comment of any length. */
const MAX_IMPORT_BYTES = 16 * 1024

export interface ImportedKey {
  readonly verifier: VerifierKey
  /** The key in the file, if it was the key of a log: its secret is now also that of a witness. */
  readonly wasLogKey: VerifierKey | undefined
}

/**
 * Reads the key file `from` and makes the witness key file `path` from it. `name` is the name of the key: an OpenSSH
 * key needs one, and a witness key keeps its own. Throws KEY_FILE_INVALID (also when others may read the file),
 * FILE_UNREADABLE, KEY_EXISTS, KEY_MALFORMED for an impossible name, or USAGE for a missing or wrong one.
 */
export async function importWitnessKey(path: string, from: string, name?: string): Promise<ImportedKey> {
  const bytes = await readPrivateFile(from, MAX_IMPORT_BYTES)
  if (bytes === undefined) throw new GossumError('FILE_UNREADABLE', `${from}: there is no such file`)
  const text = fromUtf8(bytes) ?? ''
  if (isOpenSshKey(text)) {
    if (name === undefined)
      throw new GossumError('USAGE', 'an OpenSSH key has no witness name: give one with --name NAME')
    const seed = inFile(from, () => parseOpenSshKey(text))
    return keep(path, formatSignerKey(name, SIGNATURE_TYPES.cosignature, seed))
  }
  const line = text.trimEnd()
  const { verifier } = inFile(from, () => readGoKey(line))
  if (verifier.type === SIGNATURE_TYPES.mlDsa) {
    throw keyFileInvalid(from, 'it is an ML-DSA-44 key; gossum key new --ml-dsa adds one to the witness key')
  }
  if (verifier.type === SIGNATURE_TYPES.ed25519) {
    return keep(path, respellSignerKey(line, name ?? verifier.name, SIGNATURE_TYPES.cosignature), verifier)
  }
  if (name !== undefined && name !== verifier.name) {
    throw new GossumError('USAGE', `--name: this key is already named ${verifier.name}, and keeps its name`)
  }
  return keep(path, line)
}

/**
 * Makes the witness key file `path` name a key in an ssh-agent, after the agent has signed a test message with it.
 * Throws AGENT_UNAVAILABLE, USAGE if it is ambiguous which key is meant, KEY_EXISTS, KEY_MALFORMED or KEY_WEAK.
 */
export async function importAgentKey(
  path: string,
  place: AgentPlace,
  name: string,
  fingerprint?: string,
): Promise<VerifierKey> {
  const { publicKey } = choose(await agentKeys(place), fingerprint)
  const verifier = makeVerifierKey(name, SIGNATURE_TYPES.cosignature, publicKey)
  // Begins differently from everything else that a witness signs.
  const message = utf8(`gossum/in-agent/v1\n${verifier.vkey}\n`)
  if (!verifier.verify(message, await agentSign(place, publicKey, message))) {
    throw agentUnavailable('its signature does not verify')
  }
  await keepWitnessKey(path, formatAgentKey(verifier))
  return verifier
}

function choose(keys: readonly AgentKey[], fingerprint: string | undefined): AgentKey {
  const meant = fingerprint === undefined ? keys : keys.filter((key) => key.fingerprint === fingerprint)
  const [first] = meant
  if (first === undefined) {
    const which = fingerprint === undefined ? '' : ` with the fingerprint ${fingerprint}`
    throw agentUnavailable(`it holds no ssh-ed25519 key${which} (keys of type sk-ssh-ed25519 sign something else)`)
  }
  if (meant.length === 1) return first
  const named = meant.slice(0, 8).map((key) => key.fingerprint)
  throw new GossumError(
    'USAGE',
    `the agent holds ${meant.length} keys: choose one with --fingerprint ${named.join(' or ')}`,
  )
}

async function keep(path: string, line: string, wasLogKey?: VerifierKey): Promise<ImportedKey> {
  const { verifier } = parseSignerKey(line)
  await keepWitnessKey(path, line)
  return { verifier, wasLogKey }
}

function readGoKey(line: string): SignerKey {
  if (line.startsWith('PRIVATE+KEY+')) return parseSignerKey(line)
  throw new GossumError('KEY_MALFORMED', 'neither a signer key (PRIVATE+KEY+...) nor an OpenSSH private key')
}

/** Adds the name of the file to errors of a key in it; a more specific hint is kept. */
function inFile<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
    const named = keyFileInvalid(path, error.detail, error)
    throw error instanceof HintedError ? new HintedError(named, error.hint) : named
  }
}
