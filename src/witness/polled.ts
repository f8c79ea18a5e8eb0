/** The result of a poll of a log. Pure. */
import { ERRORS, GossumError } from '../errors.js'
import { isNoHead, type Outcome } from './outcome.js'

/** The outcome of the head that it brought; why it brought none; or what failed here while the head was judged. */
export type Polled = { readonly outcome: Outcome } | { readonly silence: unknown } | { readonly failed: unknown }

/**
 * Why a poll got no head of its log; undefined when it got one. That the address answers proves nothing: a sign-in page
 * answers, too.
 */
export function pollFailure(polled: Polled): unknown {
  if ('silence' in polled) return polled.silence
  const code = 'outcome' in polled ? polled.outcome.code : undefined
  return code !== undefined && isNoHead(code) ? new GossumError('LOG_ANSWER_INVALID', ERRORS[code][0]) : undefined
}
