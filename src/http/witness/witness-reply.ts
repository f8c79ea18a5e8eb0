/** What a witness says to logs, in the words of c2sp.org/tlog-witness. Pure. */
import { ERRORS, errorCode, type ErrorCode } from '../../errors.js'
import { answerTo, type Outcome } from '../../witness/outcome.js'
import { text, type Reply } from '../reply.js'

/** Seconds after which it may be worth to come again. */
const RETRY_AFTER = 5
/** The same for a log that has used up its day. */
const BUDGET_RETRY_AFTER = 10 * 60

/** What a status says in the words of the protocol; the sentence of the code comes behind it. */
const PHRASES: Readonly<Record<number, string>> = {
  400: 'invalid input',
  403: 'invalid signature',
  404: 'unknown log',
  413: 'too large',
  422: 'bad consistency proof',
  500: 'trouble here',
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

/** What kept us from judging: nothing that who pushed can help, so it may come again. */
export function troubleReply(error: unknown): Reply {
  const code = errorCode(error)
  return readable(code === 'NODE_BUSY' ? busy() : refusal({ kind: 'pending', news: false, code }))
}

export function busy(): Reply {
  const reply = text('not now: too many requests are under way\n', { status: 503 })
  return { ...reply, headers: { ...reply.headers, 'retry-after': '1' } }
}

/** Any website may read the answer: it holds nothing that is not public. */
export function readable(reply: Reply): Reply {
  return { ...reply, headers: { ...reply.headers, 'access-control-allow-origin': '*' } }
}
