/** A mutant is dead when a property fails: to find the smallest way in which it does takes minutes, and nobody reads it. */
import fc from 'fast-check'

fc.configureGlobal({ ...fc.readConfigureGlobal(), endOnFailure: true })
