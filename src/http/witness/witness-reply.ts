/** The answers of a witness to logs, in the terms of c2sp.org/tlog-witness. Pure. */
import { ERRORS, errorCode, type ErrorCode } from '../../errors.js'
import { answerTo, type Outcome } from '../../witness/outcome.js'
import { text, type Reply } from '../reply.js'

/** Seconds after which trying again may succeed. */
const RETRY_AFTER = 5
/** The same for a log that has used up its daily quota. */
const BUDGET_RETRY_AFTER = 10 * 60

/** The protocol's phrase for a status; it is followed by the sentence of the error code. */
const PHRASES: Readonly<Record<number, string>> = {
  400: 'invalid input',
  403: 'invalid signature',
  404: 'unknown log',
  413: 'too large',
  422: 'bad consistency proof',
  500: 'internal error',
}
const CHECKPOINT_CODES: readonly ErrorCode[] = ['CHECKPOINT_MALFORMED', 'NOT_CANONICAL']

export function refusal(outcome: Outcome, detail = ''): Reply {
  const { status } = answerTo(outcome)
  const code = outcome.code ?? 'INTERNAL'
  const phrase = CHECKPOINT_CODES.includes(code) ? 'invalid checkpoint' : (PHRASES[status] ?? 'not now')
  const why =
    outcome.kind === 'conflict' ? `the log has signed two histories: evidence ${outcome.evidence!}` : ERRORS[code][0]
  const reply = text(`${phrase}: ${why}${detail === '' ? '' : `: ${detail}`}\n`, { status })
  const wait = status === 429 ? BUDGET_RETRY_AFTER : status === 503 ? RETRY_AFTER : undefined
  return wait === undefined ? reply : { ...reply, headers: { ...reply.headers, 'retry-after': String(wait) } }
}

/** The reply if something prevented a judgement that the client cannot influence, so that it may try again. */
export function troubleReply(error: unknown): Reply {
  const code = errorCode(error)
  return readable(code === 'NODE_BUSY' ? busy() : refusal({ kind: 'pending', news: false, code }))
}

export function busy(): Reply {
  const reply = text('not now: too many requests are in progress\n', { status: 503 })
  return { ...reply, headers: { ...reply.headers, 'retry-after': '1' } }
}

/** Any website may read the answer: it contains only public data. */
export function readable(reply: Reply): Reply {
  return { ...reply, headers: { ...reply.headers, 'access-control-allow-origin': '*' } }
}
