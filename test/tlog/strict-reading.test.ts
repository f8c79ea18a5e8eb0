/** What the readers of keys, policies, records and encodings refuse, though almost all of it is right. */
import { describe, expect, it, test } from 'vitest'
import { concatBytes, equalBytes, fromBase64, fromHex, fromUtf8, toBase64, uint64 } from '../../src/tlog/bytes.js'
import {
  cosign,
  cosignSubtree,
  keptCosignatures,
  MAX_COSIGNATURE_TIME,
  subtreeMessage,
  verifySubtree,
} from '../../src/tlog/cosignature.js'
import {
  formatSignerKey,
  makeSignerKey,
  makeVerifierKey,
  parseSignerKey,
  parseVerifierKey,
  SIGNATURE_TYPES,
  type Signature,
} from '../../src/tlog/note.js'
import { MAX_POLICY_LINES, parsePolicy } from '../../src/tlog/policy.js'
import { recordLines } from '../../src/tlog/record.js'
import { formatCheckpoint } from '../../src/tlog/checkpoint.js'
import { codeOf } from '../helpers/codes.js'
import { GossumError } from '../../src/errors.js'

const seed = new Uint8Array(32).fill(7)
const { verifier } = makeSignerKey('log.example', SIGNATURE_TYPES.ed25519, seed)
const [name, id, ...rest] = verifier.vkey.split('+')
const base64 = rest.join('+')

/** A whole error, so that a crash is not taken for a refusal. */
function refusalOf(act: () => unknown): GossumError {
  try {
    act()
  } catch (error) {
    if (error instanceof GossumError) return error
    throw error
  }
  throw new Error('it was accepted')
}

describe('a verifier key is refused', () => {
  it.each([
    ['without a name', `+${id!}+${base64}`],
    ['without a key', `${name!}+${id!}`],
    ['with an empty key', `${name!}+${id!}+`],
    ['with a key that is not base64', `${name!}+${id!}+***`],
    ['with a longer id', `${name!}+0${id!}+${base64}`],
    ['with more after the id', `${name!}+${id!}0+${base64}`],
    ['with an id that is not hex', `${name!}+xyzxyzxy+${base64}`],
    ['with a space in its name', `a log+${id!}+${base64}`],
    ['with nothing but a name', name!],
  ])('%s', (_what, vkey) => {
    const { code, detail } = refusalOf(() => parseVerifierKey(vkey))
    expect([code, detail]).toEqual(['KEY_MALFORMED', JSON.stringify(vkey)])
  })

  it('without being repeated at length', () => {
    expect(refusalOf(() => parseVerifierKey('x'.repeat(100_000))).detail).toHaveLength(202)
  })

  it('with an ML-DSA-44 name of more than 255 bytes', () => {
    const publicKey = new Uint8Array(1312)
    expect(makeVerifierKey('n'.repeat(255), SIGNATURE_TYPES.mlDsa, publicKey).name).toHaveLength(255)
    for (const long of ['n'.repeat(256), '\u00e9'.repeat(128)])
      expect(codeOf(() => makeVerifierKey(long, SIGNATURE_TYPES.mlDsa, publicKey))).toBe('KEY_MALFORMED')
  })
})

describe('a signer key is refused, and its secret is not repeated', () => {
  const skey = formatSignerKey('log.example', SIGNATURE_TYPES.ed25519, seed)
  const parts = skey.split('+')
  const spelled = (bytes: Uint8Array): string => [...parts.slice(0, 4), toBase64(bytes)].join('+')

  it.each([
    ['with text before it', `x${skey}`],
    ['with a line feed after it', `${skey}\n`],
    ['with a key that is not base64', `${parts.slice(0, 4).join('+')}+***`],
    ['with a seed of 31 bytes', spelled(Uint8Array.of(SIGNATURE_TYPES.ed25519, ...seed.slice(1)))],
    ['with an unknown type', spelled(Uint8Array.of(3, ...seed))],
    ['in another form', 'nothing of the kind'],
  ])('%s', (_what, text) => {
    const { code, message } = refusalOf(() => parseSignerKey(text))
    expect(code).toBe('KEY_MALFORMED')
    expect(message).toContain('not a signer key')
    expect(message).not.toContain(toBase64(seed).slice(4, 20))
  })
})

describe('a policy', () => {
  const key = (i: number): string =>
    makeSignerKey(`w${i}`, SIGNATURE_TYPES.cosignature, new Uint8Array(32).fill(i + 1)).verifier.vkey
  const [one, two] = [`witness a ${key(1)}\n`, `witness b ${key(2)}\n`]
  const detailOf = (text: string): string | undefined => refusalOf(() => parsePolicy(text)).detail

  it.each([
    ['group', 'a group line is'],
    ['group g', 'a group line is'],
    ['group g all', 'a group line is'],
    ['witness', 'a witness line is'],
    ['witness c', 'a witness line is'],
    ['log', 'a log line is'],
    ['quorum', 'a quorum line is'],
    ['quorum a b', 'a quorum line is'],
    ['comment#', 'is none of log, witness, group, quorum'],
    ['group g 1x a b', '"1x" of 2 members'],
    ['group g 01 a b', '"01" of 2 members'],
    ['group g 3 a b', '"3" of 2 members'],
    [`witness c ${makeSignerKey('c', SIGNATURE_TYPES.ed25519, seed).verifier.vkey}`, 'a witness key has type'],
  ])('with the line "%s" is refused, with its number', (line, why) => {
    const detail = detailOf(`${one}${two}${line}\nquorum a\n`)
    expect(detail).toMatch(/^line 3: /)
    expect(detail).toContain(why)
  })

  it('keeps thresholds of two digits, URLs, and fields behind several spaces and tabs', () => {
    const witnesses = Array.from({ length: 12 }, (_, i) => `witness w${i} ${key(i)}\n`).join('')
    const members = Array.from({ length: 12 }, (_, i) => `w${i}`).join('  ')
    const { groups } = parsePolicy(`# a comment\n${witnesses}group\t g \t10  ${members}\nquorum g\n`)
    expect(groups).toMatchObject([{ name: 'g', threshold: 10 }])
    expect(groups[0]!.members).toHaveLength(12)
    const policy = parsePolicy(`log ${verifier.vkey}\nwitness a ${key(1)} https://w.example\nquorum a\n`)
    expect(policy.witnesses[0]).toMatchObject({ name: 'a', url: 'https://w.example' })
    expect('url' in policy.logs[0]!).toBe(false)
    expect('url' in parsePolicy(`${one}quorum a\n`).witnesses[0]!).toBe(false)
    expect(parsePolicy(`log ${verifier.vkey} https://l.example\n${one}quorum a\n`).logs[0]).toMatchObject({
      url: 'https://l.example',
    })
  })

  it('has a bound on logs, witnesses and groups together', () => {
    // Each group takes the one before as its only member.
    const groups = (count: number): string =>
      Array.from({ length: count }, (_, i) => `group g${i} all ${i === 0 ? 'a' : `g${i - 1}`}\n`).join('')
    expect(parsePolicy(`${one}${groups(MAX_POLICY_LINES - 1)}quorum a\n`).groups).toHaveLength(MAX_POLICY_LINES - 1)
    expect(detailOf(`${one}${groups(MAX_POLICY_LINES)}quorum a\n`)).toContain(`more than ${MAX_POLICY_LINES}`)
  })

  it('is not repeated at length by its refusal', () => {
    expect(detailOf(`${'k'.repeat(5_000)}\nquorum none\n`)!.length).toBeLessThan(200)
  })
})

describe('lines of a record', () => {
  test('have a path, a version and a hash with one space between them', () => {
    expect(recordLines('m v1 h1:x\nm v1/go.mod h1:y\n')).toEqual([
      { path: 'm', version: 'v1', of: 'files', hash: 'h1:x' },
      { path: 'm', version: 'v1', of: 'go.mod', hash: 'h1:y' },
    ])
    expect(recordLines('m v1 h1:x and more')).toEqual([
      { path: 'm', version: 'v1', of: 'files', hash: 'h1:x and more' },
    ])
  })

  test.each(['', 'm', 'm v1', ' m v1 h1:x', 'm  v1 h1:x'])('are skipped otherwise: "%s"', (line) => {
    expect(recordLines(`${line}\n`)).toEqual([])
  })
})

describe('the cosignature of a subtree', () => {
  const signer = makeSignerKey('w.example', SIGNATURE_TYPES.mlDsa, seed)
  const subtree = { start: 4, end: 8, hash: new Uint8Array(32).fill(3) }
  const line = cosignSubtree('log.example', subtree, signer)
  const verify = (signature: Signature, of = subtree, key = signer.verifier, origin = 'log.example'): void =>
    verifySubtree(origin, of, signature, key)
  const withBytes = (bytes: Uint8Array): Signature => ({ ...line, bytes })

  it('verifies with eight zero bytes before it, and without them', () => {
    expect(line.bytes).toHaveLength(2428)
    verify(line)
    verify(withBytes(line.bytes.subarray(8)))
  })

  it.each([
    ['of another subtree', () => verify(line, { ...subtree, start: 0 }), 'SIGNATURE_INVALID'],
    ['of another log', () => verify(line, subtree, signer.verifier, 'other.example'), 'SIGNATURE_INVALID'],
    ['with one bit flipped', () => verify(withBytes(line.bytes.with(100, line.bytes[100]! ^ 1))), 'SIGNATURE_INVALID'],
    ['by another key', () => verify({ ...line, keyId: '00000000' }), 'SIGNATURE_MISSING'],
    ['with a time', () => verify(withBytes(line.bytes.with(7, 1))), 'COSIGNATURE_MALFORMED'],
    ['a byte longer', () => verify(withBytes(new Uint8Array(2429))), 'COSIGNATURE_MALFORMED'],
    ['a byte shorter', () => verify(withBytes(line.bytes.subarray(9))), 'COSIGNATURE_MALFORMED'],
    [
      'of a log with a name of 256 bytes',
      () => verify(line, subtree, signer.verifier, 'l'.repeat(256)),
      'COSIGNATURE_MALFORMED',
    ],
  ])('is refused %s', (_what, act, code) => {
    expect(refusalOf(act).code).toBe(code)
  })

  it('is refused by an Ed25519 key, whose line has another form', () => {
    const key = makeSignerKey('w.example', SIGNATURE_TYPES.cosignature, seed).verifier
    expect(refusalOf(() => verify({ ...line, keyId: key.keyId }, subtree, key)).code).toBe('COSIGNATURE_MALFORMED')
  })

  it('covers names of up to 255 bytes', () => {
    expect(subtreeMessage('n'.repeat(255), 0, 'l'.repeat(255), subtree)).toBeDefined()
    expect(subtreeMessage('n'.repeat(256), 0, 'l', subtree)).toBeUndefined()
    expect(subtreeMessage('n', 0, 'l'.repeat(256), subtree)).toBeUndefined()
  })
})

describe('cosignatures that were kept', () => {
  const text = formatCheckpoint({ origin: 'log.example', size: 5, root: new Uint8Array(32).fill(5) })
  const signer = makeSignerKey('w.example', SIGNATURE_TYPES.cosignature, seed)
  const other = makeSignerKey('other.example', SIGNATURE_TYPES.cosignature, seed)
  const at = (time: number, by = signer): Signature => cosign(text, time, by).signature
  const timeIn = (...signatures: Signature[]): number | undefined =>
    keptCosignatures({ text, signatures }, [signer.verifier]).get(signer.verifier.vkey)?.time
  const dated = (time: number): Signature => ({ ...at(1), bytes: concatBytes(uint64(time), at(1).bytes.subarray(8)) })

  test('are read without being verified, the newest of each key', () => {
    expect(timeIn(at(7))).toBe(7)
    expect(timeIn(at(7), at(9), at(8))).toBe(9)
    expect(timeIn(dated(12))).toBe(12)
    expect(timeIn(dated(MAX_COSIGNATURE_TIME))).toBe(MAX_COSIGNATURE_TIME)
    expect([...keptCosignatures({ text, signatures: [at(7), at(8, other)] }, [other.verifier]).keys()]).toEqual([
      other.verifier.vkey,
    ])
  })

  test('are no lines of other keys, of another length, or with an impossible time', () => {
    expect(timeIn(at(7, other))).toBeUndefined()
    expect(timeIn({ ...at(7), keyId: '00000000' })).toBeUndefined()
    expect(timeIn({ ...at(7), name: 'x.example' })).toBeUndefined()
    for (const length of [0, 7, 71, 73])
      expect(timeIn({ ...at(7), bytes: new Uint8Array(length).fill(1) })).toBeUndefined()
    for (const time of [0, MAX_COSIGNATURE_TIME + 1]) expect(timeIn(dated(time)), `${time}`).toBeUndefined()
  })
})

test('encodings are read whole or not at all', () => {
  expect(fromHex('0aFF')).toEqual(Uint8Array.of(10, 255))
  for (const text of ['0', '0g', 'g0', '0a ', ' 0a', '0a0', '0x0a', '+1', 'zz0a', '0azz'])
    expect(fromHex(text)).toBeUndefined()
  for (const text of ['AAA', '*AAA', 'AAA*', 'A=AA', '=AAA', 'AAAA====', 'AAAA*AAA'])
    expect(fromBase64(text)).toBeUndefined()
  expect(fromBase64('AAAA')).toEqual(new Uint8Array(3))
  expect(fromUtf8(Uint8Array.of(0x61, 0xff))).toBeUndefined()
  expect(fromUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa')
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false)
  expect(equalBytes(Uint8Array.of(1), Uint8Array.of(1, 2))).toBe(false)
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false)
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true)
})
