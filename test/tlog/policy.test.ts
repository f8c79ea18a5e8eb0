import { describe, expect, it } from 'vitest'
import { concatBytes, toBase64, toHex, utf8 } from '../../src/tlog/bytes.js'
import { sha256 } from '../../src/tlog/hash.js'
import { makeSignerKey, SIGNATURE_TYPES, withType } from '../../src/tlog/note.js'
import {
  MAX_POLICY_BYTES,
  MAX_POLICY_LINES,
  parsePolicy,
  quorumSatisfied,
  quorumThreshold,
} from '../../src/tlog/policy.js'
import { codeOf } from '../helpers/codes.js'
import { readVectors } from '../helpers/vectors.js'

const vectors = (
  readVectors('policies.json') as {
    c2sp_tlog_policy: {
      valid: { name: string; policy: string }[]
      invalid: { why: string; policy: string }[]
      quorum_evaluation: { policy: string; cases: { cosigned: string[]; satisfied: boolean }[] }
    }
  }
).c2sp_tlog_policy

/** The vectors contain bytes, one per character. */
const octets = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0))

const vkeys: string[] = []
const vkey = (i: number): string => {
  const seed = sha256(utf8(`witness ${i}`))
  return (vkeys[i] ??= makeSignerKey(`w${i}.example`, SIGNATURE_TYPES.cosignature, seed).verifier.vkey)
}
const witnessLines = (count: number): string =>
  Array.from({ length: count }, (_, i) => `witness w${i} ${vkey(i)}\n`).join('')

/** A vkey of any type, with the id of the general formula. */
function foreignKey(name: string, type: number, key: Uint8Array): string {
  const blob = concatBytes(Uint8Array.of(type), key)
  return `${name}+${toHex(sha256(concatBytes(utf8(`${name}\n`), blob)).subarray(0, 4))}+${toBase64(blob)}`
}
const mlDsa = foreignKey('pq.example', 0x06, new Uint8Array(1312).fill(5))

describe('policy files', () => {
  it.each(vectors.valid)('are read: $name', (v) => {
    const policy = parsePolicy(octets(v.policy))
    expect(v.policy).toContain(policy.quorum)
    expect(policy.witnesses).toHaveLength(v.policy.split('\n').filter((line) => /^\s*witness\s/.test(line)).length)
    expect(parsePolicy(v.policy).quorum).toBe(policy.quorum)
  })

  it.each(vectors.invalid)('are refused: $why', (v) => {
    expect(codeOf(() => parsePolicy(octets(v.policy)))).toBe('POLICY_MALFORMED')
    expect(codeOf(() => parsePolicy(v.policy))).toBe('POLICY_MALFORMED')
  })

  it('are read with all that their lines define', () => {
    const log = 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8'
    const policy = parsePolicy(
      `log ${log} https://sum.golang.org\n${witnessLines(3)}group pair 2 w0 w1\ngroup g any pair w2\nquorum g`,
    )
    expect(policy.logs).toMatchObject([{ vkey: log, key: { name: 'sum.golang.org' }, url: 'https://sum.golang.org' }])
    expect(policy.witnesses.map((w) => [w.name, w.vkey, w.key?.keyId, w.url])).toEqual(
      [0, 1, 2].map((i) => [`w${i}`, vkey(i), vkey(i).split('+')[1], undefined]),
    )
    expect(policy.groups).toEqual([
      { name: 'pair', threshold: 2, members: ['w0', 'w1'] },
      { name: 'g', threshold: 1, members: ['pair', 'w2'] },
    ])
    expect(policy.quorum).toBe('g')
  })

  it.each([
    ['quorum none\n\nwitness x\n', /line 3: a witness line is/],
    ['log garbage\n', /line 1: the key is malformed/],
    ['quorum none\nquorum none\n', /line 2: a second quorum line/],
    [`${witnessLines(2)}group g 01 w0\n`, /line 3: "01" of 1 members/],
    [`${witnessLines(2)}group g +1 w0\n`, /line 3/],
    ['quorum none extra\n', /line 1: a quorum line is/],
    ['log a+b+c url url2\nquorum none', /line 1: a log line is/],
    [`${witnessLines(1)}group g any g\nquorum g\n`, /line 2: no witness or group "g"/],
    ['\ufeffquorum none\n', /line 1/],
    ['', /there is no quorum line/],
  ])('are refused with the line that is wrong: %j', (text, message) => {
    expect(() => parsePolicy(text)).toThrow(message)
  })

  it('may have 32 entries of each kind and more, up to a limit', () => {
    const pq = (i: number): string => foreignKey(`pq${i}`, 0x06, new Uint8Array(1312).fill(i))
    const lines = Array.from(
      { length: 32 },
      (_, i) => `log ${pq(i)}\nwitness w${i} ${pq(32 + i)}\ngroup g${i} any w${i}\n`,
    ).join('')
    expect(parsePolicy(`${lines}quorum g31\n`).logs).toHaveLength(32)

    const names = Array.from(
      { length: MAX_POLICY_LINES },
      (_, i) => `witness w${i} ${foreignKey('x', 0x77, utf8(String(i)))}\n`,
    )
    const full = `${names.join('')}quorum none\n`
    expect(parsePolicy(full).witnesses).toHaveLength(MAX_POLICY_LINES)
    expect(codeOf(() => parsePolicy(`witness more ${vkey(1)}\n${full}`))).toBe('POLICY_MALFORMED')

    const comment = `#${' '.repeat(MAX_POLICY_BYTES - 'quorum none\n#'.length)}`
    expect(parsePolicy(`quorum none\n${comment}`).quorum).toBe('none')
    expect(codeOf(() => parsePolicy(`quorum none\n${comment} `))).toBe('POLICY_MALFORMED')
  })

  it('may have names that differ in one octet, even if they are not UTF-8', () => {
    const line = (name: number): Uint8Array =>
      concatBytes(utf8('witness '), Uint8Array.of(name), utf8(` ${vkey(name)}\n`))
    const policy = parsePolicy(concatBytes(line(0x80), line(0xe9), utf8('quorum none')))
    expect(policy.witnesses.map((w) => w.name)).toEqual(['\u0080', '\u00e9'])
  })
})

it('a witness with an ML-DSA-44 key counts like any other', () => {
  const policy = parsePolicy(`witness w ${vkey(0)}\nwitness pq ${mlDsa}\ngroup g all w pq\nquorum g\n`)
  expect(policy.witnesses[1]?.key).toMatchObject({ name: 'pq.example', type: 0x06, vkey: mlDsa })
  expect(quorumSatisfied(policy, new Set([vkey(0)]))).toBe(false)
  expect(quorumSatisfied(policy, new Set([vkey(0), mlDsa]))).toBe(true)
  expect(quorumThreshold(policy)).toBe(2)
  const twice = `witness a ${mlDsa}\nwitness b ${mlDsa}\nquorum none\n`
  expect(codeOf(() => parsePolicy(twice))).toBe('POLICY_MALFORMED')
})

describe('keys that cannot be verified here', () => {
  const someKey = new Uint8Array(40).fill(3)

  it.each([
    ['a future type', foreignKey('later.example', 0x09, someKey)],
    ['a type with a longer identifier', foreignKey('later.example', 0xff, someKey)],
  ])('%s: the witness is listed and never counts', (_name, key) => {
    const policy = parsePolicy(`witness w ${vkey(0)}\nwitness later ${key}\ngroup g any w later\nquorum g\n`)
    expect(policy.witnesses[1]).toEqual({ name: 'later', key: undefined, vkey: key })
    expect(quorumSatisfied(policy, new Set([key]))).toBe(false)
    expect(quorumSatisfied(policy, new Set([vkey(0)]))).toBe(true)
    expect(quorumThreshold(policy)).toBe(1)
    expect(
      quorumThreshold(parsePolicy(`witness w ${vkey(0)}\nwitness later ${key}\ngroup g all w later\nquorum g\n`)),
    ).toBe(Infinity)
  })

  it('of a log are listed as undefined, so that the policy does not read as one without logs', () => {
    const witnessTyped = vkey(3)
    const policy = parsePolicy(`log ${mlDsa} https://x\nlog ${witnessTyped}\nquorum none\n`)
    expect(policy.logs).toEqual([
      { key: undefined, vkey: mlDsa, url: 'https://x' },
      { key: undefined, vkey: witnessTyped },
    ])
  })

  it.each([
    ['an ML-DSA key of a wrong length', foreignKey('x', 0x06, someKey)],
    ['an ML-DSA key with a wrong id', mlDsa.replace(/\+[0-9a-f]{8}\+/, '+00000000+')],
    ['an ECDSA key', foreignKey('x', 0x02, someKey)],
    ['an RFC 6962 key', foreignKey('x', 0x05, someKey)],
    ['a key of low order', foreignKey('x', 0x04, new Uint8Array(32))],
    ['no key', 'x+00000000+'],
  ])('%s is refused', (_name, key) => {
    expect(codeOf(() => parsePolicy(`witness w ${key}\nquorum none\n`))).toBe('POLICY_MALFORMED')
  })

  it('are compared with known public keys under another type', () => {
    const other = `other+01234567+${toBase64(concatBytes(Uint8Array.of(0x09), makeKey(0).publicKey))}`
    expect(() => parsePolicy(`witness a ${vkey(0)}\nwitness b ${other}\nquorum none\n`)).toThrow(
      /line 2: .* same public key/,
    )
    const log = withType(makeKey(0), SIGNATURE_TYPES.ed25519).vkey
    // One key for a log and a witness is unwise, but allowed.
    expect(parsePolicy(`witness a ${vkey(0)}\nlog ${log}\nquorum a\n`).logs).toHaveLength(1)
  })
})

function makeKey(i: number): ReturnType<typeof makeSignerKey>['verifier'] {
  return makeSignerKey(`w${i}.example`, SIGNATURE_TYPES.cosignature, sha256(utf8(`witness ${i}`))).verifier
}

describe('quorums', () => {
  const policy = parsePolicy(vectors.quorum_evaluation.policy)
  const keys = new Map(policy.witnesses.map((w) => [w.name, w.vkey]))

  it.each(vectors.quorum_evaluation.cases)('$cosigned: $satisfied', (c) => {
    expect(quorumSatisfied(policy, new Set(c.cosigned.map((name) => keys.get(name)!)))).toBe(c.satisfied)
  })

  it('of none are always satisfied', () => {
    const none = parsePolicy('quorum none\n')
    expect(quorumSatisfied(none, new Set())).toBe(true)
    expect(quorumThreshold(none)).toBe(0)
  })

  it('count only listed witnesses', () => {
    const one = parsePolicy(`${witnessLines(2)}quorum w0\n`)
    expect(quorumSatisfied(one, new Set([vkey(1), vkey(2), 'w0']))).toBe(false)
    expect(quorumSatisfied(one, new Set([vkey(0)]))).toBe(true)
    expect(quorumThreshold(one)).toBe(1)
  })

  it.each([
    ['group g 3 w0 w1 w2 w3 w4\nquorum g', 3],
    ['group g all w0 w1 w2 w3 w4\nquorum g', 5],
    ['group a all w0 w1 w2\ngroup b any w3 w4\ngroup g any a b\nquorum g', 1],
    ['group a all w0 w1 w2\ngroup b any w3 w4\ngroup g all a b\nquorum g', 4],
    ['group a 2 w0 w1 w2\ngroup g 2 a w3 w4\nquorum g', 2],
  ])('%j needs at least %i', (lines, threshold) => {
    const policy = parsePolicy(witnessLines(5) + lines)
    expect(quorumThreshold(policy)).toBe(threshold)
    // And that is the smallest set of witnesses that does: all 32 sets are tried.
    const sizes: number[] = []
    for (let set = 0; set < 32; set++) {
      const signedBy = [0, 1, 2, 3, 4].filter((i) => Math.floor(set / 2 ** i) % 2 === 1)
      if (quorumSatisfied(policy, new Set(signedBy.map(vkey)))) sizes.push(signedBy.length)
    }
    expect(Math.min(...sizes)).toBe(threshold)
  })
})
