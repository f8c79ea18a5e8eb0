/**
 * All keys of a node: the witness key, its ML-DSA-44 key, the keys that each cosign only one log, and that of its
 * auditor. A key is created automatically only in a home that has signed nothing yet: a witness that lost its key file
 * must not silently become another one. An observer has none of these keys, which its home records.
 */
import { existsSync, readdirSync } from 'node:fs'
import { access, constants, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorText, GossumError, HintedError } from '../errors.js'
import {
  AUDITOR_FILE,
  keepWitnessKey,
  loadOrCreateWitnessKey,
  loadSecondKey,
  loadWitnessKey,
  newWitnessLine,
  SECOND_FILE,
  WITNESS_FILE,
} from './key-file.js'
import { keyFileInvalid } from './private-file.js'
import type { AgentSigner } from './ssh/agent-signer.js'
import { equalBytes } from '../tlog/bytes.js'
import { parseSignerKey, type Signer, type SignerKey, type VerifierKey } from '../tlog/note.js'

/** The folder of a home with the keys that cosign only one log: `<log id>.key` each. */
const LOG_KEYS = 'keys'
const LOG_KEY_FILE = /^([0-9a-f]{64})\.key$/

/** A file in the home of an observer: its data was gathered without a key, and does not mean that a key was lost. */
const OBSERVER_FILE = 'observer'

interface Keys {
  /** The witness key; undefined for an observer, which has no key at all. */
  readonly first: Signer | undefined
  /** The witness key, if its private half is in an ssh-agent. */
  readonly agent: AgentSigner | undefined
  readonly second: SignerKey | undefined
  /** By log id. */
  readonly ofLogs: ReadonlyMap<string, SignerKey>
  /** Absent unless one was made. */
  readonly auditor?: SignerKey | undefined
  readonly fresh: boolean
}

export class Keyring implements Keys {
  /** The witness key; undefined for an observer, which has no key at all. */
  readonly first: Signer | undefined
  readonly agent: AgentSigner | undefined
  readonly second: SignerKey | undefined
  readonly ofLogs: ReadonlyMap<string, SignerKey>
  /** Cosigns heads of which this node has read all records; it is not one of the keys that witness. */
  readonly auditor: SignerKey | undefined
  /** Whether all of them were made at this start, and so have signed nothing before. */
  readonly fresh: boolean

  constructor({ first, agent, second, ofLogs, auditor, fresh }: Keys) {
    this.first = first
    this.agent = agent
    this.second = second
    this.ofLogs = ofLogs
    this.auditor = auditor
    this.fresh = fresh
  }

  /** Whether this belongs to an observer, which signs nothing. */
  get isObserver(): boolean {
    return this.first === undefined
  }

  /** The keys for every log without a key of its own: the witness key and, if there is one, the ML-DSA-44 key. */
  get shared(): readonly Signer[] {
    return [this.first, this.second].filter((signer) => signer !== undefined)
  }

  /** The keys that cosign a log: its own key, which has no ML-DSA-44 key with it, or the shared ones. */
  of(log: string): readonly Signer[] {
    const own = this.ofLogs.get(log)
    return own === undefined ? this.shared : [own]
  }

  /** The public halves of the keys that cosign a log. */
  keysOf(log: string): readonly VerifierKey[] {
    return this.of(log).map(({ verifier }) => verifier)
  }

  /** The public halves of the keys that witness, the witness key first. */
  get witnesses(): readonly VerifierKey[] {
    return [...this.shared, ...this.ofLogs.values()].map(({ verifier }) => verifier)
  }

  /** The public halves of all keys, the witness key first. */
  get verifiers(): readonly VerifierKey[] {
    return [...this.witnesses, ...(this.auditor === undefined ? [] : [this.auditor.verifier])]
  }
}

/** The keyring of a witness. */
export type WitnessKeyring = Keyring & { readonly first: Signer }

/** The options for reading a keyring. */
export interface KeyringOptions {
  /** Key name of a new witness key; a unique one if absent. */
  readonly name?: string | undefined
  /** The socket of the ssh-agent, in case the witness key is in one. */
  readonly agentSocket?: string | undefined
}

/**
 * Reads the keys of a home; makes the witness key in a home without a witness. Throws KEY_MISSING if the home has had
 * one, NO_WITNESS for that of an observer, KEY_FILE_INVALID, HOME_UNUSABLE, and KEY_MALFORMED for an impossible name.
 */
export async function readKeyring(home: string, { name, agentSocket }: KeyringOptions): Promise<WitnessKeyring> {
  const path = join(home, WITNESS_FILE)
  requireWitnessHome(home)
  if (!names(home).includes(WITNESS_FILE)) {
    if (witnessTrace(home) !== undefined) throw keyMissing(home)
    await makeHome(home)
  }
  const { signer: first, agent, created } = await loadOrCreateWitnessKey(path, name, { socket: agentSocket })
  const second = await loadSecondKey(join(home, SECOND_FILE), first.verifier.name)
  const ofLogs = await loadLogKeys(home)
  const auditor = await loadWitnessKey(join(home, AUDITOR_FILE))
  const keyring = new Keyring({
    first,
    agent,
    second,
    ofLogs,
    auditor,
    fresh: created && second === undefined && ofLogs.size === 0 && auditor === undefined,
  }) as WitnessKeyring
  for (const [log, { verifier }] of ofLogs) requireOwn(logKeyPath(home, log), verifier, keyring)
  if (auditor !== undefined) requireOwn(join(home, AUDITOR_FILE), auditor.verifier, keyring)
  return keyring
}

/**
 * The keyring of an observer: no key is read or made, and the home is marked as an observer's. Throws KEY_EXISTS for a
 * home that has, or had, a witness, and HOME_UNUSABLE.
 */
export async function observerKeyring(home: string): Promise<Keyring> {
  requireNoWitness(home)
  await makeHome(home)
  try {
    await writeFile(join(home, OBSERVER_FILE), 'The home of an observer: it has no witness key, and signs nothing.\n', {
      mode: 0o600,
    })
  } catch (error) {
    throw new GossumError('HOME_UNUSABLE', errorText(error), error)
  }
  const none = { first: undefined, agent: undefined, second: undefined, ofLogs: new Map<string, SignerKey>() }
  return new Keyring({ ...none, fresh: true })
}

/** Throws KEY_EXISTS for a home that no observer may have: it has, or had, the key of a witness. */
export function requireNoWitness(home: string): void {
  const trace = names(home).includes(WITNESS_FILE) ? WITNESS_FILE : witnessTrace(home)
  if (trace === undefined) return
  throw new HintedError(
    new GossumError('KEY_EXISTS', `${join(home, trace)} belongs to a witness, but an observer has no key`),
    'give the observer a --home of its own; without --observer this home runs as a witness',
  )
}

/** Throws NO_WITNESS for the home of an observer: others vouched for its first heads; it did not verify them itself. */
export function requireWitnessHome(home: string): void {
  if (isObserverHome(home)) throw noWitness(home)
}

function isObserverHome(home: string): boolean {
  return names(home).includes(OBSERVER_FILE)
}

function noWitness(home: string): GossumError {
  return new HintedError(
    new GossumError('NO_WITNESS', `${home} is the home of an observer`),
    'run it with --observer; a witness needs a --home of its own',
  )
}

/** Makes the key of the auditor. Throws KEY_EXISTS, KEY_MALFORMED, or KEY_FILE_INVALID for a name that is taken. */
export async function createAuditorKey(home: string, name: string, keyring: Keyring): Promise<SignerKey> {
  const path = join(home, AUDITOR_FILE)
  const line = newWitnessLine(name)
  const signer = parseSignerKey(line)
  if (keyring.auditor !== undefined) throw new GossumError('KEY_EXISTS', path)
  requireOwn(path, signer.verifier, keyring)
  await keepWitnessKey(path, line)
  return signer
}

/** Makes the key that cosigns this log alone. Throws KEY_EXISTS, KEY_MALFORMED, or KEY_FILE_INVALID for a name that is taken. */
export async function createLogKey(home: string, log: string, name: string, keyring: Keyring): Promise<SignerKey> {
  if (keyring.ofLogs.has(log)) throw new GossumError('KEY_EXISTS', logKeyPath(home, log))
  const line = newWitnessLine(name)
  const signer = parseSignerKey(line)
  requireOwn(logKeyPath(home, log), signer.verifier, keyring)
  await keepWitnessKey(logKeyPath(home, log), line)
  return signer
}

/** Why there is no witness key here: it was never made, or it is gone. */
export function keyMissing(home: string): GossumError {
  const path = join(home, WITNESS_FILE)
  if (isObserverHome(home)) return noWitness(home)
  const trace = witnessTrace(home)
  if (trace === undefined) return new GossumError('KEY_MISSING', path)
  return new HintedError(
    new GossumError('KEY_MISSING', `${path} is gone, and ${trace} shows that a witness has worked in this home`),
    'restore the key file from its backup, or start a new witness in a new --home; to change the key of this one on purpose, see "A new key" in docs/operating.md',
  )
}

/** A path in the home that shows that it has, or had, a witness. */
function witnessTrace(home: string): string | undefined {
  const has = (path: string): boolean => existsSync(join(home, path))
  const log = logKeyFiles(home)[0]
  if (log !== undefined) return join(LOG_KEYS, log)
  // The data of an observer does not mean that there was a key.
  if (isObserverHome(home)) return [SECOND_FILE, AUDITOR_FILE].find(has)
  const journal = names(home).find((name) => name.startsWith('journal'))
  // A crash during the very first opening leaves a database without records.
  const records = names(join(home, 'db')).some((name) => /\.(log|ldb|sst)$/.test(name))
  return journal ?? [SECOND_FILE, AUDITOR_FILE, 'guard'].find(has) ?? (records ? 'db' : undefined)
}

/**
 * The key of a log, or of the auditor, has a name and a secret of its own: two kinds of statements never share a key.
 */
function requireOwn(path: string, { name, publicKey, vkey }: VerifierKey, { verifiers }: Keyring): void {
  const others = verifiers.filter((other) => other.vkey !== vkey)
  if (verifiers.length - others.length > 1) throw keyFileInvalid(path, 'it is also another key of this home')
  const same = others.find((other) => other.name === name || equalBytes(other.publicKey, publicKey))
  if (same !== undefined)
    throw keyFileInvalid(path, `${same.name} is the name, or the secret, of another key of this home`)
}

async function loadLogKeys(home: string): Promise<Map<string, SignerKey>> {
  const keys = new Map<string, SignerKey>()
  for (const file of logKeyFiles(home)) {
    const path = join(home, LOG_KEYS, file)
    const [, log] = LOG_KEY_FILE.exec(file) ?? []
    if (log === undefined) throw keyFileInvalid(path, 'its name is not the id of a log')
    const signer = await loadWitnessKey(path)
    if (signer === undefined) throw keyFileInvalid(path, 'it vanished while it was being created')
    keys.set(log, signer)
  }
  return keys
}

function logKeyPath(home: string, log: string): string {
  return join(home, LOG_KEYS, `${log}.key`)
}

function logKeyFiles(home: string): string[] {
  return names(join(home, LOG_KEYS))
    .filter((name) => name.endsWith('.key'))
    .sort()
}

/** The names in a folder; none if the folder does not exist. Throws HOME_UNUSABLE. */
function names(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new GossumError('HOME_UNUSABLE', errorText(error), error)
  }
}

async function makeHome(home: string): Promise<void> {
  try {
    await mkdir(home, { recursive: true, mode: 0o700 })
    await access(home, constants.W_OK)
  } catch (error) {
    throw new GossumError('HOME_UNUSABLE', errorText(error), error)
  }
}
