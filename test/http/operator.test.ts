import { describe, expect, it } from 'vitest'
import { requireOperator } from '../../src/http/operator.js'
import { codeOf } from '../helpers/codes.js'

const headers = { host: 'localhost:46787' }

describe('requireOperator', () => {
  it.each(['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1'])('takes %s', (address) => {
    expect(codeOf(() => requireOperator(address, headers))).toBe('accepted')
  })

  it.each([undefined, '', '10.0.0.1', '::ffff:10.0.0.1', '128.0.0.1', '1.127.0.0', 'fe80::1', '127.0.0.1.evil', '::'])(
    'refuses %s',
    (address) => {
      expect(codeOf(() => requireOperator(address, headers))).toBe('FORBIDDEN')
    },
  )

  it.each(['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'])('refuses %s', (name) => {
    expect(codeOf(() => requireOperator('127.0.0.1', { ...headers, [name]: 'anything' }))).toBe('FORBIDDEN')
  })

  it('refuses a request without a Host', () => {
    expect(codeOf(() => requireOperator('127.0.0.1', {}))).toBe('FORBIDDEN')
  })
})
