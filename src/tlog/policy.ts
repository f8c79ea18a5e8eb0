/**
 * Policies (c2sp.org/tlog-policy): whose cosignatures count and how many are needed. A text of lines
 *
 *     log <vkey> [<url>]
 *     witness <name> <vkey> [<url>]
 *     group <name> all|any|<k> <member>...
 *     quorum <name>|none
 *
 * with definitions before their use. There are two differences from the specification. A log's key name need not be its
 * origin, because those of sum.golang.org differ. A key of a type that is not supported here is listed but never
 * counts; it is not an error, so that a policy may already name keys of future types.
 *
 * Pure.
 */
import { errorCode, errorText, GossumError } from '../errors.js'
import { fromBase64, fromUtf8, toHex, utf8 } from './bytes.js'
import { isWitnessKey, parseVerifierKey, SIGNATURE_TYPES, type VerifierKey } from './note.js'

/** The largest policy that is read, in bytes: room for 32 logs and 32 witnesses with ML-DSA keys of 1.8 kB each. */
export const MAX_POLICY_BYTES = 256 * 1024
/** The most logs, witnesses and groups in a policy, counted together. */
export const MAX_POLICY_LINES = 1024

/** The quorum that needs no cosignature. */
export const NONE = 'none'

export interface PolicyLog {
  /** The log's key, type 0x01; undefined if its type is not supported here. */
  readonly key: VerifierKey | undefined
  readonly vkey: string
  /** As written; not checked. */
  readonly url?: string
}

export interface PolicyWitness {
  /** The name that groups and the quorum use; it has no meaning outside the policy. */
  readonly name: string
  /** The witness key, type 0x04 or 0x06; undefined if its type is not supported here: then it never counts. */
  readonly key: VerifierKey | undefined
  readonly vkey: string
  /** As written; not checked. */
  readonly url?: string
}

export interface PolicyGroup {
  readonly name: string
  /** How many members must have witnessed a head, 1..members.length. */
  readonly threshold: number
  /** Names of witnesses and groups defined before; each name is a member of at most one group. */
  readonly members: readonly string[]
}

export interface Policy {
  /** A head signed by any one of them is acceptable; if there are none, the log is specified elsewhere. */
  readonly logs: readonly PolicyLog[]
  readonly witnesses: readonly PolicyWitness[]
  readonly groups: readonly PolicyGroup[]
  /** The name of a witness or group, or 'none'. */
  readonly quorum: string
}

// ---- reading ---------------------------------------------------------------------------------------------------

/** Reads a policy: text, or the bytes of a file. Throws POLICY_MALFORMED with the number of the faulty line. */
export function parsePolicy(input: string | Uint8Array): Policy {
  const reader = new PolicyReader()
  decode(input)
    .split('\n')
    .forEach((line, i) => {
      try {
        reader.line(line)
      } catch (error) {
        if (!(error instanceof GossumError)) throw error
        const what = error.code === 'POLICY_MALFORMED' ? error.detail : errorText(error)
        throw new GossumError('POLICY_MALFORMED', `line ${i + 1}: ${what}`, error)
      }
    })
  return reader.policy()
}

/**
 * Names are opaque octets: text that is not UTF-8 is read as one character per octet, so that different names stay
 * different.
 */
function decode(input: string | Uint8Array): string {
  const bytes = typeof input === 'string' ? utf8(input) : input
  if (bytes.length > MAX_POLICY_BYTES) throw malformed(`${bytes.length} bytes, more than ${MAX_POLICY_BYTES}`)
  if (typeof input === 'string') return input
  return fromUtf8(bytes) ?? Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
}

function malformed(detail: string): GossumError {
  return new GossumError('POLICY_MALFORMED', detail)
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80))
}

class PolicyReader {
  readonly #logs: PolicyLog[] = []
  readonly #witnesses: PolicyWitness[] = []
  readonly #groups: PolicyGroup[] = []
  #quorum: string | undefined
  readonly #logKeys = new Set<string>()
  readonly #witnessKeys = new Set<string>()
  /** Every name defined so far, and whether a group has it already. */
  readonly #names = new Map<string, { member: boolean }>()

  line(line: string): void {
    // SPEC: c2sp.org/tlog-policy: the octets of a line are TAB, 0x20 to 0x7e, and 0x80 to 0xff.
    if (/[\0-\x08\x0b-\x1f\x7f]/.test(line)) throw malformed('a control character')
    const [keyword, ...fields] = line.split(/[ \t]+/).filter((field) => field !== '')
    if (keyword === undefined || keyword.startsWith('#')) return
    switch (keyword) {
      case 'log':
        this.#log(fields)
        break
      case 'witness':
        this.#witness(fields)
        break
      case 'group':
        this.#group(fields)
        break
      case 'quorum':
        this.#setQuorum(fields)
        break
      default:
        throw malformed(`${quoted(keyword)} is none of log, witness, group, quorum`)
    }
    const count = this.#logs.length + this.#witnesses.length + this.#groups.length
    if (count > MAX_POLICY_LINES) throw malformed(`more than ${MAX_POLICY_LINES} logs, witnesses and groups`)
  }

  policy(): Policy {
    // SPEC: c2sp.org/tlog-policy: there is exactly one quorum line.
    if (this.#quorum === undefined) throw malformed('there is no quorum line')
    return { logs: this.#logs, witnesses: this.#witnesses, groups: this.#groups, quorum: this.#quorum }
  }

  #log(fields: string[]): void {
    const [vkey, url, ...rest] = fields
    if (vkey === undefined || rest.length > 0) throw malformed('a log line is: log <vkey> [<url>]')
    const parsed = parseKey(vkey, ({ type }) => type === SIGNATURE_TYPES.ed25519)
    claim(this.#logKeys, parsed.identity, 'this log')
    this.#logs.push({ key: parsed.key, vkey: parsed.vkey, ...(url === undefined ? {} : { url }) })
  }

  #witness(fields: string[]): void {
    const [name, vkey, url, ...rest] = fields
    if (name === undefined || vkey === undefined || rest.length > 0) {
      throw malformed('a witness line is: witness <name> <vkey> [<url>]')
    }
    const parsed = parseKey(vkey, isWitnessKey)
    if (parsed.key === undefined && LOG_ONLY_TYPES.includes(parsed.type)) {
      throw malformed(`the key has type 0x0${parsed.type}; a witness key has type 0x04 or 0x06`)
    }
    claim(this.#witnessKeys, parsed.identity, 'this witness')
    this.#define(name)
    this.#witnesses.push({ name, key: parsed.key, vkey: parsed.vkey, ...(url === undefined ? {} : { url }) })
  }

  #group(fields: string[]): void {
    const [name, count, ...members] = fields
    if (name === undefined || count === undefined || members.length === 0) {
      throw malformed('a group line is: group <name> all|any|<k> <member>...')
    }
    const threshold = thresholdOf(count, members.length)
    // SPEC: c2sp.org/tlog-policy: what a group names is defined before it, and is a member of one group at most, once.
    for (const member of members) {
      const known = this.#names.get(member)
      if (known === undefined) throw malformed(`no witness or group ${quoted(member)} is defined before this line`)
      if (known.member) throw malformed(`${quoted(member)} is already a member`)
      known.member = true
    }
    this.#define(name)
    this.#groups.push({ name, threshold, members })
  }

  #setQuorum(fields: string[]): void {
    const [name, ...rest] = fields
    if (name === undefined || rest.length > 0) throw malformed('a quorum line is: quorum <name>|none')
    if (this.#quorum !== undefined) throw malformed('a second quorum line')
    if (name !== NONE && !this.#names.has(name)) {
      throw malformed(`no witness or group ${quoted(name)} is defined before this line`)
    }
    this.#quorum = name
  }

  #define(name: string): void {
    // SPEC: c2sp.org/tlog-policy: witnesses and groups share one namespace, in which `none` is reserved.
    if (name === NONE) throw malformed('the name none is taken')
    if (this.#names.has(name)) throw malformed(`the name ${quoted(name)} is taken`)
    this.#names.set(name, { member: false })
  }
}

function claim(seen: Set<string>, identity: string, what: string): void {
  // SPEC: c2sp.org/tlog-policy: duplicates are decided by the public key, whatever the name or key ID.
  if (seen.has(identity)) throw malformed(`${what} is already listed, with the same public key`)
  seen.add(identity)
}

function thresholdOf(count: string, members: number): number {
  if (count === 'all') return members
  if (count === 'any') return 1
  // SPEC: c2sp.org/tlog-policy: a threshold is from 1 to the number of members.
  const threshold = /^[1-9][0-9]{0,3}$/.test(count) ? Number(count) : 0
  if (threshold < 1 || threshold > members) throw malformed(`${quoted(count)} of ${members} members`)
  return threshold
}

// ---- keys ------------------------------------------------------------------------------------------------------

/** Defined types that no witness has: Ed25519, ECDSA and RFC 6962 signatures of logs. */
const LOG_ONLY_TYPES: readonly number[] = [0x01, 0x02, 0x05]

interface ParsedKey {
  readonly key: VerifierKey | undefined
  readonly vkey: string
  readonly type: number
  /** What identifies duplicates: only the public key, whatever its name and type. */
  readonly identity: string
}

/**
 * Reads a key of a certain kind. A well-formed key of another kind, or of an unsupported type, is returned without
 * `key`.
 */
function parseKey(vkey: string, isRight: (key: VerifierKey) => boolean): ParsedKey {
  const key = verifiable(vkey)
  if (key !== undefined) {
    const { type, publicKey } = key
    return { key: isRight(key) ? key : undefined, vkey: key.vkey, type, identity: toHex(publicKey) }
  }
  // The form is right, or `verifiable` would have thrown: after the second plus come type and public key.
  const bytes = fromBase64(vkey.split('+').slice(2).join('+'))!
  return { key: undefined, vkey, type: bytes[0]!, identity: toHex(bytes.subarray(1)) }
}

function verifiable(vkey: string): VerifierKey | undefined {
  try {
    return parseVerifierKey(vkey)
  } catch (error) {
    if (errorCode(error) === 'KEY_UNSUPPORTED') return undefined
    throw error
  }
}

// ---- evaluating ------------------------------------------------------------------------------------------------

/**
 * Evaluates a quorum other than `none`: a witness has a worth of its own, a group combines those of its members.
 * Members of a group share no witness.
 */
export function evaluate<T>(
  policy: Policy,
  witness: (w: PolicyWitness) => T,
  group: (threshold: number, of: T[]) => T,
): T {
  const worth = new Map<string, T>()
  for (const w of policy.witnesses) worth.set(w.name, witness(w))
  // Members are defined before their group, and each belongs to one group only.
  for (const { name, threshold, members } of policy.groups)
    worth.set(
      name,
      group(
        threshold,
        members.map((m) => worth.get(m)!),
      ),
    )
  return worth.get(policy.quorum)!
}

/**
 * Whether cosignatures by these witnesses, given by their vkeys and verified by the caller, reach the quorum. A
 * witness without a `key` never counts.
 */
export function quorumSatisfied(policy: Policy, signedBy: ReadonlySet<string>): boolean {
  if (policy.quorum === NONE) return true
  return evaluate<boolean>(
    policy,
    ({ key }) => key !== undefined && signedBy.has(key.vkey),
    (threshold, members) => members.filter((satisfied) => satisfied).length >= threshold,
  )
}

/**
 * The smallest number of witnesses that can reach the quorum: 0 for `quorum none`, Infinity if too many of them have
 * keys of unsupported types.
 */
export function quorumThreshold(policy: Policy): number {
  if (policy.quorum === NONE) return 0
  return evaluate<number>(
    policy,
    ({ key }) => (key === undefined ? Infinity : 1),
    (threshold, members) =>
      members
        .sort((a, b) => a - b)
        .slice(0, threshold)
        .reduce((sum, needed) => sum + needed, 0),
  )
}
