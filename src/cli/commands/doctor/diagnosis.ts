/** The result of a check of `gossum doctor`. Pure. */
import { GossumError } from '../../../errors.js'
import { EXIT, exitCodeOf } from '../../exit.js'

export interface Diagnosis {
  /** What was checked; this name is stable. */
  readonly check: string
  readonly state: 'ok' | 'warn' | 'fail'
  readonly text: string
  /** What to do about it; null if nothing is wrong. */
  readonly hint: string | null
  readonly exit: number
}

export function ok(check: string, text: string): Diagnosis {
  return { check, state: 'ok', text, hint: null, exit: EXIT.fine }
}

/** It works, but needs attention. */
export function warn(check: string, text: string, hint: string): Diagnosis {
  return { check, state: 'warn', text, hint, exit: EXIT.undecided }
}

/** It does not work, or does not protect. */
export function fail(check: string, text: string, hint: string, exit: number = EXIT.couldNot): Diagnosis {
  return { check, state: 'fail', text, hint, exit }
}

/** A refusal with its own hint. Rethrows what is not a refusal. */
export function diagnosisOf(check: string, error: unknown): Diagnosis {
  if (!(error instanceof GossumError)) throw error
  return fail(check, error.message, error.hint, exitCodeOf(error.code))
}
