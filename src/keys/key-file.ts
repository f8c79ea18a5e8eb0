/**
 * Key files of signers: the witness key of a node and the log key of a small log. One line, readable by its owner
 * alone: the Go note library's PRIVATE+KEY+name+id+base64 or, for a witness whose private key is in an ssh-agent,
 * SSH-AGENT+KEY+ and the verifier key. The content of such a file is never printed.
 */
import { randomBytes } from 'node:crypto'
import { GossumError } from '../errors.js'
import { keyFileInvalid, readPrivateFile, writeNewPrivateFile } from './private-file.js'
import type { AgentPlace } from './ssh/agent.js'
import { AgentSigner } from './ssh/agent-signer.js'
import { fromUtf8, toHex, utf8 } from '../tlog/bytes.js'
import {
  formatSignerKey,
  parseSignerKey,
  parseVerifierKey,
  SIGNATURE_TYPES,
  type SignatureType,
  type Signer,
  type SignerKey,
  type VerifierKey,
} from '../tlog/note.js'

/** The files of a home that hold the witness key, its ML-DSA-44 key, and the key of the auditor. */
export const WITNESS_FILE = 'witness.key'
export const SECOND_FILE = 'witness-ml-dsa.key'
export const AUDITOR_FILE = 'auditor.key'
/** The prefix of the line of a key whose private half is in an ssh-agent. */
const IN_AGENT = 'SSH-AGENT+KEY+'

export interface LoadedKey<S extends Signer = Signer> {
  readonly signer: S
  /** The same, if its private key is in an ssh-agent. */
  readonly agent?: AgentSigner
  /** Whether the key was made by this call. */
  readonly created: boolean
}

/**
 * Reads the witness key (type 0x04), or makes one if there is no file. `name` is the key name of a new key; by default
 * a unique one is made up. `agent` says where the ssh-agent is, in case the key is in one; it is not contacted yet.
 * Throws KEY_FILE_INVALID, or KEY_MALFORMED for an impossible name.
 */
export async function loadOrCreateWitnessKey(
  path: string,
  name?: string,
  agent: AgentPlace = { socket: undefined },
): Promise<LoadedKey> {
  const inAgent = await loadAgentKey(path)
  if (inAgent === undefined) return loadOrCreate(path, SIGNATURE_TYPES.cosignature, name)
  const signer = new AgentSigner(inAgent, agent)
  return { signer, agent: signer, created: false }
}

/** Reads the key of a log (type 0x01), or makes one with this name. Throws as loadOrCreateWitnessKey does. */
export function loadOrCreateLogKey(path: string, name: string): Promise<LoadedKey<SignerKey>> {
  return loadOrCreate(path, SIGNATURE_TYPES.ed25519, name)
}

/**
 * Reads the ML-DSA-44 key (type 0x06) that the witness has in addition, under the same name; undefined if there is no
 * file. Throws KEY_FILE_INVALID, also for another name.
 */
export async function loadSecondKey(path: string, name: string): Promise<SignerKey | undefined> {
  const second = await load(path, SIGNATURE_TYPES.mlDsa)
  if (second !== undefined && second.verifier.name !== name) {
    throw keyFileInvalid(path, `it is the key of ${second.verifier.name}, not of ${name}`)
  }
  return second
}

/** Makes the ML-DSA-44 key. Throws KEY_EXISTS, and never overwrites. */
export async function createSecondKey(path: string, name: string): Promise<SignerKey> {
  const line = newKey(SIGNATURE_TYPES.mlDsa, name)
  await keepWitnessKey(path, line)
  return parseSignerKey(line)
}

/** Reads the public half of the witness key; undefined if there is no file. Throws KEY_FILE_INVALID. */
export async function loadWitnessVerifier(path: string): Promise<VerifierKey | undefined> {
  return (await loadAgentKey(path)) ?? (await load(path, SIGNATURE_TYPES.cosignature))?.verifier
}

/** Reads a witness key whose private half is in its file; undefined if there is none. Throws KEY_FILE_INVALID. */
export function loadWitnessKey(path: string): Promise<SignerKey | undefined> {
  return load(path, SIGNATURE_TYPES.cosignature)
}

/** The line of a new witness key with this name. Throws KEY_MALFORMED. */
export function newWitnessLine(name: string): string {
  return newKey(SIGNATURE_TYPES.cosignature, name)
}

/** The line of a key file whose private key is in an ssh-agent. */
export function formatAgentKey({ vkey }: VerifierKey): string {
  return `${IN_AGENT}${vkey}`
}

/** Makes a new witness key. Throws KEY_EXISTS, and never overwrites. */
export async function createWitnessKey(path: string, name?: string): Promise<SignerKey> {
  const line = newKey(SIGNATURE_TYPES.cosignature, name)
  await keepWitnessKey(path, line)
  return parseSignerKey(line)
}

/** Writes the one line of a new witness key file. Throws KEY_EXISTS, and never overwrites. */
export async function keepWitnessKey(path: string, line: string): Promise<void> {
  if (!(await writeNewPrivateFile(path, utf8(`${line}\n`)))) throw new GossumError('KEY_EXISTS', path)
}

/** The witness key of a file that refers to an ssh-agent; undefined if there is no file, or it is of another kind. */
async function loadAgentKey(path: string): Promise<VerifierKey | undefined> {
  const line = await readLine(path)
  if (line?.startsWith(IN_AGENT) !== true) return undefined
  const verifier = inFile(path, () => parseVerifierKey(line.slice(IN_AGENT.length)))
  checkType(path, verifier, SIGNATURE_TYPES.cosignature)
  return verifier
}

async function loadOrCreate(path: string, type: SignatureType, name?: string): Promise<LoadedKey<SignerKey>> {
  const existing = await load(path, type)
  if (existing !== undefined) return { signer: existing, created: false }
  const line = newKey(type, name)
  if (await writeNewPrivateFile(path, utf8(`${line}\n`))) return { signer: parseSignerKey(line), created: true }
  // Another process has just created it.
  const theirs = await load(path, type)
  if (theirs === undefined) throw keyFileInvalid(path, 'it vanished while it was being created')
  return { signer: theirs, created: false }
}

async function load(path: string, type: SignatureType): Promise<SignerKey | undefined> {
  const line = await readLine(path)
  if (line === undefined) return undefined
  const signer = inFile(path, () => parseSignerKey(line))
  checkType(path, signer.verifier, type)
  return signer
}

/** The one line of a key file; undefined if there is no file. */
async function readLine(path: string): Promise<string | undefined> {
  const bytes = await readPrivateFile(path)
  return bytes && (fromUtf8(bytes) ?? '').replace(/\n$/, '')
}

function inFile<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw keyFileInvalid(path, 'not a signer key', error)
  }
}

function checkType(path: string, key: VerifierKey, type: SignatureType): void {
  if (key.type !== type) throw keyFileInvalid(path, `its key has type 0x0${key.type}, not 0x0${type}`)
}

function newKey(type: SignatureType, name = `gossum-${toHex(randomBytes(4))}`): string {
  return formatSignerKey(name, type, randomBytes(32))
}
