/**
 * The closed set of error codes. A code is at once the metrics label, the HTTP problem code and the thing a
 * test asserts; its sentence says what happened and its hint says what to do about it.
 *
 * Pure: the bottom of the arrows, imported by everything, imports nothing but what makes text fit to be shown.
 */
import { printable } from './lib/printable.js'

export const ERRORS = {
  // Signed notes and keys
  NOTE_MALFORMED: ['this is not a signed note', 'a note is text, an empty line and lines that begin with "— "'],
  NOTE_TOO_LARGE: [
    'the note is larger than what a head, or evidence of it, may be',
    'honest heads are below 64 KiB: check what was sent; one that the log signed is kept as a suspect',
  ],
  KEY_MALFORMED: ['the key is malformed', 'a verifier key looks like name+1a2b3c4d+AbC...'],
  KEY_UNSUPPORTED: [
    'the key has a type that this program does not verify',
    'use an Ed25519 key (type 0x01 or 0x04) or, for a witness, ML-DSA-44 (0x06)',
  ],
  KEY_WEAK: ['the key is a point of low order: anyone can forge its signatures', 'ask its owner for a real key'],
  SIGNATURE_MISSING: ['no signature by the expected key', 'check that this is the log you follow and its key is right'],
  SIGNATURE_INVALID: ['the signature does not verify', 'the bytes were changed, or another key signed them'],
  // Checkpoints and cosignatures
  CHECKPOINT_MALFORMED: ['the signed text is not a checkpoint', 'a checkpoint is origin, size and root, a line each'],
  ORIGIN_MISMATCH: ['the checkpoint names another log', 'check the log and its key in the configuration'],
  SIZE_IMPOSSIBLE: [
    'the checkpoint claims a size beyond 2^53 - 1: no such tree exists',
    'the log signed something that cannot be true: make it known',
  ],
  NOT_CANONICAL: [
    'the head is validly signed, but not written in the canonical form that witnesses cosign',
    'ask the log for its head in canonical form',
  ],
  COSIGNATURE_MALFORMED: [
    'the cosignature is malformed',
    'it is 8 bytes of time and a signature: 64 bytes of Ed25519 or 2420 of ML-DSA-44',
  ],
  // Trees, tiles, records
  PROOF_INVALID: ['the proof does not hold', 'the data was changed, or the log is not consistent'],
  OLD_SIZE_DIFFERS: [
    'the old size differs from the size of the newest head held here',
    'prove from the size in the answer',
  ],
  PROOF_MALFORMED: ['this is not a proof file', 'a proof file begins with the line c2sp.org/tlog-proof@v1'],
  PROOF_TOO_LARGE: ['the proof is about a size or index beyond 2^53 - 1', 'no such tree exists'],
  TILE_MALFORMED: ['this is not a tile path', 'tile paths look like tile/8/0/x001/234.p/5'],
  TILE_INVALID: ['a tile does not match the head', 'the server sent wrong bytes, or shows another history'],
  RECORD_INVALID: ['the record is malformed or not what was asked for', 'do not trust this answer'],
  RECORD_MISSING: ['the proof does not hold the record that it is about', 'give the record with --record FILE'],
  MODULE_INVALID: ['this is not a module path and version', 'use path@version, such as golang.org/x/text@v0.3.0'],
  LOG_KEY_CHANGED: [
    'this home has followed another log of this name',
    'check the key of the log; follow a log with a new key from a new --home',
  ],
  // The log as a server
  LOG_UNKNOWN: ['this log is not followed here', 'follow it with --log "VKEY URL"'],
  LOG_UNREACHABLE: ['cannot reach the log', 'check the network and the log URL; the node keeps trying'],
  LOG_ANSWER_INVALID: ['the log gave an answer that cannot be used', 'if it lasts, tell the operator of the log'],
  LOG_FROZEN: [
    'the log is frozen: it was proven to misbehave',
    'see gossum evidence list; resume with gossum evidence ack ID',
  ],
  LOG_BUDGET: [
    'the log has pushed as many heads as its log list lets it push in a day',
    'push again after the Retry-After delay: the daily quota refills little by little',
  ],
  LOG_LIST_MALFORMED: ['this is not a log list', 'a log list begins with logs/v0; nothing of this one was taken'],
  QUORUM_MISSING: [
    'no quorum of witnesses has cosigned a head that holds this record yet',
    'ask again later; gossum heads says who has cosigned what',
  ],
  TILE_MISSING: ['no head that this node has proven covers this tile', 'ask again when the node has seen a newer head'],
  HISTORY_MISSING: [
    'no head of this log is held yet, so there is nothing to compare this one with',
    'the node must reach the log itself once',
  ],
  // Evidence and policy
  EVIDENCE_MALFORMED: ['this is not an evidence file', 'evidence is the canonical JSON that gossum wrote, unchanged'],
  EVIDENCE_FOREIGN: ['this version does not know evidence of this type', 'a newer version of gossum may'],
  EVIDENCE_UNPROVEN: ['the evidence does not prove what it claims', 'it convicts nobody'],
  EVIDENCE_UNWRITTEN: [
    'proven evidence could not be written to disk',
    'it is held in memory and tried again, and nothing of its log is signed; save a copy (gossum evidence show ID) and free some space',
  ],
  EVIDENCE_UNKNOWN: ['no evidence has this id', 'see gossum evidence list'],
  WITNESS_UNKNOWN: ['this witness is not known here', 'name it in a policy: --policy FILE'],
  POLICY_MALFORMED: ['the policy file is malformed', 'see docs/operating.md for the format'],
  POLICY_UNSATISFIED: ['the cosignatures do not satisfy the policy', 'wait for more witnesses, or look at the policy'],
  // State on disk
  HOME_UNUSABLE: [
    'the directory cannot be used',
    'it must be a directory that is yours to write; or choose another with --home',
  ],
  STORE_LOCKED: ['another process uses this home', 'stop the other gossum, or give this one its own --home'],
  STORE_DAMAGED: ['the database is damaged', 'keep a copy of it, then see "A damaged database" in docs/operating.md'],
  STORE_SCHEMA: [
    'the home was written by a newer version of gossum',
    'use that version again; an older copy of the home does not know what was signed since',
  ],
  STORE_WRITE_FAILED: ['the home could not be written', 'check the free space and the permissions of the home'],
  STATE_DISAGREES: [
    'the journal and the database disagree about what was signed',
    'see "The journal" in docs/operating.md',
  ],
  // What peers say about our own past
  GUARD_WAITING: [
    'nothing is signed until peers have said what this key signed before',
    'it takes a few seconds; see "The rollback guard" in docs/operating.md',
  ],
  GUARD_BEHIND: [
    'this key has signed a larger head, and it is not proven yet that it extends the one held here',
    'see "The rollback guard" in docs/operating.md',
  ],
  KEY_DUPLICATE: [
    'another node is signing with this key, so this one signs nothing',
    'stop one of the two; see "The rollback guard" in docs/operating.md',
  ],
  DEPOSIT_WAITING: [
    'too few chosen peers keep what this key is about to sign, and --deposit requires them',
    'check that enough bootstrap peers are connected (gossum status); the node tries again by itself',
  ],
  ORIGIN_TAKEN: [
    'this key already cosigns another log with the same origin, and a cosignature identifies a log by its origin alone',
    'make a key for this log: gossum key new --for LOG; see "Two logs of one origin" in docs/operating.md',
  ],
  CLOCK_WRONG: [
    'the clock of this machine is set to before the release of this version of gossum, so nothing is signed',
    'set the clock and keep it synchronised (NTP); signing resumes by itself',
  ],
  PEER_UNHELPFUL: ['no peer had the data that was asked for', 'the node asks again, and asks other peers'],
  PLACE_UNREACHABLE: ['cannot reach the place', 'the node keeps trying; docs/exchange.md says what a place is'],
  PLACE_ANSWER_INVALID: [
    'the place gave an answer that cannot be used',
    'the answer was discarded; check the URL, and see docs/exchange.md',
  ],
  HEADS_WAITING: ['too many heads of this log are waiting already', 'this one is kept and tried again later'],
  PEER_BUDGET: ['this peer has used up its share of proofs', 'an honest peer sends each new head once'],
  KEY_FILE_INVALID: ['the key file cannot be used', 'key files are private: chmod 600, owned by you, unchanged'],
  KEY_EXISTS: ['there is a witness key already', 'a key is never overwritten; use another --home for another witness'],
  KEY_MISSING: ['there is no witness key here', 'make one with gossum key new, or name its directory with --home'],
  AGENT_UNAVAILABLE: [
    'the ssh-agent that holds the witness key is not signing',
    'check SSH_AUTH_SOCK and ssh-add -l; a running node looks for the agent again by itself',
  ],
  // Running and asking
  CONFIG_INVALID: ['the configuration is not valid', 'see gossum run --help'],
  ADDRESS_IN_USE: ['the address cannot be listened on', 'choose another port; port 0 takes any free one'],
  NODE_UNREACHABLE: ['cannot reach the node', 'is it running? start it with gossum run, or name it with --node URL'],
  NOT_FOUND: ['there is nothing here', 'see docs/http.md for the routes'],
  METHOD_NOT_ALLOWED: ['this route does not take this method', 'see docs/http.md for the routes'],
  REQUEST_TOO_LARGE: ['the request is too large', 'docs/http.md says how much each route takes'],
  TOO_MANY_REQUESTS: ['too many requests from this address', 'wait for the Retry-After delay, then send fewer'],
  NODE_BUSY: ['the node has as many requests and connections as it takes', 'ask again in a moment'],
  FORBIDDEN: [
    'this is only for the operator of the node',
    'run it on the machine of the node, as the user that runs it, with its --home',
  ],
  OPERATOR_DOOR: [
    'the socket of the operator cannot be opened',
    'the home must be on a file system that takes sockets; until then nothing can be acknowledged',
  ],
  REQUEST_INVALID: ['the request cannot be understood', 'see docs/http.md'],
  FILE_UNREADABLE: ['the file cannot be read', 'check its path, its permissions and its size'],
  FILE_UNWRITABLE: [
    'the file cannot be written',
    'choose another place; a file that is there already is not overwritten',
  ],
  OUTPUT_UNWRITABLE: [
    'the output cannot be written, so this ends here',
    'whoever reads stdout or stderr is gone, or its disk is full',
  ],
  ANSWER_MISSING: ['whoever was asked hung up without an answer', 'check the address: something else may listen there'],
  USAGE: ['the command cannot be understood', 'see gossum --help'],
  TIMEOUT: ['it took too long', 'try again'],
  INTERNAL: ['something unexpected happened, which is a bug in gossum', 'please report it with this text'],
} as const satisfies Record<string, readonly [sentence: string, hint: string]>

export type ErrorCode = keyof typeof ERRORS

/** An error with a code of the closed set. `message` is the sentence, with the detail of this case behind it. */
export class GossumError extends Error {
  override readonly name: string = 'GossumError'
  readonly code: ErrorCode
  /** What this case adds to the sentence of the code: names, sizes, paths; fit to be shown, whoever's words it has. */
  readonly detail: string

  constructor(code: ErrorCode, detail = '', cause?: unknown) {
    const said = printable(withoutSecrets(detail))
    super(said === '' ? ERRORS[code][0] : `${ERRORS[code][0]}: ${said}`, cause === undefined ? undefined : { cause })
    this.code = code
    this.detail = said
  }

  /** What a person can do about it. */
  get hint(): string {
    return ERRORS[this.code][1]
  }
}

/**
 * A text without the users and passwords of the URLs in it, also of those that are none for a slash in a password.
 * Settings are quoted in errors, and errors are logged, shown and told.
 */
export function withoutSecrets(text: string): string {
  return text
    .replace(/(:\/\/)[^\s/?#"@:[\]]*:(?!\d*(?:[/?#\s"]|$))(?:[^\s"\\]|\\.)*@/g, '$1')
    .replace(/(:\/\/)(?:[^\s/?#"\\]|\\.)*@/g, '$1')
}

/** An error whose case has a hint of its own, better than that of its code. */
export class HintedError extends GossumError {
  readonly #hint: string

  constructor(error: GossumError, hint: string) {
    super(error.code, error.detail, error)
    this.#hint = hint
  }

  override get hint(): string {
    return this.#hint
  }
}

/** A Merkle proof that does not hold (PROOF_INVALID) or is about an impossible size (PROOF_TOO_LARGE). */
export class ProofError extends GossumError {
  override readonly name = 'ProofError'
}

/** The code of any thrown value: what is not ours is a bug of ours. */
export function errorCode(error: unknown): ErrorCode {
  return error instanceof GossumError ? error.code : 'INTERNAL'
}

/** The text of any thrown value. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
