import { expect, test } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { reasonOf } from '../../src/outgoing/reason.js'

const refused = new Error('connect ECONNREFUSED 192.0.2.1:443')
const unreachable = new Error('connect ENETUNREACH 2001:db8::1:443')

test.each([
  ['an error', refused, refused.message],
  ['a failed fetch', new TypeError('fetch failed', { cause: refused }), refused.message],
  ['several addresses', new AggregateError([unreachable, refused]), `${unreachable.message}; ${refused.message}`],
  ['several addresses with one reason', new AggregateError([refused, refused]), refused.message],
  ['the cause of a cause', new Error('a', { cause: new AggregateError([unreachable]) }), unreachable.message],
  ['an error without a message', Object.assign(new Error(''), { code: 'ECONNRESET' }), 'ECONNRESET'],
  ['nothing at all', new AggregateError([]), 'AggregateError'],
  ['a GossumError', new GossumError('TIMEOUT', 'x', refused), 'it took too long: x'],
  ['a value that is not an error', 'why', 'why'],
])('%s has a readable reason', (_, error, reason) => {
  expect(reasonOf(error)).toBe(reason)
})

test.each([
  ['http://u:p@h/x', 'http://h/x'],
  ['http://u@h', 'http://h'],
  ['https://u:p@ss@h:1/x and http://a:b@c', 'https://h:1/x and http://c'],
  ['"http://u:p/ss@h"', '"http://h"'],
  ['"http://u:p\\"x@h", "b@c"', '"http://h", "b@c"'],
  ['http://h/lookup/example.com/m@v1.0.0', 'http://h/lookup/example.com/m@v1.0.0'],
  ['http://127.0.0.1:46787/lookup/example.com/m@v1.0.0', 'http://127.0.0.1:46787/lookup/example.com/m@v1.0.0'],
  ['http://[::1]:80/lookup/m@v1', 'http://[::1]:80/lookup/m@v1'],
  ['me@example.com', 'me@example.com'],
])('an error about %s says %s', (text, said) => {
  expect(new GossumError('CONFIG_INVALID', text).detail).toBe(said)
})
