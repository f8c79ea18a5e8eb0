/** The codes of what is said about nodes: their homes, what keeps them from signing, whom they ask, and who asks them. Pure. */
import { notNow, remote, request, trouble, unsigned, type ErrorRow } from './traits.js'

/** State and keys on disk. */
export const STATE = {
  HOME_UNUSABLE: [
    'the directory cannot be used',
    'it must be a directory that is yours to write; or choose another with --home',
    trouble(),
  ],
  STORE_LOCKED: ['another process uses this home', 'stop the other gossum, or give this one its own --home', trouble()],
  STORE_DAMAGED: [
    'the database is damaged',
    'keep a copy of it, then see "A damaged database" in docs/operating.md',
    trouble(),
  ],
  STORE_SCHEMA: [
    'the home was written by a newer version of gossum',
    'use that version again; an older copy of the home does not know what was signed since',
    trouble(),
  ],
  STORE_WRITE_FAILED: [
    'the home could not be written',
    'check the free space and the permissions of the home',
    trouble({ retryable: true }),
  ],
  STATE_DISAGREES: [
    'the journal and the database disagree about what was signed, so nothing is signed until that is settled',
    'its operator settles it: see "The journal" in docs/operating.md; whoever pushes heads does without this witness until then',
    unsigned(1),
  ],
  KEY_FILE_INVALID: [
    'the key file cannot be used',
    'key files are private: chmod 600, owned by you, unchanged',
    trouble(),
  ],
  KEY_EXISTS: [
    'there is a witness key already',
    'a key is never overwritten; use another --home for another witness',
    trouble(),
  ],
  KEY_MISSING: [
    'there is no witness key here',
    'make one with gossum key new, or name its directory with --home',
    trouble(),
  ],
} as const satisfies Record<string, ErrorRow>

/** What keeps a node from signing. */
export const SIGNING = {
  GUARD_WAITING: [
    'nothing is signed until peers have said what this key signed before',
    'it takes a few seconds; see "The rollback guard" in docs/operating.md',
    unsigned(4),
  ],
  GUARD_BEHIND: [
    'this key has signed a larger head, and it is not proven yet that it extends the one held here',
    'see "The rollback guard" in docs/operating.md',
    unsigned(4),
  ],
  KEY_DUPLICATE: [
    'another node is signing with this key, so this one signs nothing',
    'stop one of the two; see "The rollback guard" in docs/operating.md',
    unsigned(4),
  ],
  DEPOSIT_WAITING: [
    'too few chosen peers keep what this key is about to sign, and --deposit requires them',
    'check that enough bootstrap peers are connected (gossum status); the node tries again by itself',
    unsigned(4),
  ],
  ORIGIN_TAKEN: [
    'this key already cosigns another log with the same origin, and a cosignature identifies a log by its origin alone',
    'make a key for this log: gossum key new --for LOG; see "Two logs of one origin" in docs/operating.md',
    unsigned(2),
  ],
  CLOCK_WRONG: [
    'the clock of this machine is set to before the release of this version of gossum, so nothing is signed',
    'set the clock and keep it synchronised (NTP); signing resumes by itself',
    unsigned(4),
  ],
  AGENT_UNAVAILABLE: [
    'the ssh-agent that holds the witness key is not signing',
    'check SSH_AUTH_SOCK and ssh-add -l; a running node looks for the agent again by itself',
    unsigned(1),
  ],
} as const satisfies Record<string, ErrorRow>

/** Peers and places. */
export const OTHERS = {
  PEER_UNHELPFUL: ['no peer had the data that was asked for', 'the node asks again, and asks other peers', remote()],
  PLACE_UNREACHABLE: [
    'cannot reach the place',
    'the node keeps trying; docs/exchange.md says what a place is',
    remote(),
  ],
  PLACE_ANSWER_INVALID: [
    'the place gave an answer that cannot be used',
    'the answer was discarded; check the URL, and see docs/exchange.md',
    remote(),
  ],
  HEADS_WAITING: [
    'too many heads of this log are waiting already',
    'this one is kept and tried again later',
    notNow(4),
  ],
  PEER_BUDGET: ['this peer has used up its share of proofs', 'an honest peer sends each new head once', notNow(4)],
} as const satisfies Record<string, ErrorRow>

/** Running and asking. */
export const RUNNING = {
  CONFIG_INVALID: ['the configuration is not valid', 'see gossum run --help', trouble({ exit: 2 })],
  ADDRESS_IN_USE: ['the address cannot be listened on', 'choose another port; port 0 takes any free one', trouble()],
  NODE_UNREACHABLE: [
    'cannot reach the node',
    'is it running? start it with gossum run, or name it with --node URL',
    remote(),
  ],
  NOT_FOUND: ['there is nothing here', 'see docs/http.md for the routes', request(404, { exit: 1 })],
  METHOD_NOT_ALLOWED: ['this route does not take this method', 'see docs/http.md for the routes', request(405)],
  REQUEST_TOO_LARGE: ['the request is too large', 'docs/http.md says how much each route takes', request(413)],
  TOO_MANY_REQUESTS: [
    'too many requests from this address',
    'wait for the Retry-After delay, then send fewer',
    request(429, { exit: 1, retryable: true }),
  ],
  NODE_BUSY: ['the node has as many requests and connections as it takes', 'ask again in a moment', notNow(1)],
  FORBIDDEN: [
    'this is only for the operator of the node',
    'run it on the machine of the node, as the user that runs it, with its --home',
    request(403, { exit: 1 }),
  ],
  OPERATOR_DOOR: [
    'the socket of the operator cannot be opened',
    'the home must be on a file system that takes sockets; until then nothing can be acknowledged',
    trouble(),
  ],
  REQUEST_INVALID: ['the request cannot be understood', 'see docs/http.md', request(400)],
  FILE_UNREADABLE: ['the file cannot be read', 'check its path, its permissions and its size', trouble()],
  FILE_UNWRITABLE: [
    'the file cannot be written',
    'choose another place; a file that is there already is not overwritten',
    trouble(),
  ],
  OUTPUT_UNWRITABLE: [
    'the output cannot be written, so this ends here',
    'whoever reads stdout or stderr is gone, or its disk is full',
    trouble(),
  ],
  ANSWER_MISSING: [
    'whoever was asked hung up without an answer',
    'check the address: something else may listen there',
    remote(),
  ],
  USAGE: ['the command cannot be understood', 'see gossum --help', request(400)],
  TIMEOUT: ['it took too long', 'try again', remote({ status: 504 })],
  INTERNAL: ['something unexpected happened, which is a bug in gossum', 'please report it with this text', trouble()],
} as const satisfies Record<string, ErrorRow>
