import { GossumError, type ErrorCode } from '../../src/errors.js'

/** The code of the GossumError that `act` throws; 'accepted' when it throws nothing. Any other error passes on. */
export function codeOf(act: () => unknown): ErrorCode | 'accepted' {
  try {
    act()
  } catch (error) {
    if (error instanceof GossumError) return error.code
    throw error
  }
  return 'accepted'
}
