import { expect, test } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { reasonOf } from '../../src/outgoing/reason.js'

const refused = new Error('connect ECONNREFUSED 192.0.2.1:443')
const unreachable = new Error('connect ENETUNREACH 2001:db8::1:443')

test.each([
  ['an error', refused, refused.message],
  ['a failed fetch', new TypeError('fetch failed', { cause: refused }), refused.message],
  ['several addresses', new AggregateError([unreachable, refused]), `${unreachable.message}; ${refused.message}`],
  ['several that say one thing', new AggregateError([refused, refused]), refused.message],
  ['the cause of a cause', new Error('a', { cause: new AggregateError([unreachable]) }), unreachable.message],
  ['an error without words', Object.assign(new Error(''), { code: 'ECONNRESET' }), 'ECONNRESET'],
  ['nothing at all', new AggregateError([]), 'AggregateError'],
  ['an error of ours', new GossumError('TIMEOUT', 'x', refused), 'it took too long: x'],
  ['what is no error', 'why', 'why'],
])('%s has a reason in words', (_, error, reason) => {
  expect(reasonOf(error)).toBe(reason)
})
