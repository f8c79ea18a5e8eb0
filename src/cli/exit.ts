/** Exit codes of the command line, in one place. Pure. */
import { traitsOf, type ErrorCode } from '../errors.js'

export const EXIT = { fine: 0, couldNot: 1, refused: 2, misbehaviour: 3, undecided: 4 } as const

export const EXIT_CODES_HELP = `Exit codes:
  0  fine
  1  failed         any command      a node, a file or the network is unavailable
                    doctor           something does not work
  2  refused        any command      wrong usage, or an invalid signature, proof or format
                    check            a line, a module or an index differs from the log
                    probe            an answer is wrong
                    watch test       the owner has not authorised the version
  3  misbehaviour   status           a log is frozen, or this node's own key is convicted
                    check, probe     the log shows two histories
                    evidence import  the import convicts a log
  4  undecided      status           no cosignatures are made, or something is in doubt: see its "health"
                    check            no answer, or no quorum head proves it yet
                    probe            an answer is missing
                    policy check     the quorum cannot be reached
                    watch            a list of authorised releases cannot be read
                    doctor           something is in doubt
`

/** The exit code of a command that ended with this error. */
export function exitCodeOf(code: ErrorCode): number {
  return traitsOf(code).exit
}

/** From worst to best: a log that equivocates, a wrong line, a failure, an unknown result, success. */
const GRAVITY: readonly number[] = [EXIT.misbehaviour, EXIT.refused, EXIT.couldNot, EXIT.undecided, EXIT.fine]

/** The exit code of several verdicts and failures: that of the worst. */
export function gravest(exits: readonly number[]): number {
  return GRAVITY.find((exit) => exits.includes(exit)) ?? EXIT.fine
}
