import { describe, expect, test } from 'vitest'
import { utf8 } from '../../src/tlog/bytes.js'
import type { Note } from '../../src/tlog/note.js'
import type { Candidate } from '../../src/witness/head.js'
import type { Outcome } from '../../src/witness/outcome.js'
import { VerdictCache } from '../../src/witness/verdict-cache.js'

const REMEMBERED = 2048
const candidate = (text: string, log?: string): Candidate => ({
  ...{ source: 'gossip', note: utf8(text), receivedAt: 0 },
  ...(log !== undefined && { log }),
})
const malformed: Outcome = { kind: 'refused', news: false, code: 'NOTE_MALFORMED' }
const note = (text: string): Note => ({ text, signatures: [] })

describe('a refusal', () => {
  test('applies to the same bytes of the same log, whoever brings them', () => {
    const cache = new VerdictCache()
    expect(cache.refusal(candidate('a', 'log'))).toBeUndefined()
    cache.noteRefusal(candidate('a', 'log'), malformed)
    expect(cache.refusal({ ...candidate('a', 'log'), source: 'poll', receivedAt: 9 })).toBe(malformed)
    for (const other of [candidate('b', 'log'), candidate('a', 'another'), candidate('a')])
      expect(cache.refusal(other)).toBeUndefined()
  })

  test.each([
    'LOG_FROZEN',
    'GUARD_WAITING',
    'DEPOSIT_WAITING',
    'CLOCK_WRONG',
    'ORIGIN_TAKEN',
    'AGENT_UNAVAILABLE',
    'OLD_SIZE_DIFFERS',
    'PROOF_INVALID',
  ] as const)('for %s is temporary, and is not remembered', (code) => {
    const cache = new VerdictCache()
    cache.noteRefusal(candidate('a'), { kind: 'refused', news: false, code })
    expect(cache.refusal(candidate('a'))).toBeUndefined()
  })

  test('is the only outcome that is remembered', () => {
    const cache = new VerdictCache()
    for (const kind of ['advanced', 'known', 'past', 'pending', 'conflict'] as const)
      cache.noteRefusal(candidate('a'), { kind, news: false, code: 'NOTE_MALFORMED' })
    expect(cache.refusal(candidate('a'))).toBeUndefined()
  })

  test('is forgotten first if it was met longest ago, and takes no second place if it is repeated', () => {
    const cache = new VerdictCache()
    for (let i = 0; i < REMEMBERED; i++) cache.noteRefusal(candidate(`${i}`), malformed)
    for (let i = 0; i < 5; i++) cache.noteRefusal(candidate('7'), malformed)
    expect(cache.refusal(candidate('0'))).toBe(malformed)
    cache.noteRefusal(candidate('one more'), malformed)
    const known = (text: string): boolean => cache.refusal(candidate(text)) !== undefined
    expect(['0', '1', `${REMEMBERED - 1}`, 'one more'].map(known)).toEqual([true, false, true, true])
  })
})

describe('an older head of our history', () => {
  test('is recognised by its text and its log, whatever its lines', () => {
    const cache = new VerdictCache()
    cache.notePast('log', note('a'))
    const dressed = { text: 'a', signatures: [{ name: 'w', keyId: '00000000', bytes: new Uint8Array(72) }] }
    expect(cache.isPast('log', dressed)).toBe(true)
    expect([cache.isPast('another', note('a')), cache.isPast('log', note('b'))]).toEqual([false, false])
  })

  test('is forgotten first if it was met longest ago', () => {
    const cache = new VerdictCache()
    for (let i = 0; i < REMEMBERED; i++) cache.notePast('log', note(`${i}`))
    expect(cache.isPast('log', note('0'))).toBe(true)
    cache.notePast('log', note('one more'))
    expect(['0', '1', 'one more'].map((text) => cache.isPast('log', note(text)))).toEqual([true, false, true])
  })
})
