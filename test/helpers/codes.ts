import { GossumError, type ErrorCode } from '../../src/errors.js'

/** The most callers that an error names which is only asked for its code: naming all doubles the cost of a refusal. */
const FEW_CALLERS = 4

/** The code of the GossumError that `act` throws; 'accepted' when it throws nothing. Any other error passes on. */
export function codeOf(act: () => unknown): ErrorCode | 'accepted' {
  const callers = Error.stackTraceLimit
  Error.stackTraceLimit = FEW_CALLERS
  try {
    act()
  } catch (error) {
    if (error instanceof GossumError) return error.code
    throw error
  } finally {
    Error.stackTraceLimit = callers
  }
  return 'accepted'
}
