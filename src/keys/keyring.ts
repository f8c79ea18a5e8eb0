/**
 * All keys of a node: the first one, the ML-DSA-44 key beside it, those that cosign one log alone, and that of its
 * auditor. Only a home in which nobody has signed yet gets a key by itself: a witness that lost its key file must not become
 * another one unseen. An observer has none of them, and its home says so.
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

/** The folder of a home with the keys that cosign one log alone: `<log id>.key` each. */
const LOG_KEYS = 'keys'
const LOG_KEY_FILE = /^([0-9a-f]{64})\.key$/

/** In the home of an observer: what it knows without a key is no sign of a key that was lost. */
const OBSERVER_FILE = 'observer'

interface Keys {
  /** Undefined for an observer, which has no key at all. */
  readonly first: Signer | undefined
  /** The first one, when its private key is in an ssh-agent. */
  readonly agent: AgentSigner | undefined
  readonly second: SignerKey | undefined
  /** By log id. */
  readonly ofLogs: ReadonlyMap<string, SignerKey>
  /** Absent as long as nobody has made one. */
  readonly auditor?: SignerKey | undefined
  readonly fresh: boolean
}

export class Keyring implements Keys {
  /** Undefined for an observer, which has no key at all. */
  readonly first: Signer | undefined
  readonly agent: AgentSigner | undefined
  readonly second: SignerKey | undefined
  readonly ofLogs: ReadonlyMap<string, SignerKey>
  /** What cosigns heads whose records this node has read, all of them; it is none of the keys that witness. */
  readonly auditor: SignerKey | undefined
  /** Whether all of them were made by this start: then they have signed nothing before. */
  readonly fresh: boolean

  constructor({ first, agent, second, ofLogs, auditor, fresh }: Keys) {
    this.first = first
    this.agent = agent
    this.second = second
    this.ofLogs = ofLogs
    this.auditor = auditor
    this.fresh = fresh
  }

  /** Whether this is an observer's: it signs nothing. */
  get isObserver(): boolean {
    return this.first === undefined
  }

  /** The keys of every log that has none of its own: the first one, and the ML-DSA-44 key if there is one. */
  get shared(): readonly Signer[] {
    return [this.first, this.second].filter((signer) => signer !== undefined)
  }

  /** What cosigns a log: its own key, which has no second one beside it, or the shared ones. */
  of(log: string): readonly Signer[] {
    const own = this.ofLogs.get(log)
    return own === undefined ? this.shared : [own]
  }

  /** The public halves of what cosigns a log. */
  keysOf(log: string): readonly VerifierKey[] {
    return this.of(log).map(({ verifier }) => verifier)
  }

  /** The public halves of those that witness, the first one first. */
  get witnesses(): readonly VerifierKey[] {
    return [...this.shared, ...this.ofLogs.values()].map(({ verifier }) => verifier)
  }

  /** The public halves of all, the first one first. */
  get verifiers(): readonly VerifierKey[] {
    return [...this.witnesses, ...(this.auditor === undefined ? [] : [this.auditor.verifier])]
  }
}

/** The keyring of a witness. */
export type WitnessKeyring = Keyring & { readonly first: Signer }

/** What a keyring is read with. */
export interface KeyringOptions {
  /** Key name of a new first key; one that nobody else has when absent. */
  readonly name?: string | undefined
  /** Where the ssh-agent is, should the first key be in one. */
  readonly agentSocket?: string | undefined
}

/**
 * Reads the keys of a home, making the first one in a home without a witness. Throws KEY_MISSING for a home that has had
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
 * The keyring of an observer: none is read or made, and the home says so from now on. Throws KEY_EXISTS for a home that has, or
 * had, a witness, and HOME_UNUSABLE.
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

/** Throws KEY_EXISTS for a home that no observer may have: it has the key of a witness, or had one. */
export function requireNoWitness(home: string): void {
  const trace = names(home).includes(WITNESS_FILE) ? WITNESS_FILE : witnessTrace(home)
  if (trace === undefined) return
  throw new HintedError(
    new GossumError('KEY_EXISTS', `${join(home, trace)} is of a witness, and an observer has no key`),
    'give the observer a --home of its own; without --observer this home is a witness',
  )
}

/** Throws NO_WITNESS for the home of an observer: what that took up first was vouched for by others, and not seen by itself. */
export function requireWitnessHome(home: string): void {
  if (isObserverHome(home)) throw noWitness(home)
}

function isObserverHome(home: string): boolean {
  return names(home).includes(OBSERVER_FILE)
}

function noWitness(home: string): GossumError {
  return new HintedError(
    new GossumError('NO_WITNESS', `${home} is the home of an observer`),
    'run it with --observer; a witness gets a --home of its own',
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

/** Why there is no witness key here: none was made yet, or it is gone. */
export function keyMissing(home: string): GossumError {
  const path = join(home, WITNESS_FILE)
  if (isObserverHome(home)) return noWitness(home)
  const trace = witnessTrace(home)
  if (trace === undefined) return new GossumError('KEY_MISSING', path)
  return new HintedError(
    new GossumError('KEY_MISSING', `${path} is gone, and ${trace} shows that a witness has worked in this home`),
    'put the key file back from its backup, or begin a new witness in a new --home; to change the key of this one on purpose see "A new key" in docs/operating.md',
  )
}

/** What shows that a home has, or had, a witness: the path of it, below the home. */
function witnessTrace(home: string): string | undefined {
  const has = (path: string): boolean => existsSync(join(home, path))
  const log = logKeyFiles(home)[0]
  if (log !== undefined) return join(LOG_KEYS, log)
  // Those of an observer say what it knows, and nothing of a key.
  if (isObserverHome(home)) return [SECOND_FILE, AUDITOR_FILE].find(has)
  const journal = names(home).find((name) => name.startsWith('journal'))
  // A database without records is what a crash of its very first opening leaves.
  const records = names(join(home, 'db')).some((name) => /\.(log|ldb|sst)$/.test(name))
  return journal ?? [SECOND_FILE, AUDITOR_FILE, 'guard'].find(has) ?? (records ? 'db' : undefined)
}

/** A key of a log, or of the auditor, has a name and a secret of its own: no two statements are ever by one key. */
function requireOwn(path: string, { name, publicKey, vkey }: VerifierKey, { verifiers }: Keyring): void {
  const others = verifiers.filter((other) => other.vkey !== vkey)
  if (verifiers.length - others.length > 1) throw keyFileInvalid(path, 'it is another key of this home, too')
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
    if (signer === undefined) throw keyFileInvalid(path, 'it vanished while it was being made')
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

/** The names in a folder; none when there is no folder. Throws HOME_UNUSABLE. */
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
