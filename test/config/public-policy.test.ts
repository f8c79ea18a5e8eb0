/** The built-in list: the keys are those of the published list, and genuine cosignatures verify under them. */
import { describe, expect, test } from 'vitest'
import { SUM_GOLANG_ORG } from '../../src/config/known-logs.js'
import { loadConfig } from '../../src/config/config.js'
import { PUBLIC_POLICY, PUBLIC_POLICY_DATE } from '../../src/config/public-policy.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { verifiedCosignatures } from '../../src/tlog/cosignature.js'
import { parseNote, parseVerifierKey, SIGNATURE_TYPES, withType } from '../../src/tlog/note.js'
import { parsePolicy } from '../../src/tlog/policy.js'
import { hasShared, readShared } from '../helpers/shared.js'
import { readVectors } from '../helpers/vectors.js'

const policy = parsePolicy(PUBLIC_POLICY)
const keys = policy.witnesses.flatMap(({ key }) => key ?? [])

test('the public policy is for sum.golang.org, has a date, and has only keys that can be verified', () => {
  expect(policy.logs.map(({ vkey }) => vkey)).toEqual([SUM_GOLANG_ORG])
  expect(new Date(PUBLIC_POLICY_DATE).toISOString().slice(0, 10)).toBe(PUBLIC_POLICY_DATE)
  expect(keys).toHaveLength(policy.witnesses.length)
  expect(keys.every(({ type }) => type === SIGNATURE_TYPES.cosignature)).toBe(true)
})

test('genuine cosignatures of four of its witnesses, on heads of other logs, verify', () => {
  const { notes } = readVectors('cosignatures.json') as { notes: { note?: string }[] }
  const theirs = notes.flatMap(({ note }) => (note?.includes('— ArmoredWitness-') ? note : []))
  const cosignatures = theirs.flatMap((note) => [...verifiedCosignatures(parseNote(utf8(note)), keys).values()])
  const signed = new Set(cosignatures.map(({ signature }) => signature.name))
  expect([...signed].sort()).toEqual([
    'ArmoredWitness-autumn-wood',
    'ArmoredWitness-floral-sky',
    'ArmoredWitness-small-breeze',
    'ArmoredWitness-weathered-rain',
  ])
})

describe.skipIf(!hasShared)('the published list', () => {
  test('has the same public keys, as type 0x01', () => {
    const text = Buffer.from(readShared('sumdb/cosigned/distributor-witnesses-prod.yaml')).toString('utf8')
    const published = [...text.matchAll(/^ {2}- (\S+)$/gm)].map(([, vkey]) => parseVerifierKey(vkey!))
    expect(published).toHaveLength(16)
    expect(published.map((key) => withType(key, SIGNATURE_TYPES.cosignature).vkey)).toEqual(
      keys.map(({ vkey }) => vkey),
    )
  })
})

test('a node accepts the public policy by its name', () => {
  const config = loadConfig({ home: '/nonexistent', policy: 'public' }, { env: {} })
  expect(config.policy).toEqual(expect.objectContaining({ quorum: 'public' }))
  expect(() => loadConfig({ home: '/nonexistent', policy: './public' }, { env: {} })).toThrow(/cannot be read/)
})
