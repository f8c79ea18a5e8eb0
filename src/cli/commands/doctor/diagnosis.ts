/** What a check of `gossum doctor` says. Pure. */
import { GossumError } from '../../../errors.js'
import { EXIT, exitCodeOf } from '../../exit.js'

export interface Diagnosis {
  /** What was looked at; a name that stays. */
  readonly check: string
  readonly state: 'ok' | 'warn' | 'fail'
  readonly text: string
  /** What to do about it; null when all is well. */
  readonly hint: string | null
  readonly exit: number
}

export function ok(check: string, text: string): Diagnosis {
  return { check, state: 'ok', text, hint: null, exit: EXIT.fine }
}

/** It works, and somebody should look into it. */
export function warn(check: string, text: string, hint: string): Diagnosis {
  return { check, state: 'warn', text, hint, exit: EXIT.undecided }
}

/** It does not work, or does not protect. */
export function fail(check: string, text: string, hint: string, exit: number = EXIT.couldNot): Diagnosis {
  return { check, state: 'fail', text, hint, exit }
}

/** What was refused, with its own hint. Throws what is no refusal. */
export function diagnosisOf(check: string, error: unknown): Diagnosis {
  if (!(error instanceof GossumError)) throw error
  return fail(check, error.message, error.hint, exitCodeOf(error.code))
}
