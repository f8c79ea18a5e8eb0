/** The table of error codes: what each means at every door, and that the doors use it. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { exitCodeOf } from '../src/cli/exit.js'
import { ERRORS, GossumError, traitsOf, type ErrorCode } from '../src/errors.js'
import { printable } from '../src/lib/printable.js'
import { statusOf } from '../src/http/reply.js'

const CODES = Object.keys(ERRORS) as ErrorCode[]

describe.each(CODES)('%s', (code) => {
  const [sentence, hint, traits] = ERRORS[code]

  test('has a sentence and a hint', () => {
    expect(sentence).toMatch(/^[a-z].*[^.]$/)
    expect(hint).toMatch(/^\S.*\S$/)
  })

  test('has consistent traits', () => {
    expect(traitsOf(code)).toBe(traits)
    expect([400, 403, 404, 405, 409, 413, 422, 429, 500, 501, 502, 503, 504]).toContain(traits.status)
    expect([1, 2, 3, 4]).toContain(traits.exit)
    // The status also shows whose fault it is.
    const isTheirs = ['request', 'head', 'claim'].includes(traits.fault)
    // 501 is for what this node does not support, and another node may.
    expect(traits.status < 500 || traits.status === 501).toBe(isTheirs)
    // "Not now" means that a retry may succeed.
    if (traits.status === 503 || traits.status === 429) expect(traits.retryable).toBe(true)
    // What no honest peer passes on does not change with time.
    if (traits.gossip === 'reject') expect([traits.fault, traits.retryable]).toEqual(['head', false])
  })

  test('ends a command with its exit code, and an answer with its status', () => {
    expect(exitCodeOf(code)).toBe(traits.exit)
    const isOfBytes = traits.fault === 'head' || traits.fault === 'claim'
    expect(statusOf(new GossumError(code))).toBe(isOfBytes ? 500 : traits.status)
  })
})

test('an error that is not ours is our bug', () => {
  expect(statusOf(new TypeError('odd'))).toBe(500)
  expect(exitCodeOf('INTERNAL')).toBe(1)
})

test('foreign text in an error is bounded, and truncation reveals no passwords', () => {
  const error = new GossumError(
    'CONFIG_INVALID',
    `${'x'.repeat(1990)}://user:${'secret'.repeat(500)}@host ${'y'.repeat(1e6)}`,
  )
  expect(error.message.length).toBeLessThan(2200)
  expect(error.message).not.toContain('secret')
  const halved = new GossumError('CONFIG_INVALID', `x${'\u{1f4a5}'.repeat(2000)}`)
  expect(halved.message).toBe(printable(halved.message))
})

test('no door has its own table of codes', () => {
  const src = new URL('../src', import.meta.url).pathname
  for (const path of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts') || path.startsWith('errors')) continue
    const code = readFileSync(`${src}/${path}`, 'utf8').replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, '')
    const pair = new RegExp(`\\b(${CODES.join('|')}): (\\d+|EXIT\\.|'(?:accept|ignore|reject)')`)
    expect(pair.exec(code)?.[0], path).toBeUndefined()
  }
})
