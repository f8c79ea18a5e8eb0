/** The list of releases that an owner made: as a go.sum, or signed; trusted only as far as the setting says. */
import { describe, expect, test } from 'vitest'
import { parseWatch } from '../../src/config/watch-setting.js'
import { attempt } from '../../src/errors/attempt.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { makeSignerKey, SIGNATURE_TYPES, type SignerKey } from '../../src/tlog/note.js'
import { recordLines } from '../../src/tlog/record.js'
import { isAuthorised, MAX_RELEASES_BYTES, parseReleases } from '../../src/watch/releases.js'

const owner = makeSignerKey('releases', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(1))
const other = makeSignerKey('releases', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(2))
const hash = (n: number): string => `h1:${Buffer.alloc(32, n).toString('base64')}`
const record = (version: string, n = 1): string =>
  `example.com/m ${version} ${hash(n)}\nexample.com/m ${version}/go.mod ${hash(n + 1)}\n`

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
/** In Source Spotter's format: Go's JSON of {Ed25519 []byte; GoSum string; Signature []byte}. */
function signed(goSum: string, signer: SignerKey = owner, text = goSum): object {
  // A signer of Go notes signs the bytes as they are.
  const signature = signer.sign(utf8(text))
  return { Ed25519: base64(signer.verifier.publicKey), GoSum: goSum, Signature: base64(signature) }
}
const parse = (value: unknown, key = owner.verifier): unknown => {
  const result = attempt(() => parseReleases(utf8(JSON.stringify(value)), key))
  return result instanceof Error ? result.message : [...result]
}

describe('a go.sum', () => {
  test('is accepted unsigned, with any line endings', () => {
    const releases = parseReleases(utf8(record('v1.0.0').replaceAll('\n', '\r\n')))
    expect([...releases]).toEqual(record('v1.0.0').trimEnd().split('\n'))
    expect(parseReleases(utf8('')).size, 'no releases yet').toBe(0)
  })

  test.each([
    ['a line that is not of a go.sum', 'example.com/m v1.0.0\n', /is not a line of go.sum/],
    ['an error page', '<html>not found</html>\n', /is not a line of go.sum/],
    ['text that is not UTF-8', new Uint8Array([0xff, 0xfe]), /not UTF-8/],
    ['a text that is too large', new Uint8Array(MAX_RELEASES_BYTES + 1), /too large/],
    ['more lines than a list may have', 'a v1.0.0 h1:x\n'.repeat(200_001), /more than 200000 lines/],
  ])('is refused for %s', (_what, list, why) => {
    expect(() => parseReleases(typeof list === 'string' ? utf8(list) : list)).toThrow(why)
  })
})

describe('a signed list', () => {
  test('may have several parts, each signed by the configured key', () => {
    expect(parse(signed(record('v1.0.0')))).toHaveLength(2)
    expect(parse([signed(record('v1.0.0')), signed(record('v1.1.0'))])).toHaveLength(4)
  })

  test.each<[string, unknown, string]>([
    ['another key', signed(record('v1.0.0'), other), 'signed by another key'],
    ['one part of another key', [signed(record('v1.0.0')), signed(record('v1.1.0'), other)], 'another key'],
    ['another text', { ...signed(record('v1.0.0'), owner, record('v1.0.0', 5)) }, 'does not verify'],
    ['a cut signature', { ...signed(record('v1.0.0')), Signature: 'AAAA' }, 'does not verify'],
    ['a missing signature', { ...signed(record('v1.0.0')), Signature: undefined }, 'expected'],
    ['nothing', [null], 'expected'],
    ['too many parts', Array(1025).fill(signed('')), 'more than 1024 parts'],
  ])('is refused for %s', (_what, list, why) => {
    expect(parse(list)).toContain(why)
  })

  test('needs a configured key, and a configured key needs a signature', () => {
    const json = utf8(JSON.stringify(signed(record('v1.0.0'))))
    expect(() => parseReleases(json)).toThrow(/the setting names no key/)
    expect(() => parseReleases(utf8(record('v1.0.0')), owner.verifier)).toThrow(/it is not signed/)
    expect(() => parseReleases(utf8('{'), owner.verifier)).toThrow(/not JSON/)
  })

  test('may have its key configured in the form of Source Spotter', () => {
    const spelled = base64(owner.verifier.publicKey)
    const { key } = parseWatch(`example.com authorised=https://e.example/go.sum key=${spelled}`, 'watch')
    expect(parse(signed(record('v1.0.0')), key)).toHaveLength(2)
  })
})

test('a version is authorised only if all its lines are listed, with the same hashes', () => {
  const releases = parseReleases(utf8(record('v1.0.0') + record('v1.1.0').split('\n')[0]!))
  expect(isAuthorised(recordLines(record('v1.0.0')), releases)).toBe(true)
  expect(isAuthorised(recordLines(record('v1.0.0', 3)), releases), 'other hashes').toBe(false)
  expect(isAuthorised(recordLines(record('v1.1.0')), releases), 'its go.mod is not listed').toBe(false)
  expect(isAuthorised(recordLines(record('v2.0.0')), releases)).toBe(false)
  expect(isAuthorised([], releases), 'a record that says nothing').toBe(false)
})
