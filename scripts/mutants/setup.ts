/** A mutant is dead when a property fails: shrinking the counterexample takes minutes, and nobody reads it. */
import fc from 'fast-check'

fc.configureGlobal({ ...fc.readConfigureGlobal(), endOnFailure: true })
