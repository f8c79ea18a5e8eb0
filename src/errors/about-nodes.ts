/** Error codes about nodes: their homes, obstacles to signing, the services they ask, and their clients. Pure. */
import { claim, notNow, remote, request, trouble, unsigned, type ErrorRow } from './traits.js'

/** State and keys on disk. */
export const STATE = {
  HOME_UNUSABLE: [
    'the directory cannot be used',
    'it must be a directory that you may write to; --home chooses another',
    trouble(),
  ],
  STORE_LOCKED: [
    'another process is using this home',
    'stop the other gossum, or give this one its own --home',
    trouble(),
  ],
  STORE_DAMAGED: [
    'the database is damaged',
    'keep a copy of it, then see "A damaged database" in docs/operating.md',
    trouble(),
  ],
  STORE_SCHEMA: [
    'the home was written by a newer version of gossum',
    'use that version; an older copy of the home would not know what was signed since',
    trouble(),
  ],
  STORE_WRITE_FAILED: [
    'the home could not be written',
    'check the free space and the permissions of the home',
    trouble({ retryable: true }),
  ],
  STATE_DISAGREES: [
    'the journal and the database disagree about what was signed, so nothing is signed',
    'the operator of the node must resolve this: see "The journal" in docs/operating.md',
    unsigned(1),
  ],
  STATE_ELSEWHERE: [
    'the record of what this key has signed is in a database, so this home must not sign on its own',
    'pass its address with --state, or move the state back: gossum state move --back (docs/two-machines.md)',
    trouble(),
  ],
  STATE_UNKNOWN: [
    'the shared-state database does not know this witness key',
    'for a new deployment run gossum state init; for a home that has signed, gossum state move (docs/two-machines.md)',
    trouble(),
  ],
  STATE_UNREACHABLE: [
    'the shared-state database cannot be used',
    'check that it runs, accepts writes, and is the one that --state names; a running node keeps retrying',
    trouble({ retryable: true }),
  ],
  AUDIT_LOCKED: [
    'another process is auditing into this folder',
    'wait for it, or stop it; a node that runs with --audit audits its own logs',
    trouble({ retryable: true }),
  ],
  AUDIT_DAMAGED: [
    'this is not an audit result, or it is damaged',
    'audit these records again; gossum audit --units writes such files',
    trouble({ exit: 2 }),
  ],
  AUDIT_INCOMPLETE: [
    'some records could not be read, so there is no result',
    'run the same command again: what was read is kept',
    notNow(4),
  ],
  AUDIT_DISAGREES: [
    'the audit results are not all of one tree, or do not cover all of its records',
    'they must be for one head and together cover its records; gossum audit --units writes the missing ones',
    trouble({ exit: 2 }),
  ],
  PUBLISH_FAILED: [
    'the public files could not be written to their folder',
    'check the free space and permissions of the --publish folder; writing is retried every 15 seconds',
    trouble({ retryable: true }),
  ],
  MIRROR_FULL: [
    'the mirror has no room for this file',
    'free some space, raise --mirror-bytes, or unpin modules: gossum mirror status',
    notNow(1),
  ],
  MIRROR_LOCKED: [
    'another process is using this mirror',
    'stop it, or give this one a home of its own',
    trouble({ retryable: true }),
  ],
  KEY_FILE_INVALID: [
    'the key file cannot be used',
    'a key file must be owned by you, with mode 600, and unchanged',
    trouble(),
  ],
  KEY_EXISTS: [
    'a witness key already exists here',
    'a key is never overwritten; use another --home for another witness',
    trouble(),
  ],
  KEY_MISSING: [
    'there is no witness key here',
    'make one with gossum key new, or point --home to its directory',
    trouble(),
  ],
  NO_WITNESS: [
    'this is an observer: it has no witness key, and signs nothing',
    'push heads to a witness (/api/v1/witnesses lists them), or submit them here to /api/v1/heads',
    request(404, { exit: 1 }),
  ],
} as const satisfies Record<string, ErrorRow>

/** What keeps a node from signing. */
export const SIGNING = {
  GUARD_WAITING: [
    'nothing is signed until peers have reported what this key signed before',
    'this takes a few seconds; see "The rollback guard" in docs/operating.md',
    unsigned(4),
  ],
  GUARD_BEHIND: [
    'this key has signed a larger head, which is not yet proven to extend the one held here',
    'see "The rollback guard" in docs/operating.md',
    unsigned(4),
  ],
  KEY_DUPLICATE: [
    'another node is signing with this key, so this one signs nothing',
    'stop one of them; see "The rollback guard" in docs/operating.md',
    unsigned(4),
  ],
  DEPOSIT_WAITING: [
    'too few chosen peers have recorded what this key is about to sign, and --deposit requires them',
    'check that enough bootstrap peers are connected (gossum status); the node keeps retrying',
    unsigned(4),
  ],
  ORIGIN_TAKEN: [
    'this key already cosigns another log with the same origin, and a cosignature names only the origin',
    'make a key for this log: gossum key new --for LOG; see "Two logs of one origin" in docs/operating.md',
    unsigned(2),
  ],
  STATE_UNCONFIRMED: [
    'the shared-state database has not confirmed what is about to be signed, so it is not signed',
    'the node keeps retrying; gossum status and gossum doctor show what the database answers',
    unsigned(4),
  ],
  STATE_AHEAD: [
    'another machine with this key has signed with a time more than a minute ahead of the clock here',
    'synchronise the clocks of all machines (NTP); signing resumes when the clock here has caught up',
    unsigned(4),
  ],
  CLOCK_WRONG: [
    'the clock of this machine is before the release date of this version of gossum, so nothing is signed',
    'set the clock and keep it synchronised (NTP); signing then resumes',
    unsigned(4),
  ],
  AGENT_UNAVAILABLE: [
    'the ssh-agent that holds the witness key is not signing',
    'check SSH_AUTH_SOCK and ssh-add -l; a running node keeps looking for the agent',
    unsigned(1),
  ],
} as const satisfies Record<string, ErrorRow>

/** Peers and places. */
export const OTHERS = {
  PEER_UNHELPFUL: ['no peer had the requested data', 'the node asks again, and asks other peers', remote()],
  PLACE_UNREACHABLE: [
    'cannot reach the place',
    'the node keeps trying; docs/exchange.md says what a place is',
    remote(),
  ],
  PLACE_ANSWER_INVALID: [
    'the place gave an unusable answer',
    'the answer was discarded; check the URL, and see docs/exchange.md',
    remote(),
  ],
  PROXY_FAILED: [
    'the module proxy gave no usable answer',
    'check the URL and the network, or name another with --proxy URL',
    remote(),
  ],
  MODULE_ZIP_INVALID: [
    'this is not a valid module zip',
    'the go command refuses it as well: it breaks the rules of go.dev/ref/mod#zip-files, or it was changed',
    claim(422),
  ],
  MODULE_MISMATCH: [
    'the upstream served something other than what the log has recorded',
    'do not build with it; gossum mirror status names the upstream, and another may have the right files',
    claim(403),
  ],
  MODULE_UNRECORDED: [
    'the log has no record of this module version, so nobody else can see what you were served',
    'if the module is your own, name it in --private of the node and in GOPRIVATE; otherwise do not use it',
    claim(403),
  ],
  MODULE_COOLING: [
    'this version is too new for the cooldown of this mirror',
    'wait, use an older version, or ask the operator to let it through: gossum mirror allow MODULE@VERSION',
    request(403, { exit: 4, retryable: true }),
  ],
  MODULE_PRIVATE: [
    'this module is private, so the mirror asks nobody about it',
    'name it in GOPRIVATE, so that the go command asks its repository',
    request(404, { exit: 1 }),
  ],
  MODULE_ABSENT: [
    'no upstream has this module or version',
    'check the path and the version',
    request(404, { exit: 1 }),
  ],
  GIT_FAILED: ['git could not read the repository', 'check that git is installed, and the path or URL', remote()],
  HEADS_WAITING: ['too many heads of this log are queued', 'this one is kept and retried later', notNow(4)],
  PEER_BUDGET: ['this peer has exceeded its proof quota', 'an honest peer sends each new head once', notNow(4)],
} as const satisfies Record<string, ErrorRow>

/** Running and asking. */
export const RUNNING = {
  CONFIG_INVALID: ['the configuration is not valid', 'see gossum run --help', trouble({ exit: 2 })],
  ADDRESS_IN_USE: ['cannot listen on the address', 'choose another port; port 0 takes any free one', trouble()],
  NODE_UNREACHABLE: ['cannot reach the node', 'start it with gossum run, or name it with --node URL', remote()],
  NOT_FOUND: ['there is nothing here', 'see docs/http.md for the routes', request(404, { exit: 1 })],
  METHOD_NOT_ALLOWED: ['this route does not take this method', 'see docs/http.md for the routes', request(405)],
  REQUEST_TOO_LARGE: ['the request is too large', 'docs/http.md gives the limit of each route', request(413)],
  TOO_MANY_REQUESTS: [
    'rate limit exceeded for this address',
    'wait for the Retry-After delay, then send fewer requests',
    request(429, { exit: 1, retryable: true }),
  ],
  INDEX_OFF: [
    'this node keeps no index',
    'a node keeps an index if it follows a checksum database and runs with --audit (docs/audit.md)',
    request(501, { exit: 1 }),
  ],
  INDEX_WAITING: [
    'there is no quorum head yet, and the index holds only records that one covers',
    'wait for the first quorum head: gossum status shows it',
    notNow(1),
  ],
  NODE_BUSY: ['the node is at its limit of requests or connections', 'ask again in a moment', notNow(1)],
  FORBIDDEN: [
    'only the operator of the node may do this',
    'run it on the machine of the node, as the same user, with its --home',
    request(403, { exit: 1 }),
  ],
  OPERATOR_DOOR: [
    'the operator socket cannot be opened',
    'the home must be on a file system that supports sockets; without the socket nothing can be acknowledged',
    trouble(),
  ],
  MIRROR_OFF: [
    'this node is not a module mirror',
    'start it with gossum run --mirror URL, or remove its /mod from GOPROXY; see docs/mirror.md',
    request(501, { exit: 1 }),
  ],
  REQUEST_INVALID: ['the request cannot be understood', 'see docs/http.md', request(400)],
  FILE_UNREADABLE: ['the file cannot be read', 'check its path, its permissions and its size', trouble()],
  FILE_UNWRITABLE: ['the file cannot be written', 'choose another path; existing files are not overwritten', trouble()],
  OUTPUT_UNWRITABLE: [
    'the output cannot be written, so the program ends',
    'the reader of stdout or stderr is gone, or the disk is full',
    trouble(),
  ],
  ANSWER_MISSING: [
    'the connection ended without an answer',
    'check the address: something else may be listening there',
    remote(),
  ],
  USAGE: ['the command cannot be understood', 'see gossum --help', request(400)],
  TIMEOUT: ['it took too long', 'try again', remote({ status: 504 })],
  INTERNAL: ['something unexpected happened, which is a bug in gossum', 'please report it with this text', trouble()],
} as const satisfies Record<string, ErrorRow>
