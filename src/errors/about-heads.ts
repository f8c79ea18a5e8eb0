/** Error codes about heads: their notes, proofs and records, the logs they come from, and evidence. Pure. */
import { claim, noHead, notNow, remote, request, trouble, unsigned, type ErrorRow } from './traits.js'

/** Signed notes and keys. */
export const NOTES = {
  NOTE_MALFORMED: [
    'this is not a signed note',
    'a note is text, an empty line, and signature lines that begin with "— "',
    noHead(400, 'reject'),
  ],
  NOTE_TOO_LARGE: [
    'the note is larger than any head or evidence may be',
    'honest heads are smaller than 64 KiB; a larger one that the log signed is kept as a suspect',
    noHead(400, 'reject'),
  ],
  KEY_MALFORMED: ['the key is malformed', 'a verifier key looks like name+1a2b3c4d+AbC...', request(400)],
  KEY_UNSUPPORTED: [
    'the key has a type that this program does not verify',
    'use an Ed25519 key (type 0x01 or 0x04) or, for a witness, ML-DSA-44 (0x06)',
    request(400),
  ],
  KEY_WEAK: [
    'the key is a point of low order: anyone can forge its signatures',
    'ask its owner for another key',
    request(400),
  ],
  SIGNATURE_MISSING: [
    'no signature by the expected key',
    'check that this is the log you follow, and that its key is right',
    noHead(403, 'reject'),
  ],
  SIGNATURE_INVALID: [
    'the signature does not verify',
    'the bytes were changed, or another key signed them',
    noHead(403, 'reject'),
  ],
} as const satisfies Record<string, ErrorRow>

/** Checkpoints and cosignatures. */
export const CHECKPOINTS = {
  CHECKPOINT_MALFORMED: [
    'the signed text is not a checkpoint',
    'a checkpoint has three lines: origin, size, root',
    noHead(400, 'ignore'),
  ],
  ORIGIN_MISMATCH: [
    'the checkpoint names another log',
    'check the log and its key in the configuration',
    noHead(400, 'ignore'),
  ],
  SIZE_IMPOSSIBLE: [
    'the checkpoint claims a size beyond 2^53 - 1, and no such tree exists',
    'the log signed something that cannot be true: tell others',
    claim(422),
  ],
  NOT_CANONICAL: [
    'the head is validly signed, but not in the canonical form that witnesses cosign',
    'ask the log for its head in canonical form',
    claim(400),
  ],
  COSIGNATURE_MALFORMED: [
    'the cosignature is malformed',
    'a cosignature is an 8-byte time and a signature: 64 bytes for Ed25519, 2420 for ML-DSA-44',
    claim(400),
  ],
} as const satisfies Record<string, ErrorRow>

/** Trees, tiles, records. */
export const TREES = {
  PROOF_INVALID: ['the proof does not verify', 'the data was changed, or the log is not consistent', claim(422)],
  OLD_SIZE_DIFFERS: [
    'the old size is not the size of the newest head held here',
    'send a proof from the size given in the answer',
    claim(409),
  ],
  PROOF_MALFORMED: ['this is not a proof file', 'a proof file begins with the line c2sp.org/tlog-proof@v1', claim(400)],
  PROOF_TOO_LARGE: ['the proof is for a size or index beyond 2^53 - 1', 'no such tree exists', claim(400)],
  TILE_MALFORMED: ['this is not a tile path', 'tile paths look like tile/8/0/x001/234.p/5', request(400)],
  TILE_INVALID: [
    'a tile does not match the head',
    'the server sent wrong bytes, or shows another history',
    remote({ exit: 2 }),
  ],
  RECORD_INVALID: [
    'the record is malformed or not what was asked for',
    'do not trust this answer',
    remote({ exit: 2 }),
  ],
  RECORD_MISSING: ['the proof file does not contain its record', 'pass the record with --record FILE', request(400)],
  MODULE_INVALID: [
    'this is not a module path and version',
    'use path@version, such as golang.org/x/text@v0.3.0',
    request(400),
  ],
  LOG_KEY_CHANGED: [
    'this home has followed a log of this name with a different key',
    'check the key of the log; if the log has a new key, follow it from a new --home',
    trouble({ exit: 2 }),
  ],
} as const satisfies Record<string, ErrorRow>

/** The log as a server. */
export const LOGS = {
  LOG_UNKNOWN: ['this log is not followed here', 'follow it with --log "VKEY URL"', request(404)],
  LOG_UNREACHABLE: ['cannot reach the log', 'check the network and the log URL; the node keeps trying', remote()],
  LOG_ANSWER_INVALID: ['the log gave an unusable answer', 'if this persists, tell the operator of the log', remote()],
  LOG_FROZEN: [
    'the log is frozen: it was proven to misbehave',
    'see gossum evidence list; gossum evidence ack ID resumes signing',
    unsigned(3),
  ],
  LOG_BUDGET: [
    'the log has used up its daily quota of pushed heads, which its log list sets',
    'retry after the Retry-After delay; the daily quota refills gradually',
    request(429, { exit: 4, retryable: true }),
  ],
  LOG_LIST_MALFORMED: [
    'this is not a log list',
    'a log list begins with logs/v0; no part of this one is used',
    claim(400),
  ],
  RELEASES_INVALID: [
    'this is not a list of authorised releases',
    'such a list is a go.sum, or JSON with Ed25519, GoSum and Signature, signed by the key named in the watch',
    claim(400),
  ],
  QUORUM_MISSING: [
    'no quorum of witnesses has cosigned a head with this record yet',
    'ask again later; gossum heads shows who has cosigned what',
    notNow(4),
  ],
  TILE_MISSING: [
    'this node has not proven a head that covers this tile',
    'ask again when the node has seen a newer head',
    request(404, { exit: 4, retryable: true }),
  ],
  HISTORY_MISSING: [
    'this node holds no head of this log yet, so it has nothing to compare this one with',
    'wait for the first poll or push of this log; gossum status shows whether the log can be reached',
    notNow(1),
  ],
} as const satisfies Record<string, ErrorRow>

/** Evidence and policy. */
export const EVIDENCE = {
  EVIDENCE_MALFORMED: [
    'this is not an evidence file',
    'evidence is the canonical JSON that gossum wrote, unchanged',
    claim(400),
  ],
  EVIDENCE_FOREIGN: ['this version does not know this type of evidence', 'a newer version of gossum may', claim(422)],
  EVIDENCE_UNPROVEN: ['the evidence does not prove what it claims', 'it convicts nobody', claim(422)],
  EVIDENCE_UNWRITTEN: [
    'proven evidence could not be written to disk',
    'it is in memory, writing is retried, and its log is frozen; save a copy (gossum evidence show ID) and free some space',
    trouble({ retryable: true }),
  ],
  EVIDENCE_UNKNOWN: ['there is no evidence with this id', 'see gossum evidence list', request(404, { exit: 1 })],
  WITNESS_UNKNOWN: ['this witness is not known here', 'name it in a policy: --policy FILE', request(404)],
  POLICY_MALFORMED: ['the policy file is malformed', 'see docs/operating.md for the format', claim(400)],
  POLICY_UNSATISFIED: [
    'the cosignatures do not satisfy the policy',
    'wait for more witnesses, or check the policy',
    claim(422),
  ],
} as const satisfies Record<string, ErrorRow>
