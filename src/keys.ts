/**
 * Key files of signers: the witness key of a node and the log key of a small log. One line, the Go note library's
 * PRIVATE+KEY+name+id+base64, readable by its owner alone. What is in such a file is never printed.
 */
import { randomBytes } from 'node:crypto'
import { GossumError } from './errors.js'
import { keyFileInvalid, readPrivateFile, writeNewPrivateFile } from './private-file.js'
import { fromUtf8, toHex, utf8 } from './tlog/bytes.js'
import { formatSignerKey, parseSignerKey, SIGNATURE_TYPES, type SignatureType, type SignerKey } from './tlog/note.js'

export interface LoadedKey {
  readonly signer: SignerKey
  /** Whether the key was made by this call. */
  readonly created: boolean
}

/**
 * Reads the witness key (type 0x04), or makes one when there is no file. `name` is the key name of a new key; without
 * it one that nobody else has is made up. Throws KEY_FILE_INVALID, or KEY_MALFORMED for an impossible name.
 */
export function loadOrCreateWitnessKey(path: string, name?: string): Promise<LoadedKey> {
  return loadOrCreate(path, SIGNATURE_TYPES.cosignature, name)
}

/** Reads the key of a log (type 0x01), or makes one with this name. Throws as loadOrCreateWitnessKey does. */
export function loadOrCreateLogKey(path: string, name: string): Promise<LoadedKey> {
  return loadOrCreate(path, SIGNATURE_TYPES.ed25519, name)
}

/** Reads the witness key; undefined when there is no file. Throws KEY_FILE_INVALID. */
export function loadWitnessKey(path: string): Promise<SignerKey | undefined> {
  return load(path, SIGNATURE_TYPES.cosignature)
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

async function loadOrCreate(path: string, type: SignatureType, name?: string): Promise<LoadedKey> {
  const existing = await load(path, type)
  if (existing !== undefined) return { signer: existing, created: false }
  const line = newKey(type, name)
  if (await writeNewPrivateFile(path, utf8(`${line}\n`))) return { signer: parseSignerKey(line), created: true }
  // Another process made it a moment ago.
  const theirs = await load(path, type)
  if (theirs === undefined) throw keyFileInvalid(path, 'it comes and goes')
  return { signer: theirs, created: false }
}

async function load(path: string, type: SignatureType): Promise<SignerKey | undefined> {
  const bytes = await readPrivateFile(path)
  if (bytes === undefined) return undefined
  let signer: SignerKey
  try {
    signer = parseSignerKey((fromUtf8(bytes) ?? '').replace(/\n$/, ''))
  } catch (error) {
    throw keyFileInvalid(path, 'not a signer key', error)
  }
  if (signer.verifier.type !== type) {
    throw keyFileInvalid(path, `its key has type 0x0${signer.verifier.type}, not 0x0${type}`)
  }
  return signer
}

function newKey(type: SignatureType, name = `gossum-${toHex(randomBytes(4))}`): string {
  return formatSignerKey(name, type, randomBytes(32))
}
