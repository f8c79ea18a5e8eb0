/** Exit codes of the command line, in one place. Pure. */
import type { ErrorCode } from '../errors.js'

export const EXIT = { fine: 0, couldNot: 1, refused: 2, misbehaviour: 3, undecided: 4 } as const

export const EXIT_CODES_HELP = `Exit codes:
  0  fine
  1  could not      any command  a node, a file or the network was not there
  2  refused        any command  wrong usage; a signature, a proof or a format that does not hold
                    check        a line is not what the log has
                    probe        an answer is wrong
  3  misbehaviour   status       a log is frozen, or this node's own key is convicted
                    check, probe the log shows two histories
                    evidence import
                                 what was imported convicts a log
  4  undecided      status       cosignatures do not come out, or something is in doubt: see its "health"
                    check        nobody could tell, or no quorum head proves it yet
                    probe        an answer did not come
                    policy check the quorum cannot be reached
`

/** Codes that say that something could not be done; all the others say that something was refused. */
const COULD_NOT: ReadonlySet<ErrorCode> = new Set([
  'LOG_UNREACHABLE',
  'LOG_ANSWER_INVALID',
  'LOG_FROZEN',
  'HISTORY_MISSING',
  'EVIDENCE_UNKNOWN',
  'HOME_UNUSABLE',
  'STORE_LOCKED',
  'STORE_DAMAGED',
  'STORE_SCHEMA',
  'STORE_WRITE_FAILED',
  'EVIDENCE_UNWRITTEN',
  'STATE_DISAGREES',
  'KEY_FILE_INVALID',
  'KEY_EXISTS',
  'KEY_MISSING',
  'ADDRESS_IN_USE',
  'NODE_UNREACHABLE',
  'NOT_FOUND',
  'FORBIDDEN',
  'NODE_BUSY',
  'OPERATOR_DOOR',
  'TOO_MANY_REQUESTS',
  'FILE_UNREADABLE',
  'FILE_UNWRITABLE',
  'OUTPUT_UNWRITABLE',
  'ANSWER_MISSING',
  'TIMEOUT',
  'INTERNAL',
])

/** The exit code of a command that ended with this error. */
export function exitCodeOf(code: ErrorCode): number {
  return COULD_NOT.has(code) ? EXIT.couldNot : EXIT.refused
}
