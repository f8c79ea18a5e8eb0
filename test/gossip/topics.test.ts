import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  MAX_FRAME_BYTES,
  type SyncAnswer,
  type Hello,
} from '../../src/gossip/sync/messages.js'
import { evidenceTopic, headsTopic, messageId, parseTopic } from '../../src/gossip/topics.js'
import { toHex, utf8 } from '../../src/tlog/bytes.js'
import { LOG } from './helpers.js'

describe('topics', () => {
  it('are named by their content and the log id', () => {
    expect(headsTopic(LOG)).toBe(`/gossum/heads/1/${LOG}`)
    expect(evidenceTopic(LOG)).toBe(`/gossum/evidence/1/${LOG}`)
    expect(parseTopic(headsTopic(LOG))).toEqual({ kind: 'heads', log: LOG })
    expect(parseTopic(evidenceTopic(LOG))).toEqual({ kind: 'evidence', log: LOG })
  })

  it.each([
    '',
    'chat',
    `/gossum/heads/2/${LOG}`,
    `/gossum/records/1/${LOG}`,
    `/gossum/heads/1/${LOG.toUpperCase()}`,
    `/gossum/heads/1/${LOG}0`,
    `/gossum/heads/1/${LOG.slice(1)}`,
    `/gossum/heads/1/${LOG}\n`,
    ` /gossum/heads/1/${LOG}`,
  ])('are not: %j', (name) => {
    expect(parseTopic(name)).toBeUndefined()
  })

  it('give messages ids by topic and data', () => {
    const expected = createHash('sha256')
      .update(headsTopic(LOG))
      .update(Uint8Array.of(0))
      .update('head\n')
      .digest('hex')
    expect(toHex(messageId(headsTopic(LOG), utf8('head\n')))).toBe(expected)
    // The boundary between topic and data is part of it.
    expect(messageId('ab', utf8('c'))).not.toEqual(messageId('a', utf8('bc')))
    expect(messageId(headsTopic(LOG), utf8('x'))).not.toEqual(messageId(evidenceTopic(LOG), utf8('x')))
  })
})

describe('sync messages', () => {
  const note = fc.string({ unit: 'binary', maxLength: 300 }).map(utf8)
  const hexOf = (digits: number): fc.Arbitrary<string> =>
    fc
      .array(fc.integer({ min: 0, max: 15 }), { minLength: digits, maxLength: digits })
      .map((all) => all.map((n) => n.toString(16)).join(''))
  const hello: fc.Arbitrary<Hello> = fc.record({
    type: fc.constant('hello' as const),
    heads: fc.array(note, { maxLength: 64 }),
    evidence: fc.array(fc.record({ log: hexOf(64), id: hexOf(16) }), { maxLength: 256 }),
    counts: fc.array(fc.string({ maxLength: 200 }), { maxLength: 91 }),
    peers: fc.array(fc.string({ maxLength: 100 }), { maxLength: 8 }),
    witness: fc.option(fc.record({ key: fc.string(), signature: fc.uint8Array({ minLength: 64, maxLength: 64 }) }), {
      nil: undefined,
    }),
  })

  it('read what they write', () => {
    fc.assert(
      fc.property(hello, (message) => {
        expect(decodeRequest(encodeRequest(message))).toEqual(message)
        expect(decodeAnswer(encodeAnswer(message))).toEqual(message)
      }),
    )
    fc.assert(
      fc.property(fc.array(hexOf(16), { maxLength: 16 }), fc.array(note, { maxLength: 16 }), (ids, files) => {
        expect(decodeRequest(encodeRequest({ type: 'evidence', ids }))).toEqual({ type: 'evidence', ids })
        expect(decodeAnswer(encodeAnswer({ type: 'evidence', files }))).toEqual({ type: 'evidence', files })
      }),
    )
  })

  it('never exceed a frame, and omit only what does not fit', () => {
    const big = (n: number): Uint8Array => utf8(`${n}${'"'.repeat(40_000)}`)
    const files = [big(1), big(2), big(3), big(4), utf8('small')]
    const padded = [new Uint8Array(70_000).fill(0x20), utf8('small')]
    expect(decodeAnswer(encodeAnswer({ type: 'evidence', files: padded }))).toEqual({
      type: 'evidence',
      files: [utf8('small')],
    })
    const evidence = encodeAnswer({ type: 'evidence', files })
    expect(evidence.length).toBeLessThanOrEqual(MAX_FRAME_BYTES)
    expect(decodeAnswer(evidence)).toEqual({ type: 'evidence', files: [files[0], files[1], files[2], files[4]] })
    const refs = Array.from({ length: 300 }, () => ({ log: LOG, id: '0123456789abcdef' }))
    const full = encodeAnswer({
      type: 'hello',
      heads: Array.from({ length: 70 }, (_, i) => utf8(`${i}`.repeat(9000))),
      evidence: refs,
      counts: [],
      peers: [],
    })
    expect(full.length).toBeLessThanOrEqual(MAX_FRAME_BYTES)
    const read = decodeAnswer(full) as Hello
    expect(read.evidence).toHaveLength(256)
    expect(read.heads.length).toBeGreaterThan(10)
  })

  it('ignore fields of later versions, and miss none', () => {
    expect(decodeRequest(utf8('{"type":"hello","protocol":2,"heads":["x"],"mine":{}}'))).toEqual({
      type: 'hello',
      heads: [utf8('x')],
      evidence: [],
      counts: [],
      peers: [],
    })
    expect(decodeAnswer(utf8('{"type":"error","code":"later","text":"..."}'))).toEqual({ type: 'error', code: 'later' })
    expect(decodeAnswer(utf8('{"type":"later"}'))).toBeUndefined()
  })

  it('are refused beyond a frame, however well formed', () => {
    const long = utf8(JSON.stringify({ type: 'hello', pad: 'x'.repeat(MAX_FRAME_BYTES) }))
    expect(decodeRequest(long)).toEqual({ type: 'error', code: 'malformed' })
    expect(decodeAnswer(long)).toBeUndefined()
  })

  it('never throw, whatever the bytes', () => {
    const answers = (bytes: Uint8Array): [unknown, SyncAnswer | undefined] => [
      decodeRequest(bytes),
      decodeAnswer(bytes),
    ]
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void answers(bytes)))
    fc.assert(fc.property(fc.json(), (json) => void answers(utf8(json))))
    const field = fc.oneof(fc.constant('hello'), fc.constant('evidence'), fc.constant('error'), fc.jsonValue())
    const shape = fc.record({
      type: field,
      heads: fc.jsonValue(),
      evidence: fc.jsonValue(),
      ids: fc.jsonValue(),
      files: fc.jsonValue(),
      code: fc.jsonValue(),
    })
    fc.assert(fc.property(shape, (value) => void answers(utf8(JSON.stringify(value)))))
    answers(utf8('['.repeat(200_000)))
  })
})
